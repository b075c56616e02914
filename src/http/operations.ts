import { RaincheckError } from '../core/errors.ts';
import { isFinal, type Operation } from '../core/operation.ts';
import { matchesEtag, versionInEtag } from './conditional.ts';
import { tenant, type HttpContext } from './context.ts';
import type { ExchangeReply, ExchangeRequest } from './exchange.ts';
import { fingerprint, parseIdempotencyKey } from './idempotency-key.ts';
import { readJsonBody } from './json-body.ts';
import { parseOperationFilter } from './operation-filter.ts';
import { pageAsked, pageReply } from './list-page.ts';
import { parsePrefer, preferenceApplied } from './prefer.ts';
import { invalid } from './query.ts';
import { readOperation, requireId } from './results.ts';
import { reservedMembers } from './submitted-webhook.ts';
import {
  acceptedReply,
  etagOf,
  listedJson,
  needsMoreReads,
  notModifiedReply,
  replayedReply,
  statusReply,
  shownOperation,
  wholeOperation,
} from './wire.ts';

/**
 * `GET /operations/{id}`: 200 in every state, 304 when If-None-Match names the current one.
 * `Prefer: wait=N` holds the answer until the next change. A change counts from the version in
 * If-None-Match, so that none is missed between two polls, or else from the version at arrival.
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
  const shown = needsMoreReads(operation)
    ? await wholeOperation(context, operation)
    : shownOperation(context, operation);
  const reply = matchesEtag(ifNoneMatch, etagOf(context, shown))
    ? notModifiedReply(context, shown)
    : statusReply(context, shown);
  if (applied !== null) reply.headers['preference-applied'] = applied;
  return reply;
}

/**
 * `POST /operations/{id}/cancel`: 202 while the cancellation is only requested, 200 when the
 * operation is final.
 */
export async function cancelOperation(context: HttpContext, id: string): Promise<ExchangeReply> {
  requireId(id);
  const { operation } = await context.engine.cancel({ id, tenant });
  return currentReply(context, operation);
}

async function currentReply(context: HttpContext, operation: Operation): Promise<ExchangeReply> {
  const shown = await wholeOperation(context, operation);
  return isFinal(operation.state) ? statusReply(context, shown) : acceptedReply(context, shown);
}

/**
 * `DELETE /operations/{id}`: removes a final operation (204), cancels any other (and answers as
 * cancel does).
 */
export async function removeOperation(context: HttpContext, id: string): Promise<ExchangeReply> {
  requireId(id);
  const outcome = await context.engine.remove({ id, tenant });
  if (outcome === 'removed') return { status: 204, headers: {}, body: null };
  return currentReply(context, await context.engine.read({ id, tenant }));
}

/**
 * `POST /operations/{id}/retry`, body optional: `{"input": …}` replaces the input. 202 with the new
 * operation. As with a submit, an Idempotency-Key makes it safe to repeat.
 */
export async function retryOperation(
  context: HttpContext,
  request: ExchangeRequest,
  id: string,
): Promise<ExchangeReply> {
  requireId(id);
  const key = parseIdempotencyKey(request.header('idempotency-key'));
  const body = await readJsonBody(request, context.bodyBytesMax);
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
    const input = body === null ? undefined : retryInput(body.value);
    const { operation, replayed } = await context.engine.retry({ id, tenant, input, idempotency });
    return replayed
      ? await replayedReply(context, operation)
      : acceptedReply(context, shownOperation(context, operation));
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
  refuseReserved(body.input);
  return { value: body.input, text: JSON.stringify(body.input) };
}

/**
 * Refuses `webhook_url` in the new input. The retry notifies the address of the failed operation,
 * so a new one would have no effect.
 */
function refuseReserved(input: unknown): void {
  if (typeof input !== 'object' || input === null) return;
  const member = reservedMembers.find((one) => Object.hasOwn(input, one));
  if (member === undefined) return;
  const detail = 'The new operation tells the address that the failed one named: leave it out.';
  throw new RaincheckError('validation_failed', `\`${member}\` is no part of an input. ${detail}`, {
    errors: [{ pointer: `/${member}`, detail }],
  });
}

/**
 * Moves error pointers below `/input`: the engine points into the input, which the client sent one
 * level down.
 */
function underInput(error: unknown): unknown {
  if (!(error instanceof RaincheckError) || error.errors === undefined) return error;
  const errors = error.errors.map((one) => ({ ...one, pointer: `/input${one.pointer}` }));
  return new RaincheckError(error.code, error.message, { cause: error, errors });
}

/**
 * `GET /operations/{id}/input`: the input as it was accepted, without the parts that its task
 * redacts.
 */
export async function readInput(context: HttpContext, id: string): Promise<ExchangeReply> {
  requireId(id);
  const headers = { 'content-type': 'application/json', 'cache-control': 'private, no-cache' };
  return { status: 200, headers, body: await context.engine.readInput({ id, tenant }) };
}

/** `GET /operations`: newest first, filters ANDed, `Link: rel="next"` while there is more. */
export async function listOperations(
  context: HttpContext,
  request: ExchangeRequest,
): Promise<ExchangeReply> {
  const parameters = new URLSearchParams(request.query);
  const page = await context.engine.list({
    filter: parseOperationFilter(parameters, context.engine.clock.now()),
    ...pageAsked(parameters, 'operations'),
  });
  return pageReply(context, {
    kind: 'operations',
    path: '/operations',
    parameters,
    items: page.operations.map((one) => listedJson(context, one)),
    nextBeforeId: page.nextBeforeId,
  });
}
