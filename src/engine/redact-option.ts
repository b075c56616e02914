import { inputMaskOf } from '../core/input-mask.ts';
import { isInputPath } from '../core/input-path.ts';
import { limits } from '../core/limits.ts';
import { expected } from '../core/options.ts';
import { RaincheckError } from '../core/errors.ts';
import { suggestion } from '../core/suggest.ts';
import type { Task } from './task.ts';

type JsonSchema = Readonly<Record<string, unknown>>;

const prefix = 'input.';

/**
 * The option `redact`, checked. A path that the schema does not know is refused where the schema tells its members: a
 * slip would show what was to be kept back.
 */
export function redactOption(
  name: string,
  value: unknown,
  schema: JsonSchema | null,
): Pick<Task, 'redact' | 'inputMask'> {
  if (value === undefined) return { redact: [], inputMask: null };
  const max = limits.redactPaths;
  if (!Array.isArray(value) || value.length > max) {
    throw expected(name, `an array like ['input.apiKey'] of at most ${max}`, value);
  }
  const redact = value.map((path: unknown, i) => checkedPath(`${name}[${i}]`, path, schema));
  return { redact, inputMask: inputMaskOf(redact.map((path) => path.slice(prefix.length))) };
}

function checkedPath(name: string, path: unknown, schema: JsonSchema | null): string {
  const what = "a path like 'input.apiKey' or 'input.card.number'";
  if (typeof path !== 'string') throw expected(name, what, path);
  if (!path.startsWith(prefix)) {
    const meant = isInputPath(path) ? `; did you mean '${prefix}${path}'?` : '';
    throw expected(name, `${what}${meant}`, path);
  }
  const below = path.slice(prefix.length);
  if (!isInputPath(below) || below.length > limits.filterTextChars) {
    throw expected(
      name,
      `${what}: letters, digits, '_', '$' and '-', a digit or '-' not first`,
      path,
    );
  }
  refuseUnknownMember(name, below.split('.'), schema);
  return path;
}

function refuseUnknownMember(
  name: string,
  names: readonly string[],
  root: JsonSchema | null,
): void {
  let schema = root;
  for (const [i, member] of names.entries()) {
    const known = knownMembers(schema);
    if (known === null) return;
    if (!Object.hasOwn(known, member)) {
      throw unknownMember(name, { names, at: i, known: Object.keys(known) });
    }
    schema = asSchema(known[member]);
  }
}

function unknownMember(
  name: string,
  p: { readonly names: readonly string[]; readonly at: number; readonly known: readonly string[] },
): RaincheckError {
  const before = p.names.slice(0, p.at);
  const told = (member: string): string => prefix + [...before, member].join('.');
  const member = p.names[p.at] ?? '';
  const meant = suggestion(member, p.known);
  const hint =
    meant === null ? `Known: ${p.known.map(told).join(', ')}.` : `Did you mean \`${told(meant)}\`?`;
  return new RaincheckError(
    'invalid_option',
    `\`${name}\` names \`${told(member)}\`, which the input's schema does not have. ${hint}`,
  );
}

/** null: the schema does not tell them all, or not in a way that is understood here. */
function knownMembers(schema: JsonSchema | null): JsonSchema | null {
  if (schema === null) return null;
  const items = asSchema(schema['items']);
  if (schema['type'] === 'array' && items !== null) return knownMembers(items);
  const { properties, additionalProperties = false, patternProperties } = schema;
  if (additionalProperties !== false || patternProperties !== undefined) return null;
  return asSchema(properties);
}

function asSchema(value: unknown): JsonSchema | null {
  return typeof value === 'object' && value !== null ? (value as JsonSchema) : null;
}
