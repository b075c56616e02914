import { limits } from '../core/limits.ts';
import { isFinal, statusOf, type Operation } from '../core/operation.ts';
import type { OperationEstimate } from '../core/operation-estimate.ts';
import { elapsedClock } from '../core/clock.ts';
import type { HttpContext } from './context.ts';
import {
  bytes,
  eventStreamHeaders,
  oneLine,
  pingLine,
  retryLine,
  withinMs,
} from './event-stream.ts';
import type { ExchangeReply, ExchangeRequest } from './exchange.ts';
import { readOperation } from './results.ts';
import { operationJson, wholeView } from './wire.ts';

/** An estimate is looked at no more often than this. */
const lookMsMin = 1_000;

/**
 * `GET /operations/{id}/events`, or the operation itself with `Accept: text/event-stream`: its states as they come
 * (WHATWG HTML, server-sent events). Every event carries the whole operation, as the status shows it, so that nobody
 * needs to have seen the one before; its id is the version. With `Last-Event-ID` only what is newer comes, and 204,
 * on which EventSource stops for good, when there will be nothing newer.
 *
 *   status     it waits, runs, waits again; the first event of a stream that knows no version
 *   progress   an attempt that runs reported
 *   estimate   nothing happened, but when it will start or end has moved by more than it is held for; without an id,
 *              since the version has not changed
 *   completed, failed   the last one; the stream ends
 *
 * Nothing is kept for streams: a reader that is slow, or was away, gets the newest state.
 */
export async function readEvents(
  context: HttpContext,
  request: ExchangeRequest,
  id: string,
): Promise<ExchangeReply> {
  const operation = await readOperation(context, id);
  const seen = seenVersion(request.header('last-event-id'));
  if (isFinal(operation.state) && seen !== null && seen >= operation.version) {
    return { status: 204, headers: { 'cache-control': 'no-store' }, body: null };
  }
  return {
    status: 200,
    headers: { ...eventStreamHeaders, vary: 'Accept' },
    body: request.method === 'HEAD' ? null : eventStream(context, request, { operation, seen }),
  };
}

export function wantsEvents(request: ExchangeRequest): boolean {
  return request.header('accept')?.includes('text/event-stream') ?? false;
}

/** Ours are versions; with anything else the client is told the state as it is. */
function seenVersion(lastEventId: string | undefined): number | null {
  return lastEventId !== undefined && /^\d{1,15}$/.test(lastEventId) ? Number(lastEventId) : null;
}

function eventStream(
  context: HttpContext,
  request: ExchangeRequest,
  p: { readonly operation: Operation; readonly seen: number | null },
): AsyncIterable<Uint8Array> {
  const over = new AbortController();
  const signal = AbortSignal.any([request.signal, over.signal]);
  // Throws now, while there is a status to say it with.
  const later = context.engine.watch({ operation: p.operation, signal });
  const stream = events(context, { ...p, later, end: () => over.abort() });
  return {
    [Symbol.asyncIterator]: () => ({
      next: () => stream.next(),
      // A generator's own return waits for what it awaits, up to the next ping.
      return: () => {
        over.abort();
        // One that was never begun has no `finally` to do it.
        void later.return(undefined);
        return stream.return(undefined);
      },
    }),
  };
}

async function* events(
  context: HttpContext,
  p: {
    readonly operation: Operation;
    readonly seen: number | null;
    readonly later: AsyncGenerator<Operation>;
    readonly end: () => void;
  },
): AsyncGenerator<Uint8Array> {
  const elapsed = elapsedClock(context.engine.clock);
  const endsAt = elapsed.now() + limits.eventStreamMs;
  let before = p.operation;
  try {
    yield bytes(retryLine);
    if (p.seen === null || before.version > p.seen) {
      yield bytes(await eventText(context, before, null));
    }
    let told = context.engine.estimate(before);
    let lookAt = nextLookAt(told, context.engine.clock.now(), elapsed.now());
    let pingAt = elapsed.now() + limits.eventPingMs;
    let next = p.later.next();
    while (elapsed.now() < endsAt) {
      const arrived = await withinMs(next, elapsed, Math.min(pingAt, lookAt) - elapsed.now());
      if (arrived === 'silence') {
        const estimate = lookAt <= elapsed.now() ? context.engine.estimate(before) : told;
        const moved = !isSame(estimate, told);
        if (lookAt <= elapsed.now()) {
          lookAt = nextLookAt(estimate, context.engine.clock.now(), elapsed.now());
        }
        if (moved) yield bytes(await estimateText(context, before));
        else if (pingAt <= elapsed.now()) yield bytes(pingLine);
        else continue;
        told = estimate;
        pingAt = elapsed.now() + limits.eventPingMs;
        continue;
      }
      if (arrived.done === true) return;
      const operation = arrived.value;
      next = p.later.next();
      yield bytes(await eventText(context, operation, before));
      before = operation;
      told = context.engine.estimate(operation);
      lookAt = nextLookAt(told, context.engine.clock.now(), elapsed.now());
      pingAt = elapsed.now() + limits.eventPingMs;
    }
  } finally {
    p.end();
    await p.later.return(undefined);
  }
}

/** Estimates move by a tenth of what is left: looked at as often, and at least as often as pings are sent. */
function nextLookAt(estimate: OperationEstimate | null, now: number, elapsed: number): number {
  const left = (estimate?.completesAt ?? Infinity) - now;
  return elapsed + Math.min(limits.eventPingMs, Math.max(lookMsMin, left / 10));
}

/** Whether the times told are the same; a place in the queue that changed is no news by itself. */
function isSame(a: OperationEstimate | null, b: OperationEstimate | null): boolean {
  return (
    a?.startsAt === b?.startsAt &&
    a?.completesAt === b?.completesAt &&
    a?.completesBy === b?.completesBy &&
    a?.longerThanUsual === b?.longerThanUsual &&
    a?.reason === b?.reason
  );
}

/** Without an id: the version that a client has seen stays what it was. */
async function estimateText(context: HttpContext, operation: Operation): Promise<string> {
  const data = operationJson(context, await wholeView(context, operation));
  return `event: estimate\ndata: ${oneLine(data)}\n\n`;
}

async function eventText(
  context: HttpContext,
  operation: Operation,
  before: Operation | null,
): Promise<string> {
  const data = operationJson(context, await wholeView(context, operation));
  return `id: ${operation.version}\nevent: ${eventName(operation, before)}\ndata: ${oneLine(data)}\n\n`;
}

function eventName(operation: Operation, before: Operation | null): string {
  if (operation.state === 'completed' || operation.state === 'failed') return operation.state;
  const runsOn =
    before !== null &&
    statusOf(before.state) === 'processing' &&
    statusOf(operation.state) === 'processing' &&
    before.attempt === operation.attempt;
  const reported = before?.progress?.updatedAt !== operation.progress?.updatedAt;
  return runsOn && reported ? 'progress' : 'status';
}
