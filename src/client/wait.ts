import type { WireOperation } from '../core/wire-operation.ts';
import { operationIn } from './answered-operation.ts';
import { ProblemError, retryAfterMs, WaitTimeout } from './problem.ts';
import { retryDelayMs, type Answer, type Transport } from './transport.ts';

/**
 * Follows one operation to its end.
 *
 * The first look is answered at once. Every later one sends `Prefer: wait=N` (RFC 7240) and the
 * last ETag. A server that supports this answers at the next change, with `Preference-Applied:
 * wait=…`; then the next look follows at once. After any other answer the client polls: the next
 * look comes after retry-after-ms or Retry-After.
 *
 *   look ── final ──────────────────────────► the operation
 *     ├──── changed, or waited in vain ─────► look again at once (paced, so no loop can spin)
 *     ├──── server does not wait ───────────► sleep Retry-After, look
 *     ├──── no answer, 429, 502, 503, 504 ──► sleep Retry-After or back off, look
 *     ├──── 500 ────────────────────────────► the same, until only 500 has come for the client's patience,
 *     │                                       since a broken server must not be asked for ever
 *     └──── any other error ────────────────► throws
 */
export type WaitOptions = {
  /**
   * After this time the wait rejects with WaitTimeout; the operation keeps running. 0 looks once.
   * Default: none.
   */
  readonly timeoutMs?: number | undefined;
  /** Stops the wait, not the operation. The wait then rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Called with the first state and with each later one that differs. */
  readonly onChange?: ((operation: WireOperation) => void) | undefined;
};

/** Below the 30 s after which many proxies cut a silent request. */
const longPollSeconds = 25;
const pollMsDefault = 1_000;
/**
 * The latest next poll that we accept. A server with more clients than its poll budget allows puts
 * some off this far.
 */
const pollMsMax = 960_000;
/** Looks answered faster than this count as quick. After `quickLooks` of them we keep this pace. */
const paceMs = 250;
const quickLooks = 5;

type Watch = {
  readonly transport: Transport;
  readonly url: URL;
  readonly onChange: ((operation: WireOperation) => void) | undefined;
  seen: WireOperation | null;
  etag: string | null;
  quick: number;
};

export async function waitForFinal(
  transport: Transport,
  url: URL,
  options: WaitOptions = {},
): Promise<WireOperation> {
  const { timeoutMs, signal: stop } = options;
  const watch: Watch = {
    transport,
    url,
    onChange: options.onChange,
    seen: null,
    etag: null,
    quick: 0,
  };
  const done = new AbortController();
  const late = new AbortController();
  if (timeoutMs !== undefined) void abortAfter(transport, { timeoutMs, late, done: done.signal });
  const signal = stop === undefined ? late.signal : AbortSignal.any([stop, late.signal]);
  try {
    return await watchUntilFinal(watch, signal);
  } catch (error) {
    if (!late.signal.aborted || stop?.aborted === true) throw error;
    if (watch.seen === null) await look(watch, { waitSeconds: 0, signal: stop });
    const { seen } = watch;
    if (seen === null) throw error;
    if (isFinal(seen)) return seen;
    throw new WaitTimeout(url.href, seen);
  } finally {
    done.abort();
  }
}

/** Whether the operation is completed or failed; then it does not change any more. */
export function isFinal(operation: WireOperation): boolean {
  return operation.status === 'completed' || operation.status === 'failed';
}

async function watchUntilFinal(watch: Watch, signal: AbortSignal): Promise<WireOperation> {
  const { transport } = watch;
  let answeredAt = transport.clock.now();
  for (let failures = 0; ;) {
    signal.throwIfAborted();
    try {
      const startedAt = transport.clock.now();
      // Without an ETag the wait would be for a change after this request, which would hide the
      // present state.
      const isFirst = watch.seen === null;
      const answer = await look(watch, { waitSeconds: isFirst ? 0 : longPollSeconds, signal });
      failures = 0;
      answeredAt = transport.clock.now();
      if (watch.seen !== null && isFinal(watch.seen)) return watch.seen;
      if (isFirst) continue;
      const tookMs = transport.clock.now() - startedAt;
      await transport.clock.sleep(nextLookMs(watch, answer, tookMs), signal);
    } catch (error) {
      failures += 1;
      const delayMs = retryDelayMs(error, failures);
      if (delayMs === null) throw error;
      const broken = error instanceof ProblemError && error.status === 500;
      const patienceEndsAt = answeredAt + transport.patienceMs;
      if (broken && transport.clock.now() + delayMs > patienceEndsAt) throw error;
      await transport.pause(error, delayMs, signal);
    }
  }
}

/** One GET of the status, which updates `watch`. With waitSeconds 0 the server answers at once. */
async function look(
  watch: Watch,
  p: { readonly waitSeconds: number; readonly signal: AbortSignal | undefined },
): Promise<Answer> {
  const headers: Record<string, string> = {};
  if (p.waitSeconds > 0) headers['prefer'] = `wait=${p.waitSeconds}`;
  if (watch.etag !== null) headers['if-none-match'] = watch.etag;
  const answer = await watch.transport.send({
    method: 'GET',
    url: watch.url,
    headers,
    signal: p.signal,
    timeoutMs: p.waitSeconds * 1000 + 30_000,
  });
  const etag = answer.headers.get('etag');
  if (answer.status === 304) return answer;
  const operation = operationIn(answer, watch.url);
  const isNews = watch.seen === null || etag === null || etag !== watch.etag;
  watch.seen = operation;
  watch.etag = etag;
  if (isNews) watch.onChange?.(operation);
  return answer;
}

/** Milliseconds to the next look, after one that took `tookMs` and did not find the end. */
function nextLookMs(watch: Watch, answer: Answer, tookMs: number): number {
  const applied = answer.headers.get('preference-applied') ?? '';
  // A full server may answer a wait at once with nothing new. That counts as polling.
  const inVain = answer.status === 304 && tookMs < paceMs;
  if (inVain || !/(?:^|[\s,])wait\b/.test(applied)) {
    return Math.min(askedMs(watch.transport, answer) ?? pollMsDefault, pollMsMax);
  }
  watch.quick = tookMs < paceMs ? watch.quick + 1 : 0;
  return watch.quick <= quickLooks ? 0 : paceMs - tookMs;
}

/**
 * The pause that the server asks for: in ms by `retry-after-ms`, else in seconds or by a date.
 * null: none.
 */
function askedMs(transport: Transport, { headers }: Answer): number | null {
  const ms = Number(headers.get('retry-after-ms') ?? Number.NaN);
  if (Number.isFinite(ms) && ms > 0) return ms;
  const after = retryAfterMs(headers.get('retry-after'), transport.serverNow());
  // The date has passed already. Poll at the usual pace, not at once.
  return after === 0 ? null : after;
}

async function abortAfter(
  { clock }: Transport,
  p: { readonly timeoutMs: number; readonly late: AbortController; readonly done: AbortSignal },
): Promise<void> {
  const endsAt = clock.now() + p.timeoutMs;
  // A sleep may be cut short (Clock.sleep), so the time is checked again.
  while (!p.done.aborted && clock.now() < endsAt) await clock.sleep(endsAt - clock.now(), p.done);
  if (!p.done.aborted) p.late.abort();
}
