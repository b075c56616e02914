import { errorTable, type ErrorCode } from '../../core/errors.ts';
import { problemReference, problems, waitedHeaders, withHeaders } from './components.ts';
import { reference, type Json } from './schemas.ts';
import { problemType } from '../problem.ts';

const codes = Object.keys(errorTable) as ErrorCode[];

/**
 * Responses named `Problem404` and so on, each with an example of every code, and `Problem` for any
 * other error.
 */
export function problemResponses(basePath: string): Json {
  const statuses = [...new Set(codes.map((code) => errorTable[code].status))].toSorted(
    (a, b) => a - b,
  );
  return {
    Problem: {
      description: `Any other error: ${statuses.map((status) => `${status} ${inWords(status)}`).join('; ')}.`,
      headers: problemHeaders,
      content: { 'application/problem+json': { schema: reference('Problem') } },
    },
    ...Object.fromEntries(
      statuses.map((status) => [`Problem${status}`, problemResponse(status, basePath)]),
    ),
  };
}

function inWords(status: number): string {
  return codesOf(status)
    .map((code) => `\`${code}\``)
    .join(', ');
}

function codesOf(status: number): readonly ErrorCode[] {
  return codes.filter((code) => errorTable[code].status === status);
}

function problemResponse(status: number, basePath: string): Json {
  const examples = codesOf(status).map((code) => [
    code,
    { summary: errorTable[code].title, value: problemExample(code, basePath) },
  ]);
  return {
    description: `${codesOf(status)
      .map((code) => `${errorTable[code].title} (\`${code}\`)`)
      .join('; ')}.`,
    headers: headersOf(status),
    content: {
      'application/problem+json': {
        schema: reference('Problem'),
        examples: Object.fromEntries(examples) as Json,
      },
    },
  };
}

/**
 * A handler may fail with any status, so every error may answer a submit that waited for the end.
 */
const problemHeaders: Json = { ...withHeaders('Retry-After'), ...waitedHeaders };

function headersOf(status: number): Json {
  if (status === 401) return withHeaders('WWW-Authenticate');
  if (status === 416) return withHeaders('Content-Range');
  return problemHeaders;
}

/** The `detail` of an example, where the title does not say enough. */
const details: Partial<Record<ErrorCode, string>> = {
  invalid_request: 'Expected `limit` to be an integer from 1 to 200.',
  unauthorized: 'Send the token of this server as `Authorization: Bearer …`.',
  operation_not_found: 'There is no operation with this id here.',
  task_not_found: 'No task has this name.',
  validation_failed: 'The input does not fit the schema of the task.',
};

export function problemExample(code: ErrorCode, basePath: string): Json {
  const { status, title } = errorTable[code];
  return {
    type: problemType(basePath, code),
    title,
    status,
    detail: details[code] ?? `${title}.`,
    code,
    ...(code === 'validation_failed' && {
      errors: [{ pointer: '/to', detail: 'Expected a date like 2030-01-31.' }],
    }),
  };
}

const methods = ['get', 'post', 'patch', 'put', 'delete'] as const;

/**
 * Adds to each operation the errors that follow from its parameters and body, so that a route lists
 * only its special ones: 400 with a query or a body, 401 when tokens are needed, 403 when something
 * is changed, 404 with a parameter in the path, 413, 415 and 422 with a body, 414 always.
 */
export function withProblems(paths: Json, secured: boolean): Json {
  return Object.fromEntries(
    Object.entries(paths as Record<string, Json>).map(([path, item]) => [
      path,
      Object.fromEntries(
        Object.entries(item).map(([name, operation]) => [
          name,
          methods.some((method) => method === name)
            ? described(operation as Json, { path, method: name, secured })
            : operation,
        ]),
      ),
    ]),
  );
}

/**
 * Matches parameters in the query, also shared ones. Mistakes in other headers are ignored by the
 * server.
 */
const checkedParameter = /"query"|\/(?:Limit|Cursor|Since|Until|Labels|Priority|IdempotencyKey)"/;

function described(
  operation: Json,
  p: { readonly path: string; readonly method: string; readonly secured: boolean },
): Json {
  const hasBody = 'requestBody' in operation;
  const isChecked = checkedParameter.test(JSON.stringify(operation['parameters'] ?? []));
  const statuses = [
    ...(hasBody || isChecked ? [400] : []),
    ...(p.secured && !isOpen(operation) ? [401] : []),
    ...(p.method === 'get' ? [] : [403]),
    ...(p.path.includes('{') ? [404] : []),
    ...(hasBody ? [413, 415, 422] : []),
    414,
  ];
  const own = operation['responses'] as Json;
  return {
    ...operation,
    responses: byStatus({ ...problems(...statuses), default: problemReference, ...own }),
  };
}

/**
 * Whether the operation has `security: []`, which means that it needs no token although others do.
 */
function isOpen({ security }: Json): boolean {
  return Array.isArray(security) && security.length === 0;
}

/** Numeric keys are in order by themselves; 'default' goes last. */
function byStatus({ default: last, ...rest }: Json): Json {
  return last === undefined ? rest : { ...rest, default: last };
}
