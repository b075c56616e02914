type Schema = { readonly [keyword: string]: unknown };

/**
 * An input that is likely to fit a JSON Schema, for lines to copy: examples and defaults where the
 * schema has them, else the plainest value of the type. Members that may be left out are left out.
 */
export function sampleInput(schema: unknown, depth = 0): unknown {
  if (!isSchema(schema) || depth > 8) return {};
  const given = givenSample(schema);
  if (given !== undefined) return given;
  switch (Array.isArray(schema['type']) ? schema['type'][0] : schema['type']) {
    case 'string':
      return 'text';
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

function givenSample(schema: Schema): unknown {
  if ('const' in schema) return schema['const'];
  for (const keyword of ['examples', 'enum']) {
    const values = schema[keyword];
    if (Array.isArray(values) && values.length > 0) return values[0] as unknown;
  }
  return schema['default'];
}

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
