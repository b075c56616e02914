export type JsonSchema = Readonly<Record<string, unknown>>;

/** The members of a value according to its JSON Schema; an array stands for its elements. */
export type SchemaMembers = {
  /** Schemas of the named members, from all alternatives. */
  readonly named: ReadonlyMap<string, readonly unknown[]>;
  /** The value may also have members that are not named, as in a record. */
  readonly takesOthers: boolean;
  /** The schema does not restrict the value at all. */
  readonly isOpen: boolean;
};

/**
 * The members of a value of any of `schemas`, which are parts of `root`. Alternatives (anyOf,
 * oneOf) and combinations (allOf) are treated alike: a member is named if any part names it. A
 * schema that refers to itself is followed once.
 */
export function schemaMembers(schemas: readonly unknown[], root: JsonSchema): SchemaMembers {
  const named = new Map<string, unknown[]>();
  let takesOthers = false;
  let isOpen = false;
  const parts = new Set(schemas);
  // The set grows while it is walked, and holds each schema once.
  for (const part of parts) {
    if (part === false) continue;
    const schema = asSchema(part);
    if (schema === null) {
      isOpen = true;
      continue;
    }
    for (const inner of innerParts(schema, root)) parts.add(inner);
    for (const [name, member] of namedBy(schema))
      named.set(name, [...(named.get(name) ?? []), member]);
    takesOthers ||= takesOthersThan(schema);
    isOpen ||= saysNothing(schema);
  }
  return { named, takesOthers, isOpen };
}

/** Schemas of the value itself or of its elements. */
function innerParts(schema: JsonSchema, root: JsonSchema): readonly unknown[] {
  const { anyOf, oneOf, allOf, prefixItems, items, $ref } = schema;
  const parts = [anyOf, oneOf, allOf, schema['then'], schema['else'], prefixItems, items].flat();
  if ($ref !== undefined) parts.push(referred($ref, root));
  return parts.filter((part) => part !== undefined);
}

function namedBy(schema: JsonSchema): readonly (readonly [string, unknown])[] {
  const names = asSchema(schema['propertyNames'])?.['enum'];
  const { additionalProperties = true } = schema;
  return [
    ...Object.entries(asSchema(schema['properties']) ?? {}),
    ...(Array.isArray(names)
      ? names.map((name) => [String(name), additionalProperties] as const)
      : []),
  ];
}

/**
 * A schema that does not mention other members allows none here: validators drop or ignore them.
 */
function takesOthersThan({ additionalProperties = false, patternProperties }: JsonSchema): boolean {
  return additionalProperties !== false || patternProperties !== undefined;
}

const tellingWords = [
  'anyOf',
  'oneOf',
  'allOf',
  '$ref',
  'prefixItems',
  'items',
  'enum',
  'const',
  'properties',
  'additionalProperties',
  'patternProperties',
  'propertyNames',
];

function saysNothing(schema: JsonSchema): boolean {
  if (tellingWords.some((word) => schema[word] !== undefined)) return false;
  const types = [schema['type']].flat();
  return [undefined, 'object', 'array'].some((type) => types.includes(type));
}

/**
 * The schema that a `$ref` within the same document refers to; true, which allows everything, when
 * it leads elsewhere or nowhere.
 */
function referred(ref: unknown, root: JsonSchema): unknown {
  if (typeof ref !== 'string' || !/^#(?:\/|$)/.test(ref)) return true;
  let at: unknown = root;
  for (const part of ref.split('/').slice(1)) {
    const name = decoded(part).replaceAll('~1', '/').replaceAll('~0', '~');
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, name)) return true;
    at = (at as JsonSchema)[name];
  }
  return at;
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

function asSchema(value: unknown): JsonSchema | null {
  return typeof value === 'object' && value !== null ? (value as JsonSchema) : null;
}
