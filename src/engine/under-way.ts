import type { Clock } from '../core/clock.ts';

/** The set of things under way in this process, with a wait for all of them to end. */
export class UnderWay<T> {
  readonly all = new Set<T>();
  #idleWaiters: (() => void)[] = [];

  add(one: T): void {
    this.all.add(one);
  }

  remove(one: T): void {
    this.all.delete(one);
    if (this.all.size > 0 || this.#idleWaiters.length === 0) return;
    const waiters = this.#idleWaiters;
    this.#idleWaiters = [];
    for (const wake of waiters) wake();
  }

  /** Resolves when nothing is under way any more, after `ms`, or when `cut` aborts. */
  async idleWithin(
    ms: number,
    p: { readonly clock: Pick<Clock, 'sleep'>; readonly cut: AbortSignal },
  ): Promise<void> {
    const { clock, cut } = p;
    if (this.all.size === 0 || cut.aborted) return;
    const awake = new AbortController();
    const wake = (): void => awake.abort();
    cut.addEventListener('abort', wake);
    await Promise.race([this.#idle(), clock.sleep(ms, awake.signal)]);
    cut.removeEventListener('abort', wake);
    awake.abort();
  }

  #idle(): Promise<void> {
    return new Promise((resolve) => this.#idleWaiters.push(resolve));
  }
}
