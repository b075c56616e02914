type Schema = { readonly [keyword: string]: unknown };

/**
 * An input that is likely to fit a JSON Schema, for the lines of the banner and the examples of the API's documents:
 * examples and defaults where the schema has them, else the plainest value of the type. Members that may be left out
 * are left out.
 */
export function sampleInput(schema: unknown, depth = 0): unknown {
  if (!isSchema(schema) || depth > 8) return {};
  const given = givenSample(schema, depth);
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
      return Number(schema['minItems'] ?? 0) > 0 ? [sampleInput(schema['items'], depth + 1)] : [];
    default:
      return sampleObject(schema, depth);
  }
}

function givenSample(schema: Schema, depth: number): unknown {
  if ('const' in schema) return schema['const'];
  for (const keyword of ['examples', 'enum']) {
    const values = schema[keyword];
    if (Array.isArray(values) && values.length > 0) return values[0] as unknown;
  }
  if ('default' in schema) return schema['default'];
  for (const keyword of ['anyOf', 'oneOf', 'allOf']) {
    const schemas = schema[keyword];
    if (Array.isArray(schemas) && schemas.length > 0) return sampleInput(schemas[0], depth + 1);
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

/** An example that is longer helps nobody. */
const charsMax = 200;

function sampleObject(schema: Schema, depth: number): unknown {
  const properties = isSchema(schema['properties']) ? schema['properties'] : {};
  const required = Array.isArray(schema['required']) ? (schema['required'] as unknown[]) : [];
  return Object.fromEntries(
    Object.entries(properties)
      .filter(([name]) => required.includes(name))
      .map(([name, member]) => [name, sampleInput(member, depth + 1)]),
  );
}

function isSchema(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
