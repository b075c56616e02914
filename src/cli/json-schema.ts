import { UsageError } from './exit-codes.ts';

/** An input or a JSON Schema, of which this file reads only what tells the types of values. */
export type JsonObject = Record<string, unknown>;

/** Depth of references and branches that is looked into: a schema may refer to itself. */
const depthMax = 16;

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The JSON types that the value at `path` may have; null when the schema does not tell. */
export function typesAt(root: unknown, path: readonly string[]): ReadonlySet<string> | null {
  let schemas: JsonObject[] = branches(root, root, 0);
  for (const name of path) {
    schemas = schemas.flatMap((schema) => branches(memberSchema(schema, name), root, 0));
  }
  const types = new Set(schemas.flatMap(typesOf));
  return types.size === 0 ? null : types;
}

/** `schema` with its references followed and its anyOf, oneOf and allOf laid side by side. */
function branches(schema: unknown, root: unknown, depth: number): JsonObject[] {
  if (!isObject(schema) || depth > depthMax) return [];
  const parts = ['anyOf', 'oneOf', 'allOf'].flatMap((key) => {
    const list = schema[key];
    return Array.isArray(list) ? list : [];
  });
  const reference = typeof schema['$ref'] === 'string' ? referred(root, schema['$ref']) : undefined;
  return [schema, ...[...parts, reference].flatMap((part) => branches(part, root, depth + 1))];
}

function referred(root: unknown, reference: string): unknown {
  if (!reference.startsWith('#')) return undefined;
  let found = root;
  for (const segment of reference.slice(1).split('/').slice(1)) {
    const name = segment.replaceAll('~1', '/').replaceAll('~0', '~');
    found = isObject(found) ? found[name] : undefined;
  }
  return found;
}

function memberSchema(schema: JsonObject, name: string): unknown {
  const { properties, items, additionalProperties } = schema;
  if (isObject(properties) && Object.hasOwn(properties, name)) return properties[name];
  if (/^\d+$/.test(name) && isObject(items)) return items;
  return additionalProperties;
}

function typesOf(schema: JsonObject): string[] {
  const { type } = schema;
  if (typeof type === 'string') return [type];
  if (Array.isArray(type)) return type.filter((one) => typeof one === 'string');
  const values = 'const' in schema ? [schema['const']] : schema['enum'];
  if (!Array.isArray(values)) return [];
  return values.map((value) => {
    if (value === null) return 'null';
    return Array.isArray(value) ? 'array' : typeof value;
  });
}

/** Puts `value` at `path`, making objects (arrays where the schema says so) on the way. */
export function setAt(
  target: JsonObject,
  path: readonly string[],
  p: {
    readonly value: unknown;
    /** Adds it to the list there; the first item replaces a list that came with --input. */
    readonly append: boolean;
    readonly isFirst: boolean;
    readonly schema: unknown;
  },
): void {
  let parent: unknown = target;
  for (const [i, name] of path.slice(0, -1).entries()) {
    const before = member(parent, name);
    const isArray = typesAt(p.schema, path.slice(0, i + 1))?.has('array') ?? false;
    const next = typeof before === 'object' && before !== null ? before : isArray ? [] : {};
    put(parent, name, next);
    parent = next;
  }
  const name = path.at(-1) ?? '';
  const before = member(parent, name);
  const list = p.isFirst || !Array.isArray(before) ? [] : before;
  put(parent, name, p.append ? [...list, p.value] : p.value);
}

function member(parent: unknown, name: string): unknown {
  if (Array.isArray(parent)) return parent[Number(name)];
  return isObject(parent) && Object.hasOwn(parent, name) ? parent[name] : undefined;
}

/** Defines the member, assigns nothing: `__proto__` is a name like any other in JSON. */
function put(parent: unknown, name: string, value: unknown): void {
  if (!Array.isArray(parent)) {
    const own = { value, writable: true, enumerable: true, configurable: true };
    Object.defineProperty(parent, name, own);
    return;
  }
  const index = /^\d{1,6}$/.test(name) ? Number(name) : Number.NaN;
  if (!(index <= parent.length)) {
    throw new UsageError(
      `Expected a list index up to ${parent.length} in its place, got '${name}'.`,
    );
  }
  parent[index] = value;
}
