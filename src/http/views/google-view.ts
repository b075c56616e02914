import { decodeCursor, encodeCursor } from '../../core/cursor.ts';
import { RaincheckError } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import {
  isFinal,
  operationStatuses,
  statesOf,
  statusOf,
  type Operation,
  type OperationStatus,
} from '../../core/operation.ts';
import type { OperationFilter } from '../../engine/engine.ts';
import { tenant, type HttpContext } from '../context.ts';
import type { ExchangeReply, ExchangeRequest } from '../exchange.ts';
import { grpcCodeOf, grpcNames } from './grpc-codes.ts';
import { iso, isoOrNull } from '../iso.ts';
import { readJsonBody } from '../json-body.ts';
import { jsonReply } from '../json-reply.ts';
import { originOf } from '../operation-location.ts';
import { problemOf, recordedProblem } from '../problem.ts';
import { invalid, single } from '../query.ts';
import { operationNotFound, readOperation } from '../results.ts';
import { submitForView } from '../submit.ts';
import { viewResult } from './view-result.ts';
import { withRetryAfter } from '../wire.ts';

/**
 * Operations in the form of google.longrunning (AIP-151), over REST: `done`, `metadata`, then
 * either `response` or `error`. Every google.protobuf.Any in an operation holds a Struct, which
 * clients have in their protos or can import; a result that is not an object is its member `value`.
 * A client that lacks the type of one Any cannot read the operation at all. For example, with a
 * google.rpc.ErrorInfo in `error.details`, google-gax never saw a failure, because generated
 * clients have google.rpc.Status in their protos but not the details. Errors of requests follow
 * AIP-193 with ErrorInfo, because the client library reads those with its own types.
 */
const structType = 'type.googleapis.com/google.protobuf.Struct';

/** `GET /v1/operations/{id}`, and `/v1/operations%2F{id}` as one segment. */
export function readGoogle(
  context: HttpContext,
  request: ExchangeRequest,
  id: string,
): Promise<ExchangeReply> {
  return asGoogle(context, async () =>
    operationReply(context, request, await readOperation(context, id)),
  );
}

/** `POST /v1/operations/{id}:cancel` and `:wait`. */
export function steerGoogle(
  context: HttpContext,
  request: ExchangeRequest,
  idAndVerb: string,
): Promise<ExchangeReply> {
  return asGoogle(context, async () => {
    const [id = '', verb, ...rest] = idAndVerb.split(':');
    if (rest.length > 0) throw operationNotFound();
    const operation = await readOperation(context, id);
    if (verb === 'cancel') {
      await context.engine.cancel({ id, tenant });
      return jsonReply({});
    }
    if (verb !== 'wait') throw operationNotFound();
    const latest = await context.engine.waitFor({
      id,
      tenant,
      until: 'final',
      version: operation.version,
      timeoutMs: await waitMs(context, request),
      signal: request.signal,
    });
    return operationReply(context, request, latest);
  });
}

/**
 * `DELETE /v1/operations/{id}`: the client is "no longer interested" (AIP-151), which cancels
 * nothing. A final operation is removed; any other goes on and expires in time.
 */
export function forgetGoogle(context: HttpContext, id: string): Promise<ExchangeReply> {
  return asGoogle(context, async () => {
    const operation = await readOperation(context, id);
    if (isFinal(operation.state)) await context.engine.remove({ id, tenant });
    return jsonReply({});
  });
}

/** `GET /v1/operations?pageSize&pageToken&filter`. */
export function listGoogle(context: HttpContext, request: ExchangeRequest): Promise<ExchangeReply> {
  return asGoogle(context, async () => {
    const parameters = new URLSearchParams(request.query);
    const token = single(parameters, 'pageToken');
    const page = await context.engine.list({
      filter: { tenant, ...parseGoogleFilter(single(parameters, 'filter') ?? '') },
      limit: pageSize(single(parameters, 'pageSize')),
      beforeId: token === null || token === '' ? null : decodeCursor(token, 'operations'),
    });
    const operations = await Promise.all(
      page.operations.map((one) => operationText(context, request, one)),
    );
    const next = page.nextBeforeId;
    const nextToken = next === null ? '' : encodeCursor(next, 'operations');
    return {
      ...jsonReply(null),
      body: `{"operations":[${operations.join(',')}],"nextPageToken":${JSON.stringify(nextToken)}}`,
    };
  });
}

/**
 * `POST /v1{task.path}`: a submit, answered with 200 and the operation, as Google's methods are.
 */
export function submitGoogle(
  context: HttpContext,
  request: ExchangeRequest,
  task: string,
): Promise<ExchangeReply> {
  return asGoogle(context, async () => {
    const { operation } = await submitForView(context, request, task);
    return operationReply(context, request, operation);
  });
}

async function operationReply(
  context: HttpContext,
  request: ExchangeRequest,
  operation: Operation,
): Promise<ExchangeReply> {
  const reply = jsonReply(null);
  return {
    ...reply,
    headers: withRetryAfter(context, operation, { ...reply.headers }),
    body: await operationText(context, request, operation),
  };
}

