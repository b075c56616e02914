import { inputMaskOf } from '../core/input-mask.ts';
import { isInputPath } from '../core/input-path.ts';
import { limits } from '../core/limits.ts';
import { expected } from '../core/options.ts';
import { RaincheckError } from '../core/errors.ts';
import { suggestion } from '../core/suggest.ts';
import { schemaMembers, type JsonSchema, type SchemaMembers } from './schema-members.ts';
import type { Task } from './task.ts';

const prefix = 'input.';

/**
 * Checks the option `redact`. Where the schema lists the members, a path that it does not know is
 * refused: a typing error would show what was to be hidden.
 */
export function redactOption(
  name: string,
  value: unknown,
  schemaOf: () => JsonSchema | null,
): Pick<Task, 'redact' | 'inputMask'> {
  if (value === undefined) return { redact: [], inputMask: null };
  const max = limits.redactPaths;
  if (!Array.isArray(value) || value.length > max) {
    throw expected(name, `an array like ['input.apiKey'] of at most ${max}`, value);
  }
  const schema = schemaOf();
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
  if (root === null) return;
  let schemas: readonly unknown[] = [root];
  for (const [at, member] of names.entries()) {
    const members = schemaMembers(schemas, root);
    const below = members.named.get(member);
    if (below === undefined) {
      if (members.isOpen) return;
      throw unknownMember(name, { names, at, members });
    }
    schemas = below;
  }
}

function unknownMember(
  name: string,
  p: { readonly names: readonly string[]; readonly at: number; readonly members: SchemaMembers },
): RaincheckError {
  const above = ['input', ...p.names.slice(0, p.at)].join('.');
  const member = p.names[p.at] ?? '';
  return new RaincheckError(
    'invalid_option',
    `\`${name}\` names \`${above}.${member}\`, which the input's schema does not have. ${hint(above, member, p.members)}`,
  );
}

/**
 * Where any member is allowed, the path would name a single key; most likely a member of each of
 * them is meant.
 */
function hint(above: string, member: string, { named, takesOthers }: SchemaMembers): string {
  const known = [...named.keys()];
  const meant = suggestion(member, known);
  if (meant !== null) return `Did you mean \`${above}.${meant}\`?`;
  if (takesOthers) {
    const whole = above === 'input' ? '' : `redact \`${above}\` as a whole, or `;
    return `\`${above}\` takes members of any name: ${whole}name this one in the schema.`;
  }
  if (known.length === 0) return `Nothing is below \`${above}\`.`;
  return `Known: ${known.map((one) => `${above}.${one}`).join(', ')}.`;
}
