import { Argument, type Command } from 'commander';
import { completionOf, type Candidate, type Lookups } from './completion-candidates.ts';
import { completionScripts, completionShells, type CompletionShell } from './completion-scripts.ts';
import { readToken, serverUrl, type GlobalOptions, type Shell } from './context.ts';
import { exitCodes } from './exit-codes.ts';
import { openOutput } from './output.ts';
import { safeLine } from './terminal-text.ts';

/** Somebody has pressed Tab and waits: a lookup that takes longer finds nothing. */
const lookupMsMax = 1_000;
const operationsShown = 20;

export function addCompletion(program: Command, shell: Shell): void {
  program
    .command('completion')
    .description('print what a shell must load to complete commands, tasks and their inputs')
    .addArgument(new Argument('<shell>', 'bash, zsh or fish').choices(completionShells))
    .addHelpText('after', howToLoad)
    .action((...args: unknown[]) => {
      const command = args.at(-1) as Command;
      const output = openOutput(command.optsWithGlobals<GlobalOptions>());
      output.report(completionScripts[command.args[0] as CompletionShell].trimEnd());
      shell.exitCode = exitCodes.ok.code;
    });
  program
    .command('__complete', { hidden: true })
    .argument('[words...]')
    .allowUnknownOption()
    .action(async (...args: unknown[]) => {
      const command = args.at(-1) as Command;
      const flags = command.optsWithGlobals<GlobalOptions>();
      const found = await completionOf(program, command.args, lookupsAt(flags));
      const lines = found === 'files' ? [':files'] : found.map(lineOf);
      if (lines.length > 0) process.stdout.write(`${lines.join('\n')}\n`);
      shell.exitCode = exitCodes.ok.code;
    });
}

const howToLoad = `
bash: source <(raincheck completion bash)     in ~/.bashrc
zsh:  source <(raincheck completion zsh)      in ~/.zshrc, behind compinit
fish: raincheck completion fish | source      in config.fish
They complete and call \`raincheck\`, which must be on the PATH: npm install -g raincheck, or add
node_modules/.bin to it.
Tasks, their fields and the latest operations are asked of the server (RAINCHECK_URL).`;

function lineOf({ value, description }: Candidate): string {
  const text = safeLine(value);
  return description === '' ? text : `${text}\t${safeLine(description)}`;
}

/** Each asks the server once, without a second try: no answer is no candidates. */
function lookupsAt(flags: GlobalOptions): Lookups {
  return {
    async tasks() {
      const tasks = itemsOf(await asked(flags, '/tasks'), 'tasks');
      return tasks.map((task) => ({ name: textOf(task, 'name'), schema: task['input_schema'] }));
    },
    async operations() {
      const answer = await asked(flags, `/operations?limit=${operationsShown}`);
      return itemsOf(answer, 'operations').map((operation) => {
        const description = `${textOf(operation, 'task')} ${textOf(operation, 'status')}`;
        return { value: textOf(operation, 'id'), description };
      });
    },
  };
}

async function asked(flags: GlobalOptions, path: string): Promise<unknown> {
  try {
    const token = readToken(flags);
    const response = await fetch(`${serverUrl(flags).replace(/\/$/, '')}${path}`, {
      headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
      signal: AbortSignal.timeout(lookupMsMax),
    });
    return await response.json();
  } catch {
    return null;
  }
}

type Item = Readonly<Record<string, unknown>>;

function itemsOf(answer: unknown, member: string): readonly Item[] {
  const list: unknown =
    typeof answer === 'object' && answer !== null ? Reflect.get(answer, member) : null;
  if (!Array.isArray(list)) return [];
  return list.filter((one): one is Item => typeof one === 'object' && one !== null);
}

function textOf(item: Item, member: string): string {
  const value = item[member];
  return typeof value === 'string' ? value : '';
}
