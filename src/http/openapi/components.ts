import { errorTable } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import type { Json } from './schemas.ts';

/** A content of JSON, used by many paths of the document. */
export function json(schema: Json): Json {
  return { 'application/json': { schema } };
}

/** The `default` response of every operation: any error that is not listed by its status. */
export const problemReference: Json = { $ref: '#/components/responses/Problem' };

/**
 * The errors that are special to an operation, by status. Errors that follow from its parameters
 * and body (400, 401, 403, 404, 413 …) are added by problems.ts.
 */
export function problems(...statuses: readonly number[]): Json {
  return Object.fromEntries(
    statuses.map((status) => [String(status), { $ref: `#/components/responses/Problem${status}` }]),
  );
}

/**
 * References to headers of an answer. They are optional unless components.headers says `required`.
 */
export function withHeaders(...names: readonly (keyof typeof headers)[]): Json {
  return Object.fromEntries(names.map((name) => [name, { $ref: `#/components/headers/${name}` }]));
}

const seconds: Json = {
  type: 'integer',
  minimum: limits.retryAfterSecondsMin,
  maximum: limits.retryAfterPutOffSecondsMax,
};
const address: Json = { type: 'string', format: 'uri-reference' };
const text: Json = { type: 'string' };

export const headers = {
  Location: {
    description: 'Address of the operation, or of what was made.',
    required: true,
    schema: address,
    example: '/operations/op_01JDQ2T4G6Z8K0M3N5P7R9S1V4',
  },
  'Waited-Location': {
    description: 'Of a submit that waited for the end: address of the operation.',
    schema: address,
  },
  'Operation-Location': {
    description: 'The operation in the words of Azure clients, as a whole URL.',
    schema: { type: 'string', format: 'uri' },
  },
  'Content-Location': {
    description: 'Address of the result that this answer carries.',
    schema: address,
  },
  'Retry-After': {
    description: 'Whole seconds to wait before the next look.',
    schema: seconds,
    example: 3,
  },
  'retry-after-ms': {
    description: 'The same in milliseconds.',
    schema: { type: 'integer', minimum: 1, maximum: limits.retryAfterPutOffSecondsMax * 1000 },
    example: 3000,
  },
  ETag: {
    description: 'Send it as If-None-Match: 304 as long as nothing has changed.',
    schema: { type: 'string', pattern: '^"[^"]*"$' },
  },
  'Preference-Applied': {
    description: 'What of `Prefer` was honoured.',
    schema: text,
    example: 'respond-async, wait=10',
  },
  'Idempotent-Replayed': {
    description: 'An earlier request with this Idempotency-Key made the operation.',
    schema: { const: 'true' },
  },
  Link: {
    description: 'The next page, `rel="next"`, while there is one.',
    schema: text,
    example: '</operations?cursor=b3BfMDFK>; rel="next"',
  },
  'Accept-Ranges': { description: 'Ranges of bytes can be asked for.', schema: { const: 'bytes' } },
  'Content-Range': {
    description: 'Which bytes of how many.',
    required: true,
    schema: { type: 'string', pattern: String.raw`^bytes (\d+-\d+|\*)/\d+$` },
    example: 'bytes 0-1023/43210',
  },
  'Content-Disposition': {
    description: 'The name of the file, where the task gave it one.',
    schema: text,
    example: 'attachment; filename="report.pdf"',
  },
  'WWW-Authenticate': { required: true, schema: text, example: 'Bearer realm="raincheck"' },
} as const satisfies Record<string, Json>;

/**
 * Headers of a submit that waited (`Prefer: wait`) until the operation ended, whatever the outcome.
 */
export const waitedHeaders: Json = {
  Location: { $ref: '#/components/headers/Waited-Location' },
  ...withHeaders('Content-Location', 'Preference-Applied', 'Idempotent-Replayed'),
};

export function query(name: string, schema: Json, description: string): Json {
  return { name, in: 'query', schema, description };
}

function inPath(name: string, schema: Json): Json {
  return { name, in: 'path', required: true, schema };
}

export const string: Json = { type: 'string' };

export const parameters: Json = {
  Id: { ...inPath('id', string), description: 'The `id`, as an answer told it.' },
  Limit: query('limit', { type: 'integer', minimum: 1, maximum: limits.pageSizeMax }, 'Page size.'),
  Cursor: query('cursor', string, '`next_cursor` of the page before.'),
  Since: query('since', string, "Created since: an instant, or how long ago ('2h')."),
  Until: query('until', string, 'Created before: an instant, or how long ago.'),
  Priority: query(
    'priority',
    { type: 'integer', minimum: limits.priorityMin, maximum: limits.priorityMax },
    'Higher goes first.',
  ),
  Delay: query('delay', string, "Start no earlier than after this: '15s', '10m', '7d'."),
  NotBefore: query(
    'not_before',
    { type: 'string', format: 'date-time' },
    'Start no earlier than this.',
  ),
  Deadline: query('deadline', string, 'Fail when not done by then: a duration or an instant.'),
  TaskName: { ...inPath('name', string), description: 'Name of the task.' },
  ErrorCode: {
    ...inPath('code', { enum: Object.keys(errorTable) }),
    description: '`code` of a problem.',
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
  IfNoneMatch: {
    name: 'If-None-Match',
    in: 'header',
    schema: string,
    description: 'The ETag of what is there already: 304 as long as nothing has changed.',
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
  Range: { name: 'Range', in: 'header', schema: string, description: 'One range of bytes.' },
  IfRange: {
    name: 'If-Range',
    in: 'header',
    schema: string,
    description: 'The ETag that the range is of; all of it when that has changed.',
  },
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
