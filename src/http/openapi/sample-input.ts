type Schema = { readonly [keyword: string]: unknown };

/**
 * An input that probably fits a JSON Schema, for the banner and the examples in the API's
 * documents. It takes examples and defaults from the schema, else the plainest value of the type,
 * and leaves out optional members.
 */
export function sampleInput(schema: unknown): unknown {
  return sampleOf(schema, { root: schema, depth: 0 });
}

type Place = { readonly root: unknown; readonly depth: number };

function sampleOf(schema: unknown, place: Place): unknown {
  if (!isSchema(schema) || place.depth > 8) return {};
  const at = { root: place.root, depth: place.depth + 1 };
  const { $ref } = schema;
  if (typeof $ref === 'string') return sampleOf(referred(place.root, $ref), at);
  const given = givenSample(schema, at);
  if (given !== undefined) return given;
  switch (Array.isArray(schema['type']) ? schema['type'][0] : schema['type']) {
    case 'string':
      return sampleText(schema);
    case 'integer':
    case 'number':
      return Math.max(1, Number(schema['minimum'] ?? 1));
    case 'boolean':
      return true;
    case 'null':
      return null;
    case 'array':
      return Number(schema['minItems'] ?? 0) > 0 ? [sampleOf(schema['items'], at)] : [];
    default:
      return sampleObject(schema, at);
  }
}

function givenSample(schema: Schema, at: Place): unknown {
  if ('const' in schema) return schema['const'];
  for (const keyword of ['examples', 'enum']) {
    const values = schema[keyword];
    if (Array.isArray(values) && values.length > 0) return values[0] as unknown;
  }
  if ('default' in schema) return schema['default'];
  for (const keyword of ['anyOf', 'oneOf', 'allOf']) {
    const schemas = schema[keyword];
    if (Array.isArray(schemas) && schemas.length > 0) return sampleOf(schemas[0], at);
  }
  return undefined;
}

const formats: Readonly<Record<string, string>> = {
  date: '2030-01-31',
  time: '09:00:00Z',
  'date-time': '2030-01-31T09:00:00Z',
  duration: 'PT15M',
  email: 'somebody@example.com',
  hostname: 'example.com',
  ipv4: '192.0.2.1',
  ipv6: '2001:db8::1',
  uri: 'https://example.com/',
  url: 'https://example.com/',
  'uri-reference': '/path',
  uuid: '123e4567-e89b-42d3-a456-426614174000',
};

function sampleText(schema: Schema): string {
  const text = formats[String(schema['format'])] ?? 'text';
  const max = Number(schema['maxLength'] ?? Infinity);
  return text.padEnd(Math.min(Number(schema['minLength'] ?? 0), charsMax), 'x').slice(0, max);
}

/** Longer examples would help nobody. */
const charsMax = 200;

function sampleObject(schema: Schema, at: Place): unknown {
  const properties = isSchema(schema['properties']) ? schema['properties'] : {};
  const required = Array.isArray(schema['required']) ? (schema['required'] as unknown[]) : [];
  return Object.fromEntries(
    Object.entries(properties)
      .filter(([name]) => required.includes(name))
      .map(([name, member]) => [name, sampleOf(member, at)]),
  );
}

/** The schema that a reference within the document leads to. */
function referred(root: unknown, reference: string): unknown {
  const names = reference.replace(/^#\/?/, '').split('/').filter(Boolean);
  return names.reduce<unknown>((at, name) => (isSchema(at) ? at[name] : undefined), root);
}

function isSchema(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
