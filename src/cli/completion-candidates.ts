import type { Command, Option } from 'commander';

/** A word that may stand where the cursor is. */
export type Candidate = { readonly value: string; readonly description: string };

/** `files`: the shell completes names of files itself. */
export type Completion = readonly Candidate[] | 'files';

/** Questions to the server; both resolve to none when it does not answer. */
export type Lookups = {
  tasks(): Promise<readonly { readonly name: string; readonly schema: unknown }[]>;
  operations(): Promise<readonly Candidate[]>;
};

/**
 * Finds what may stand in the place of the last of `words`. They are those behind the program's name, the last
 * as far as it is typed ('' when it is not begun).
 */
export async function completionOf(
  program: Command,
  words: readonly string[],
  lookups: Lookups,
): Promise<Completion> {
  const typed = words.at(-1) ?? '';
  const at = placeIn(program, words.slice(0, -1));
  const found = await candidatesAt(at, typed, lookups);
  if (found === 'files') return found;
  return found.filter(({ value }) => value.startsWith(typed) && value !== typed);
}

type Place = {
  readonly command: Command;
  /** Arguments of the command before the cursor, without options and their values. */
  readonly operands: readonly string[];
  /** The option whose value is typed. */
  readonly option: Option | null;
};

function placeIn(program: Command, words: readonly string[]): Place {
  let command = program;
  let operands: string[] = [];
  let option: Option | null = null;
  for (const word of words) {
    if (option !== null) {
      option = null;
      continue;
    }
    if (word.startsWith('-')) {
      option = word.includes('=') ? null : takingValue(command, word);
      continue;
    }
    const inner = command.commands.find((one) => one.name() === word);
    if (inner === undefined || operands.length > 0) operands = [...operands, word];
    else command = inner;
  }
  return { command, operands, option };
}

function takingValue(command: Command, word: string): Option | null {
  const option = optionsOf(command).find(({ short, long }) => short === word || long === word);
  return option !== undefined && (option.required || option.optional) ? option : null;
}

/** Options of the command and of those it belongs to. */
function optionsOf(command: Command): readonly Option[] {
  const { parent } = command;
  const outer = parent === null ? [] : optionsOf(parent);
  return [...command.options.filter(({ hidden }) => !hidden), ...outer];
}

async function candidatesAt(
  { command, operands, option }: Place,
  typed: string,
  lookups: Lookups,
): Promise<Completion> {
  if (option !== null) return valuesOf(option, '', lookups);
  if (typed.startsWith('--') && typed.includes('=')) {
    const name = typed.slice(0, typed.indexOf('='));
    const named = takingValue(command, name);
    return named === null ? [] : valuesOf(named, `${name}=`, lookups);
  }
  if (typed.startsWith('-')) {
    return optionsOf(command).map(({ long, short, description }) => {
      return { value: long ?? short ?? '', description };
    });
  }
  if (command.commands.length > 0) return commandsOf(command);
  return operandsOf(command, operands, lookups);
}

function commandsOf(command: Command): Candidate[] {
  return command.commands
    .filter((one) => !one.name().startsWith('__'))
    .map((one) => ({ value: one.name(), description: one.description() }));
}

async function valuesOf(option: Option, prefix: string, lookups: Lookups): Promise<Completion> {
  const { argChoices, flags } = option;
  if (argChoices !== undefined) {
    return argChoices.map((choice) => ({ value: `${prefix}${choice}`, description: '' }));
  }
  if (flags.includes('<name>') && option.long === '--task') {
    return (await lookups.tasks()).map(({ name }) => ({
      value: `${prefix}${name}`,
      description: '',
    }));
  }
  return /<(?:file|store|json)>/.test(flags) ? 'files' : [];
}

async function operandsOf(
  command: Command,
  operands: readonly string[],
  lookups: Lookups,
): Promise<Completion> {
  const { registeredArguments } = command;
  const argument = registeredArguments[operands.length] ?? registeredArguments.at(-1);
  const isVariadic = argument?.variadic === true;
  if (argument === undefined || (operands.length >= registeredArguments.length && !isVariadic)) {
    return [];
  }
  switch (argument.name()) {
    case 'task':
      return (await lookups.tasks()).map(({ name }) => ({ value: name, description: '' }));
    case 'input':
      return fieldsOf(await lookups.tasks(), operands);
    case 'operation':
      return lookups.operations();
    case 'folder':
      return 'files';
    default:
      return (argument.argChoices ?? []).map((value) => ({ value, description: '' }));
  }
}

/** `name=` for each field that is not given yet, and its values where the schema lists them. */
function fieldsOf(
  tasks: Awaited<ReturnType<Lookups['tasks']>>,
  [task, ...given]: readonly string[],
): Candidate[] {
  const schema = tasks.find(({ name }) => name === task)?.schema;
  const properties = objectAt(schema, 'properties');
  const taken = new Set(given.map((word) => word.split(/:?=/)[0]));
  return Object.entries(properties)
    .filter(([name]) => !taken.has(name))
    .flatMap(([name, field]) => {
      const values = arrayAt(field, 'enum');
      const one = { value: `${name}=`, description: textAt(field, 'description') };
      return [one, ...values.map((value) => ({ value: `${name}=${value}`, description: '' }))];
    });
}

function objectAt(value: unknown, member: string): Readonly<Record<string, unknown>> {
  const found = memberOf(value, member);
  return typeof found === 'object' && found !== null ? (found as Record<string, unknown>) : {};
}

function arrayAt(value: unknown, member: string): readonly string[] {
  const found = memberOf(value, member);
  return Array.isArray(found) ? found.filter((one) => typeof one === 'string') : [];
}

function textAt(value: unknown, member: string): string {
  const found = memberOf(value, member);
  return typeof found === 'string' ? found : '';
}

function memberOf(value: unknown, member: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, member) : undefined;
}
