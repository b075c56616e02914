import { limits } from '../core/limits.ts';
import { isFinal, statusOf, type Operation } from '../core/operation.ts';
import type { OperationEstimate } from '../core/operation-estimate.ts';
import { elapsedClock } from '../core/clock.ts';
import type { KeptLine } from '../engine/engine.ts';
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
import { remainingLines, withLines, type OperationNews } from './log-events.ts';
import { afterAsked, lastNumber, logsJson } from './logs.ts';
import { invalid, single } from './query.ts';
import { readOperation } from './results.ts';
import { operationJson, wholeOperation } from './wire.ts';

/** The shortest time between two looks at an estimate. */
const lookMsMin = 1_000;

/**
 * `GET /operations/{id}/events`, or the operation itself with `Accept: text/event-stream`: streams
 * its states as server-sent events (WHATWG HTML). Every event carries the whole operation as the
 * status shows it, so a client need not have seen the event before; its id is the version. With
 * `Last-Event-ID` only newer states are sent, and 204 when there will be none, on which EventSource
 * stops for good.
 *
 *   status     it is pending, runs, or is pending again; the first event of a stream without a known
 *              version
 *   progress   a running attempt reported progress
 *   estimate   only the expected start or end has moved, by more than the tolerance; no id, since the
 *              version has not changed
 *   completed, failed   the last event, after which the stream ends
 *   log        only with `?logs=1`: lines that handlers wrote, as `GET …/logs` has them, all sent
 *              before the last event. Ids are then `{version}-{number of the last line}`; without
 *              such an id, `logs_after` says where to begin
 *
 * Nothing is buffered for streams: a reader that is slow, or was away, gets the newest state.
 */
export async function readEvents(
  context: HttpContext,
  request: ExchangeRequest,
  id: string,
): Promise<ExchangeReply> {
  const logsAfter = logsAsked(request);
  const operation = await readOperation(context, id);
  const seen = seenBefore(request.header('last-event-id'));
  if (isFinal(operation.state) && seen !== null && seen.version >= operation.version) {
    return { status: 204, headers: { 'cache-control': 'no-store' }, body: null };
  }
  const stream = {
    operation,
    told: seen?.version ?? null,
    logsAfter: logsAfter === null ? null : (seen?.line ?? logsAfter),
  };
  return {
    status: 200,
    headers: { ...eventStreamHeaders, vary: 'Accept' },
    body: request.method === 'HEAD' ? null : eventStream(context, request, stream),
  };
}

export function wantsEvents(request: ExchangeRequest): boolean {
  return request.header('accept')?.includes('text/event-stream') ?? false;
}

/**
 * The line number after which log lines are wanted; null: none are wanted. Throws
 * `invalid_request`.
 */
function logsAsked(request: ExchangeRequest): number | null {
  if (request.query === '') return null;
  const parameters = new URLSearchParams(request.query);
  const wanted = single(parameters, 'logs');
  if (wanted === null || wanted === '0') return null;
  if (wanted !== '1')
    throw invalid('Expected `logs` to be 1, for the lines of the handlers as well, or 0.');
  return afterAsked(parameters, 'logs_after');
}

/**
 * Parses an id of ours, `{version}` or `{version}-{line}`. null: any other id, and the client is
 * sent everything.
 */
function seenBefore(
  lastEventId: string | undefined,
): { readonly version: number; readonly line: number | null } | null {
  const found = /^(\d{1,15})(?:-(\d{1,15}))?$/.exec(lastEventId ?? '');
  if (found === null) return null;
  const [, version, line] = found;
  return { version: Number(version), line: line === undefined ? null : Number(line) };
}

type Stream = {
  readonly operation: Operation;
  /** The version that the client has seen; null: none. */
  readonly told: number | null;
  /** The last log line that the client has seen; null: it wants no lines. */
  readonly logsAfter: number | null;
};

function eventStream(
  context: HttpContext,
  request: ExchangeRequest,
  p: Stream,
): AsyncIterable<Uint8Array> {
  const over = new AbortController();
  const signal = AbortSignal.any([request.signal, over.signal]);
  const { operation } = p;
  // Throws now, while the error can still be sent as a status.
  const states = context.engine.watch({ operation, signal });
  const stream = events(context, { ...p, states, signal, end: () => over.abort() });
  return {
    [Symbol.asyncIterator]: () => ({
      next: () => stream.next(),
      // A generator's own return() waits for its pending await, up to the next ping; so we abort
      // that first.
      return: () => {
        over.abort();
        // A generator that was never started does not run its `finally`.
        void states.return(undefined);
        return stream.return(undefined);
      },
    }),
  };
}

