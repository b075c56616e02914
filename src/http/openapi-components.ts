import { errorTable } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import { reference, type Json } from './openapi-schemas.ts';

/** What the addresses of the OpenAPI document share. */
export function json(schema: Json): Json {
  return { 'application/json': { schema } };
}

const problemContent: Json = { 'application/problem+json': { schema: reference('Problem') } };
export const problemReference: Json = { $ref: '#/components/responses/Problem' };
export const retryAfter: Json = {
  'Retry-After': {
    description: 'Whole seconds to wait before the next look.',
    schema: {
      type: 'integer',
      minimum: limits.retryAfterSecondsMin,
      maximum: limits.retryAfterPutOffSecondsMax,
    },
  },
  'retry-after-ms': {
    description: 'The same in milliseconds.',
    schema: {
      type: 'integer',
      minimum: 1,
      maximum: limits.retryAfterPutOffSecondsMax * 1000,
    },
  },
};

const etag: Json = { schema: { type: 'string' } };

export const responses: Json = {
  Accepted: {
    description: 'Taken and stored. The status is at Location.',
    headers: {
      Location: { required: true, schema: { type: 'string', format: 'uri-reference' } },
      ...retryAfter,
    },
    content: json(reference('Operation')),
    links: { status: { $ref: '#/components/links/status' } },
  },
  Operation: {
    description: 'The operation as it is now.',
    headers: { ETag: etag, ...retryAfter },
    content: json(reference('Operation')),
    links: { cancel: { $ref: '#/components/links/cancel' } },
  },
  Result: {
    description: 'The result: JSON, or the file the task made.',
    headers: { ETag: etag, 'Accept-Ranges': { schema: { const: 'bytes' } } },
  },
  ResultRange: {
    description: 'The bytes asked for by Range.',
    headers: { ETag: etag, 'Content-Range': { schema: { type: 'string' } } },
  },
  Unchanged: { description: 'As If-None-Match has it.', headers: { ETag: etag } },
  Task: { description: 'The task.', content: json(reference('Task')) },
  Problem: { description: `An error: ${errorsInWords()}.`, content: problemContent },
};

/** The closed table, in the order of its statuses. */
function errorsInWords(): string {
  return Object.entries(errorTable)
    .sort(([, a], [, b]) => a.status - b.status)
    .map(([code, { status }]) => `${status} \`${code}\``)
    .join(', ');
}

export const links: Json = {
  status: { operationId: 'readOperation', parameters: { id: '$response.body#/id' } },
  cancel: { operationId: 'cancelOperation', parameters: { id: '$response.body#/id' } },
};

export function query(name: string, schema: Json, description: string): Json {
  return { name, in: 'query', schema, description };
}

export const string: Json = { type: 'string' };

export const parameters: Json = {
  Id: { name: 'id', in: 'path', required: true, schema: string },
  Limit: query('limit', { type: 'integer', minimum: 1, maximum: limits.pageSizeMax }, 'Page size.'),
  Cursor: query('cursor', string, '`next_cursor` of the page before.'),
  Since: query('since', string, "Created since: an instant, or how long ago ('2h')."),
  Until: query('until', string, 'Created before: an instant, or how long ago.'),
  TaskName: { name: 'name', in: 'path', required: true, schema: string },
  ErrorCode: {
    name: 'code',
    in: 'path',
    required: true,
    schema: { enum: Object.keys(errorTable) },
  },
  Labels: {
    name: 'labels',
    in: 'query',
    // Each property is a parameter of its own: `label.team=acme`.
    style: 'form',
    explode: true,
    schema: {
      type: 'object',
      patternProperties: { '^label\\.': { type: 'string', maxLength: limits.labelValueChars } },
      additionalProperties: false,
      maxProperties: limits.labels,
    },
    description: 'Labels, as `label.{key}={value}`.',
  },
  InputMembers: {
    name: 'inputs',
    in: 'query',
    // Each property is a parameter of its own: `input.user.id=42`.
    style: 'form',
    explode: true,
    schema: {
      type: 'object',
      patternProperties: { '^input\\.': { type: 'string', maxLength: limits.filterTextChars } },
      additionalProperties: false,
      maxProperties: limits.filterInputs,
    },
    description: 'Members of the input, as `input.{path}={value}`.',
  },
  IfNoneMatch: { name: 'If-None-Match', in: 'header', schema: string },
  Range: { name: 'Range', in: 'header', schema: string, description: 'One range of bytes.' },
  IfRange: { name: 'If-Range', in: 'header', schema: string },
  IdempotencyKey: {
    name: 'Idempotency-Key',
    in: 'header',
    schema: { type: 'string', minLength: 1, maxLength: limits.idempotencyKeyChars },
    description: 'The same key with the same request gives the same operation, for 24 h at least.',
  },
  Prefer: {
    name: 'Prefer',
    in: 'header',
    schema: string,
    description: `\`wait=N\`: hold the answer up to N seconds (at most ${limits.preferWaitSecondsMax}).`,
  },
};

export function shared(name: string): Json {
  return { $ref: `#/components/parameters/${name}` };
}