async function operationText(
  context: HttpContext,
  request: ExchangeRequest,
  operation: Operation,
): Promise<string> {
  const done = isFinal(operation.state);
  const head = JSON.stringify({
    name: `operations/${operation.id}`,
    metadata: { '@type': structType, value: metadata(operation) },
    done,
    ...(operation.state === 'failed' && { error: googleError(context, operation) }),
  });
  if (operation.state !== 'completed') return head;
  const text = await viewResult(context, { operation, origin: originOf(context, request) });
  const value = text.startsWith('{') ? text : `{"value":${text}}`;
  return `${head.slice(0, -1)},"response":{"@type":"${structType}","value":${value}}}`;
}

function metadata(operation: Operation) {
  const { progress } = operation;
  const fraction = progress?.fraction ?? null;
  return {
    task: operation.task,
    state: statusOf(operation.state),
    createTime: iso(operation.createdAt),
    startTime: isoOrNull(operation.startedAt),
    endTime: isoOrNull(operation.finishedAt),
    progressPercent: fraction === null ? null : Math.floor(fraction * 100),
    progressMessage: progress?.message ?? null,
    cancelRequested: operation.cancelRequestedAt !== null,
  };
}

function googleError(context: HttpContext, operation: Operation) {
  const { code, title, detail } = recordedProblem(context.basePath, operation);
  return {
    code: grpcCodeOf(code),
    message: detail === '' ? title : detail,
    details: [{ '@type': structType, value: { ...reasonOf(code), title } }],
  };
}

function reasonOf(code: string) {
  return { reason: code.toUpperCase(), domain: 'raincheck' };
}

function errorInfo(code: string) {
  return { '@type': 'type.googleapis.com/google.rpc.ErrorInfo', ...reasonOf(code) };
}

/** The timeout in `{"timeout": "10s"}`; without one, the longest wait allowed. */
async function waitMs(context: HttpContext, request: ExchangeRequest): Promise<number> {
  const body = await readJsonBody(request, context.bodyBytesMax);
  const most = limits.preferWaitSecondsMax * 1000;
  const value = body?.value;
  if (typeof value !== 'object' || value === null || !('timeout' in value)) return most;
  const match = /^(\d{1,9}(?:\.\d{1,9})?)s$/.exec(String(value.timeout));
  if (match === null) throw invalid("Expected `timeout` to be a duration like '10s'.");
  return Math.min(most, Number(match[1]) * 1000);
}

/** AIP-158: larger values are cut to the maximum, and 0 means the default. */
function pageSize(text: string | null): number {
  if (text === null || text === '0') return limits.pageSizeDefault;
  if (!/^\d{1,9}$/.test(text)) throw invalid('Expected `pageSize` to be a whole number.');
  return Math.min(limits.pageSizeMax, Number(text));
}

/**
 * The part of AIP-160 that our lists can filter by: `done=true`, `state=failed`, `task="reports"`,
 * joined by AND.
 */
function parseGoogleFilter(text: string): OperationFilter {
  let states: OperationFilter['states'];
  let task: string | undefined;
  for (const term of text.split(/\s+AND\s+/i).map((one) => one.trim())) {
    if (term === '') continue;
    const [, name = '', value = ''] = /^([\w.]+)\s*[=:]\s*"?([^"]*)"?$/.exec(term) ?? [];
    if (name === 'done' && (value === 'true' || value === 'false')) {
      const statuses: readonly OperationStatus[] =
        value === 'true' ? ['completed', 'failed'] : ['pending', 'processing'];
      states = statuses.flatMap(statesOf);
    } else if (/^(?:metadata\.)?state$/.test(name) && isStatus(value)) {
      states = statesOf(value);
    } else if (/^(?:metadata\.)?task$/.test(name) && value !== '') {
      task = value;
    } else {
      throw invalid(
        'Expected `filter` to be like `done=true`, `state=failed` or `task="reports"`, joined by AND.',
      );
    }
  }
  return { states, task };
}

function isStatus(text: string): text is OperationStatus {
  return operationStatuses.some((status) => status === text);
}

/** AIP-193: `{error: {code, message, status, details}}`. */
async function asGoogle(
  context: HttpContext,
  answer: () => Promise<ExchangeReply>,
): Promise<ExchangeReply> {
  try {
    return await answer();
  } catch (error) {
    if (!(error instanceof RaincheckError)) throw error;
    const { problem, headers } = problemOf(context, error);
    const violations = problem.errors?.map((one) => ({
      field: one.pointer,
      description: one.detail,
    }));
    const badRequest = {
      '@type': 'type.googleapis.com/google.rpc.BadRequest',
      fieldViolations: violations,
    };
    return {
      status: problem.status,
      headers: { ...headers, 'content-type': 'application/json' },
      body: JSON.stringify({
        error: {
          code: problem.status,
          message: problem.detail,
          status: grpcNames[grpcCodeOf(error.code)] ?? 'UNKNOWN',
          details: [errorInfo(error.code), ...(violations === undefined ? [] : [badRequest])],
        },
      }),
    };
  }
}
