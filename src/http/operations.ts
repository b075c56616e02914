import { decodeCursor, encodeCursor } from '../core/cursor.ts';
import { parseDuration } from '../core/duration.ts';
import { outcomeCodes, RaincheckError, type OutcomeCode } from '../core/errors.ts';
import { isOperationId } from '../core/id.ts';
import { limits } from '../core/limits.ts';
import {
  isFinal,
  operationStatuses,
  statesOf,
  type Operation,
  type OperationStatus,
} from '../core/operation.ts';
import { suggestion } from '../core/suggest.ts';
import type { OperationFilter } from '../engine/engine.ts';
import { matchesEtag, versionInEtag } from './conditional.ts';
import { tenant, type HttpContext } from './context.ts';
import type { ExchangeReply, ExchangeRequest } from './exchange.ts';
import { fingerprint, parseIdempotencyKey } from './idempotency-key.ts';
import { readJsonBody } from './json-body.ts';
import { parsePrefer, preferenceApplied } from './prefer.ts';
import { invalid, parseInstant, parseLabels, single } from './query.ts';
import { operationNotFound, readOperation } from './results.ts';
import {
  acceptedReply,
  etagOf,
  listedJson,
  mayHaveEndedAttempts,
  notModifiedReply,
  replayedReply,
  statusReply,
  view,
  viewWithAttempts,
} from './wire.ts';

/**
 * `GET /operations/{id}`: 200 in every state, 304 when If-None-Match names what stands. `Prefer: wait=N`
 * holds the answer until the next change: from the version in If-None-Match, so that none is missed
 * between two polls, else from the one that stands at arrival.
 */
export async function readStatus(
  context: HttpContext,
  request: ExchangeRequest,
  id: string,
): Promise<ExchangeReply> {
  let operation = await readOperation(context, id);
  const ifNoneMatch = request.header('if-none-match');
  const prefer = request.header('prefer');
  let applied: string | null = null;
  if (prefer !== undefined) {
    const preferences = parsePrefer(prefer);
    applied = preferenceApplied(preferences, { async: false, wait: true });
    if (preferences.waitSeconds !== null && !isFinal(operation.state)) {
      operation = await context.engine.waitFor({
        id,
        tenant,
        until: 'change',
        version: versionInEtag(ifNoneMatch) ?? operation.version,
        timeoutMs: preferences.waitSeconds * 1000,
        signal: request.signal,
      });
    }
  }
  const shown = mayHaveEndedAttempts(operation)
    ? await viewWithAttempts(context, operation)
    : view(context, operation);
  const reply = matchesEtag(ifNoneMatch, etagOf(shown))
    ? notModifiedReply(shown)
    : statusReply(context, shown);
  if (applied !== null) reply.headers['preference-applied'] = applied;
  return reply;
}

/** `POST /operations/{id}/cancel`: 202 while the wish is only noted, 200 once (or already) final. */
export async function cancelOperation(context: HttpContext, id: string): Promise<ExchangeReply> {
  requireId(id);
  const { operation } = await context.engine.cancel({ id, tenant });
  return currentReply(context, operation);
}

async function currentReply(context: HttpContext, operation: Operation): Promise<ExchangeReply> {
  const shown = await viewWithAttempts(context, operation);
  return isFinal(operation.state) ? statusReply(context, shown) : acceptedReply(context, shown);
}

/** `DELETE /operations/{id}`: final ones are removed (204), others cancelled (as cancel answers). */
export async function removeOperation(context: HttpContext, id: string): Promise<ExchangeReply> {
  requireId(id);
  const outcome = await context.engine.remove({ id, tenant });
  if (outcome === 'removed') return { status: 204, headers: {}, body: null };
  return currentReply(context, await context.engine.read({ id, tenant }));
}

/**
 * `POST /operations/{id}/retry`, body optional: `{"input": …}` replaces the input. 202 with the new operation. An
 * Idempotency-Key makes it safe to repeat, as a submit.
 */
export async function retryOperation(
  context: HttpContext,
  request: ExchangeRequest,
  id: string,
): Promise<ExchangeReply> {
  requireId(id);
  const key = parseIdempotencyKey(request.header('idempotency-key'));
  const body = await readJsonBody(request, context.bodyBytesMax);
  const input = body === null ? undefined : retryInput(body.value);
  const idempotency =
    key === null
      ? undefined
      : {
          key,
          fingerprint: fingerprint({
            task: `retry ${id}`,
            body: body?.bytes ?? noBytes,
            options: '',
          }),
        };
  try {
    const { operation, replayed } = await context.engine.retry({ id, tenant, input, idempotency });
    return replayed
      ? await replayedReply(context, operation)
      : acceptedReply(context, view(context, operation));
  } catch (error) {
    throw underInput(error);
  }
}

