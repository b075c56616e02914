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
 *   log        with `?logs=1` alone: lines that handlers wrote, as `GET …/logs` has them, all before the last event. Ids
 *              are then `{version}-{number of the last line}`; `logs_after` says where to begin without one
 *
 * Nothing is kept for streams: a reader that is slow, or was away, gets the newest state.
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

/** null: no lines are wanted; else the number after which they begin. Throws `invalid_request`. */
function logsAsked(request: ExchangeRequest): number | null {
  if (request.query === '') return null;
  const parameters = new URLSearchParams(request.query);
  const wanted = single(parameters, 'logs');
  if (wanted === null || wanted === '0') return null;
  if (wanted !== '1')
    throw invalid('Expected `logs` to be 1, for the lines of the handlers as well, or 0.');
  return afterAsked(parameters, 'logs_after');
}

/** Ours are versions, with the number of a line where lines are told; with anything else the client is told all. */
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
  /** The last line that it has seen; null: it wants none. */
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
  // Throws now, while there is a status to say it with.
  const states = context.engine.watch({ operation, signal });
  const stream = events(context, { ...p, states, signal, end: () => over.abort() });
  return {
    [Symbol.asyncIterator]: () => ({
      next: () => stream.next(),
      // A generator's own return waits for what it awaits, up to the next ping.
      return: () => {
        over.abort();
        // One that was never begun has no `finally` to do it.
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

/** What the client has seen so far, which the ids of events tell, so that it can come back to it. */
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
    const data = operationJson(context, await wholeView(context, operation));
    this.#version = operation.version;
    return `${this.#id()}event: ${eventName(operation, before)}\ndata: ${oneLine(data)}\n\n`;
  }

  #id(): string {
    return this.line === null ? `id: ${this.#version}\n` : `id: ${this.#version}-${this.line}\n`;
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
