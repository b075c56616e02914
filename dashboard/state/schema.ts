/**
 * Forms from JSON Schema (2020-12). Whatever a form cannot show plainly is edited as JSON: a
 * member, or the whole input.
 */
export type Schema = { readonly [keyword: string]: unknown };

export type Field = {
  readonly name: string;
  readonly kind: 'text' | 'number' | 'boolean' | 'choice' | 'json' | 'group';
  readonly required: boolean;
  readonly description: string | null;
  readonly placeholder: string;
  /** For a `choice`. */
  readonly choices: readonly unknown[];
  /** For a `group`. */
  readonly fields: readonly Field[];
  readonly schema: Schema;
};

const depthMax = 3;

/** The fields of a schema; null: it cannot be a form. */
export function fieldsOf(schema: unknown, depth = 0): readonly Field[] | null {
  if (!isSchema(schema) || depth > depthMax || !isOf(schema, 'object')) return null;
  const { properties } = schema;
  const combines = ['oneOf', 'anyOf', 'allOf', '$ref', 'if'].some((keyword) => keyword in schema);
  if (!isSchema(properties) || combines) return null;
  const required = Array.isArray(schema['required']) ? (schema['required'] as unknown[]) : [];
  return Object.entries(properties).map(([name, member]) =>
    fieldOf({
      name,
      required: required.includes(name),
      schema: isSchema(member) ? member : {},
      depth,
    }),
  );
}

function fieldOf(p: {
  readonly name: string;
  readonly required: boolean;
  readonly schema: Schema;
  readonly depth: number;
}): Field {
  const { schema } = p;
  const inner = isOf(schema, 'object') ? fieldsOf(schema, p.depth + 1) : null;
  const description = schema['description'] ?? schema['title'];
  return {
    name: p.name,
    kind: inner === null ? kindOf(schema) : 'group',
    required: p.required,
    description: typeof description === 'string' ? description : null,
    placeholder: placeholderOf(schema),
    choices: choicesOf(schema) ?? [],
    fields: inner ?? [],
    schema,
  };
}

function kindOf(schema: Schema): Field['kind'] {
  if (choicesOf(schema) !== null) return 'choice';
  if (['oneOf', 'anyOf', 'allOf', '$ref'].some((keyword) => keyword in schema)) return 'json';
  if (isOf(schema, 'string')) return 'text';
  if (isOf(schema, 'number') || isOf(schema, 'integer')) return 'number';
  return isOf(schema, 'boolean') ? 'boolean' : 'json';
}

function choicesOf(schema: Schema): readonly unknown[] | null {
  if ('const' in schema) return [schema['const']];
  const { enum: values } = schema;
  return Array.isArray(values) ? (values as unknown[]) : null;
}

function placeholderOf(schema: Schema): string {
  const { examples, minimum, maximum, format } = schema;
  if ('default' in schema) return `${JSON.stringify(schema['default'])} unless given`;
  const example: unknown = Array.isArray(examples) ? examples[0] : undefined;
  if (example !== undefined) return typeof example === 'string' ? example : JSON.stringify(example);
  if (typeof minimum === 'number' && typeof maximum === 'number') return `${minimum} to ${maximum}`;
  return typeof format === 'string' ? format : '';
}

function isOf({ type }: Schema, wanted: string): boolean {
  return Array.isArray(type) ? type[0] === wanted : type === wanted;
}

/**
 * An input that probably fits: examples and defaults, else the plainest value; only required
 * members.
 */
export function sampleOf(schema: unknown, depth = 0): unknown {
  if (!isSchema(schema) || depth > 8) return {};
  const [first] = choicesOf(schema) ?? [];
  const { examples } = schema;
  if (Array.isArray(examples) && examples.length > 0) return examples[0] as unknown;
  if (first !== undefined) return first;
  if ('default' in schema) return schema['default'];
  if (isOf(schema, 'string')) return 'text';
  if (isOf(schema, 'number') || isOf(schema, 'integer'))
    return Math.max(1, Number(schema['minimum'] ?? 1));
  if (isOf(schema, 'boolean')) return true;
  if (isOf(schema, 'array')) return [];
  const required = Array.isArray(schema['required']) ? (schema['required'] as unknown[]) : [];
  const properties = isSchema(schema['properties']) ? schema['properties'] : {};
  return Object.fromEntries(
    Object.entries(properties)
      .filter(([name]) => required.includes(name))
      .map(([name, member]) => [name, sampleOf(member, depth + 1)]),
  );
}

/** The member of an object at a path; undefined if there is none. */
export function memberAt(value: unknown, path: readonly string[]): unknown {
  let at = value;
  for (const name of path) at = isSchema(at) && Object.hasOwn(at, name) ? at[name] : undefined;
  return at;
}

/**
 * A copy with the member at a path set. undefined removes it, with any object that becomes empty.
 */
export function withMember(value: unknown, path: readonly string[], member: unknown): unknown {
  const [name, ...rest] = path;
  if (name === undefined) return member;
  const object: Record<string, unknown> = isSchema(value) ? { ...value } : {};
  const next = withMember(object[name], rest, member);
  const isEmptied = rest.length > 0 && isSchema(next) && Object.keys(next).length === 0;
  if (next === undefined || isEmptied) delete object[name];
  else object[name] = next;
  return object;
}

export function isSchema(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