const noBytes = new Uint8Array(0);

function retryInput(body: unknown): { value: unknown; text: string } | undefined {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw invalid('Expected the body to be an object like {"input": …}, or no body at all.');
  }
  const unknown = Object.keys(body).find((key) => key !== 'input');
  if (unknown !== undefined) {
    throw invalid('Expected the body to have no member but `input`.');
  }
  if (!('input' in body)) return undefined;
  return { value: body.input, text: JSON.stringify(body.input) };
}

/** The engine points into the input; the client wrote it one level down. */
function underInput(error: unknown): unknown {
  if (!(error instanceof RaincheckError) || error.errors === undefined) return error;
  const errors = error.errors.map((one) => ({ ...one, pointer: `/input${one.pointer}` }));
  return new RaincheckError(error.code, error.message, { cause: error, errors });
}

function requireId(id: string): void {
  if (!isOperationId(id)) throw operationNotFound();
}

/** `GET /operations`: newest first, filters ANDed, `Link: rel="next"` while there is more. */
export async function listOperations(
  context: HttpContext,
  request: ExchangeRequest,
): Promise<ExchangeReply> {
  const parameters = new URLSearchParams(request.query);
  const cursor = single(parameters, 'cursor');
  const page = await context.engine.list({
    filter: parseFilter(parameters, context.engine.clock.now()),
    limit: parseLimit(single(parameters, 'limit')),
    beforeId: cursor === null ? null : decodeCursor(cursor),
  });
  const next = page.nextBeforeId === null ? null : encodeCursor(page.nextBeforeId);
  const operations = page.operations.map((one) => listedJson(context, one)).join(',');
  const headers: Record<string, string> = {
    'content-type': 'application/json',
    'cache-control': 'no-store',
  };
  if (next !== null) {
    parameters.set('cursor', next);
    headers['link'] = `<${context.basePath}/operations?${parameters.toString()}>; rel="next"`;
  }
  const body = `{"operations":[${operations}],"next_cursor":${JSON.stringify(next)}}`;
  return { status: 200, headers, body };
}

function parseLimit(text: string | null): number {
  if (text === null) return limits.pageSizeDefault;
  const limit = /^\d{1,6}$/.test(text) ? Number(text) : 0;
  if (limit >= 1 && limit <= limits.pageSizeMax) return limit;
  throw invalid(`Expected \`limit\` to be a whole number from 1 to ${limits.pageSizeMax}.`);
}

function parseFilter(parameters: URLSearchParams, now: number): OperationFilter {
  const given = parameters.getAll('status').flatMap((value) => value.split(','));
  const statuses = [...new Set(given)];
  const code = single(parameters, 'code');
  const since = single(parameters, 'since');
  const until = single(parameters, 'until');
  const text = single(parameters, 'q') ?? undefined;
  if (text !== undefined && text.length > limits.filterTextChars) {
    throw invalid(`Expected \`q\` to be at most ${limits.filterTextChars} characters.`);
  }
  return {
    tenant,
    states: statuses.length === 0 ? undefined : statuses.map(parseStatus).flatMap(statesOf),
    task: single(parameters, 'task') ?? undefined,
    labels: parseLabels(parameters) ?? undefined,
    code: code === null ? undefined : parseCode(code),
    since: since === null ? undefined : parseTime('since', since, now),
    until: until === null ? undefined : parseTime('until', until, now),
    text: text === '' ? undefined : text,
  };
}

function parseStatus(text: string): OperationStatus {
  const status = operationStatuses.find((known) => known === text);
  if (status !== undefined) return status;
  throw invalid(`Expected \`status\` to be one of ${operationStatuses.join(', ')}.`);
}

function parseCode(text: string): OutcomeCode {
  const code = outcomeCodes.find((known) => known === text);
  if (code !== undefined) return code;
  const meant = suggestion(text, outcomeCodes);
  const hint = meant === null ? `one of ${outcomeCodes.join(', ')}` : `\`${meant}\`, perhaps`;
  throw invalid(`Expected \`code\` to be ${hint}.`);
}

/** An instant, or how long ago: `since=2h`. */
function parseTime(name: string, text: string, now: number): number {
  const ago = parseDuration(text);
  const instant = ago === null ? parseInstant(text) : Math.max(0, now - ago);
  if (instant !== null) return instant;
  throw invalid(
    `Expected \`${name}\` to be an instant in ISO 8601, or how long ago, like '2h' or '7d'.`,
  );
}
