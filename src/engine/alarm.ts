import type { Clock } from '../core/clock.ts';

/**
 * One timer that many share. `set(at)` moves it. Moving it later costs nothing: the present sleep
 * wakes early, sees that it is not time yet and sleeps again. So a loop may move its alarm with
 * every operation (8,000 a second) without making 8,000 timers. `ring` must not throw.
 */
export class Alarm {
  readonly #clock: Pick<Clock, 'now' | 'sleep'>;
  readonly #ring: () => void;
  #at = Infinity;
  #sleepEndsAt = Infinity;
  #sleep: AbortController | null = null;

  /** The instants are those of the clock's now(), also when it is an elapsedClock(). */
  constructor(clock: Pick<Clock, 'now' | 'sleep'>, ring: () => void) {
    this.#clock = clock;
    this.#ring = ring;
  }

  /** Rings once at `at`, instead of at the instant set before; Infinity: not at all. */
  set(at: number): void {
    this.#at = at;
    if (at < this.#sleepEndsAt) this.#sleepUntil(at);
  }

  /** Rings at `at` unless it is set to an earlier instant. */
  setEarlier(at: number): void {
    if (at < this.#at) this.set(at);
  }

  /** Cancels the alarm; a later set() starts it again. */
  clear(): void {
    this.#at = Infinity;
    this.#sleepEndsAt = Infinity;
    this.#sleep?.abort();
    this.#sleep = null;
  }

  #sleepUntil(at: number): void {
    this.#sleep?.abort();
    const sleep = new AbortController();
    this.#sleep = sleep;
    this.#sleepEndsAt = at;
    void this.#slept(Math.max(0, at - this.#clock.now()), sleep);
  }

  async #slept(ms: number, sleep: AbortController): Promise<void> {
    await this.#clock.sleep(ms, sleep.signal);
    if (this.#sleep === sleep && !sleep.signal.aborted) this.#woke();
  }

  #woke(): void {
    this.#sleep = null;
    this.#sleepEndsAt = Infinity;
    if (this.#at === Infinity) return;
    if (this.#at > this.#clock.now()) {
      this.#sleepUntil(this.#at);
      return;
    }
    this.#at = Infinity;
    this.#ring();
  }
}
