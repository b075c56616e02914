import { setImmediate as immediate } from 'node:timers/promises';
import type { Clock } from '../core/clock.ts';
import { durationMs, type Duration } from '../core/duration.ts';

/** `at` is of elapsed(). */
type Sleeper = { readonly at: number; wake(): void };

/**
 * A clock that stands still until a test moves it. `advance` goes from sleeper to sleeper, in the order
 * of their instants, and lets what each one does run before the next wakes: what it starts (a commit on
 * setImmediate, a new sleep inside the same stretch) happens at the instant it would have.
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

  /** As a monotonic clock: jumps leave it alone. */
  elapsed(): number {
    return this.#now - this.#jumped;
  }

  /** How many sleep: lets a test see that a loop has come to rest. */
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

  /** Moves on by that much (ms, or '11m') and wakes everyone whose time comes on the way; 0 wakes those already due. */
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
   * Time passes and nobody wakes on the way, as when the event loop is blocked: who is due wakes at the next
   * advance(). Crosses days without the thousand rounds of loops that advance() would run.
   */
  stall(ms: number): void {
    this.#now += ms;
  }

  /** A step of the machine's clock: who sleeps goes on sleeping, as timers do. May go back. */
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

/** What is queued now; the commits it asked for, a turn for who hears of them, one for the handlers they start, and their ends. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1) await immediate();
}