async function* events(
  context: HttpContext,
  p: Stream & {
    readonly states: AsyncGenerator<Operation>;
    readonly signal: AbortSignal;
    readonly end: () => void;
  },
): AsyncGenerator<Uint8Array> {
  const elapsed = elapsedClock(context.engine.clock);
  const endsAt = elapsed.now() + limits.eventStreamMs;
  const place = new Place(p);
  let before = p.operation;
  try {
    yield bytes(retryLine);
    if (isFinal(before.state) && place.line !== null) {
      for await (const lines of remainingLines(context, before.id, place.line)) {
        yield bytes(place.logText(lines));
      }
    }
    if (p.told === null || before.version > p.told) {
      yield bytes(await place.stateText(context, before, null));
    }
    const news = newsOf(context, { ...p, line: place.line });
    let told = context.engine.estimate(before);
    let lookAt = nextLookAt(told, context.engine.clock.now(), elapsed.now());
    let pingAt = elapsed.now() + limits.eventPingMs;
    let next = news.next();
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
      next = news.next();
      pingAt = elapsed.now() + limits.eventPingMs;
      const { operation, lines } = arrived.value;
      if (lines !== undefined) {
        yield bytes(place.logText(lines));
        continue;
      }
      yield bytes(await place.stateText(context, operation, before));
      before = operation;
      told = context.engine.estimate(operation);
      lookAt = nextLookAt(told, context.engine.clock.now(), elapsed.now());
    }
  } finally {
    p.end();
    await p.states.return(undefined);
  }
}

function newsOf(
  context: HttpContext,
  p: {
    readonly operation: Operation;
    readonly states: AsyncGenerator<Operation>;
    readonly signal: AbortSignal;
    readonly line: number | null;
  },
): AsyncGenerator<OperationNews, void, void> {
  return p.line === null ? statesAlone(p.states) : withLines(context, { ...p, after: p.line });
}

async function* statesAlone(
  states: AsyncGenerator<Operation>,
): AsyncGenerator<OperationNews, void, void> {
  for await (const operation of states) yield { operation };
}

/** The position of the client in the stream, as event ids express it for a reconnect. */
class Place {
  #version: number;
  line: number | null;

  constructor({ told, logsAfter }: Stream) {
    this.#version = told ?? 0;
    this.line = logsAfter;
  }

  logText(lines: readonly KeptLine[]): string {
    const after = this.line ?? 0;
    this.line = lastNumber(lines, after);
    return `${this.#id()}event: log\ndata: ${logsJson(lines, after)}\n\n`;
  }

  async stateText(
    context: HttpContext,
    operation: Operation,
    before: Operation | null,
  ): Promise<string> {
    const data = operationJson(context, await wholeOperation(context, operation));
    this.#version = operation.version;
    return `${this.#id()}event: ${eventName(operation, before)}\ndata: ${oneLine(data)}\n\n`;
  }

  #id(): string {
    return this.line === null ? `id: ${this.#version}\n` : `id: ${this.#version}-${this.line}\n`;
  }
}

/**
 * When to look at the estimate again. Estimates move by a tenth of the time left, so we look that
 * often, and at least as often as pings are sent.
 */
function nextLookAt(estimate: OperationEstimate | null, now: number, elapsed: number): number {
  const left = (estimate?.completesAt ?? Infinity) - now;
  return elapsed + Math.min(limits.eventPingMs, Math.max(lookMsMin, left / 10));
}

/**
 * Whether two estimates have the same times. A new place in the queue alone is not worth an event.
 */
function isSame(a: OperationEstimate | null, b: OperationEstimate | null): boolean {
  return (
    a?.startsAt === b?.startsAt &&
    a?.completesAt === b?.completesAt &&
    a?.completesBy === b?.completesBy &&
    a?.longerThanUsual === b?.longerThanUsual &&
    a?.reason === b?.reason
  );
}

/** An event without an id, because the version that the client has seen stays the same. */
async function estimateText(context: HttpContext, operation: Operation): Promise<string> {
  const data = operationJson(context, await wholeOperation(context, operation));
  return `event: estimate\ndata: ${oneLine(data)}\n\n`;
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
