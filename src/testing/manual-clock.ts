import { setImmediate as immediate } from 'node:timers/promises';
import type { Clock } from '../core/clock.ts';
import { durationMs, type Duration } from '../core/duration.ts';

/** `at` is a time of elapsed(). */
type Sleeper = { readonly at: number; wake(): void };

/**
 * A clock that stands still until a test moves it. `advance` goes from sleeper to sleeper, in the
 * order of their instants, and lets the work of each one run before the next wakes. So what a
 * sleeper starts (a commit on setImmediate, a new sleep within the same stretch) happens at the
 * right instant.
 */
export class ManualClock implements Clock {
  #now: number;
  #jumped = 0;
  #sleepers: Sleeper[] = [];

  constructor(now = Date.UTC(2026, 0, 1)) {
    this.#now = now;
  }

  now(): number {
    return this.#now;
  }

  /** Like a monotonic clock: jump() does not change it. */
  elapsed(): number {
    return this.#now - this.#jumped;
  }

  /** Number of sleepers, by which a test can see that a loop has come to rest. */
  get sleepers(): number {
    return this.#sleepers.length;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal?.aborted === true) return resolve();
      const wake = (): void => {
        this.#sleepers = this.#sleepers.filter((other) => other !== sleeper);
        signal?.removeEventListener('abort', wake);
        resolve();
      };
      const sleeper: Sleeper = { at: this.elapsed() + Math.max(0, ms), wake };
      this.#sleepers.push(sleeper);
      signal?.addEventListener('abort', wake, { once: true });
    });
  }

  /**
   * Moves the clock on by that much (ms, or '11m') and wakes every sleeper whose time comes on the
   * way; 0 wakes those already due.
   */
  async advance(by: Duration): Promise<void> {
    const end = this.elapsed() + durationMs('advance', by);
    await settled();
    for (let next = this.#firstBy(end); next !== undefined; next = this.#firstBy(end)) {
      this.#now += Math.max(0, next.at - this.elapsed());
      next.wake();
      await settled();
    }
    this.#now += Math.max(0, end - this.elapsed());
  }

  /**
   * Time passes and nobody wakes on the way, as when the event loop is blocked: sleepers that are
   * due wake at the next advance(). Skips days without the thousand rounds of loops that advance()
   * would run.
   */
  stall(ms: number): void {
    this.#now += ms;
  }

  /**
   * Sets the machine's clock on, or back when negative. Sleepers go on sleeping, as with real
   * timers.
   */
  jump(ms: number): void {
    this.#now += ms;
    this.#jumped += ms;
  }

  #firstBy(end: number): Sleeper | undefined {
    let first: Sleeper | undefined;
    for (const sleeper of this.#sleepers) {
      if (sleeper.at <= end && (first === undefined || sleeper.at < first.at)) first = sleeper;
    }
    return first;
  }
}

/**
 * Lets queued work run: first what is queued, then the commits that it asked for, a turn for those
 * waiting for the commits, one for the handlers that they start, and one for the ends of these.
 */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1) await immediate();
}
