import { timerMsMax, type Clock } from '../core/clock.ts';

/**
 * The machine's time for core/clock.ts. It follows the wall clock forward (NTP, a resumed laptop),
 * never back. The monotonic clock carries it, plus the largest distance between the two clocks seen
 * so far. So a wall clock that steps back two minutes is ignored until it has caught up, whereas a
 * lease kept in wall time would hang for two minutes. The price: after a wrong jump forward,
 * instants stay ahead until the process ends (core/transitions.ts treats impossible ones as past).
 * Timeouts of attempts use elapsed(), which no setting of the clock changes, and what is signed for
 * others carries wall().
 */
export const systemClock: Clock = makeClock(
  () => performance.now(),
  () => Date.now(),
);

/** The same clock over other sources; `monotonicMs` may be fractional. */
export function makeClock(monotonicMs: () => number, wallMs: () => number): Clock {
  let offset = -Infinity;
  let latest = { wall: Number.NaN, now: Number.NaN };
  const now = (): number => {
    const wall = wallMs();
    // An operation reads the clock a dozen times, mostly within one ms.
    if (wall === latest.wall) return latest.now;
    const monotonic = monotonicMs();
    offset = Math.max(offset, wall - monotonic);
    latest = { wall, now: Math.floor(monotonic + offset) };
    return latest.now;
  };
  return { now, elapsed: () => Math.floor(monotonicMs()), wall: wallMs, sleep };
}

function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted === true) return Promise.resolve();
  return new Promise((resolve) => {
    const wake = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', wake);
      resolve();
    };
    const timer = setTimeout(wake, Math.min(timerMsMax, Math.max(0, Math.ceil(ms))));
    signal?.addEventListener('abort', wake);
  });
}
