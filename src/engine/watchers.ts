import { elapsedClock, type Clock } from '../core/clock.ts';
import { RaincheckError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import { isFinal, type Operation } from '../core/operation.ts';
import { released } from './released.ts';

type Watcher = {
  /** The newest state that the watcher has not received yet; states in between are dropped. */
  latest: Operation | null;
  error: Error | null;
  ended: boolean;
  wake: () => void;
};

type Watch = {
  readonly watchers: Set<Watcher>;
  readonly stop: AbortController;
  /** The newest state, for a watcher that joins with an older one. */
  latest: Operation | null;
};

type WatchersParts = {
  readonly clock: Clock;
  /** As Engine.waitFor with `until: 'change'`. */
  readonly wait: (p: {
    readonly id: string;
    readonly version: number;
    readonly timeoutMs: number;
    readonly signal: AbortSignal;
  }) => Promise<Operation>;
};

/** The length of one long-poll of the store's changes; renewed as long as somebody watches. */
const waitMs = 30_000;
/**
 * Pause after a wait that returned at once with nothing new: the engine stops, or too many wait.
 */
const paceMs = 1_000;

/**
 * Streams of one operation's states. One subscription follows the operation, however many watch it.
 * Each watcher gets the newest state when it asks for the next, so a slow one holds one state and
 * skips the rest.
 */
export class Watchers {
  readonly #p: WatchersParts;
  readonly #watches = new Map<string, Watch>();
  #count = 0;
  #closed = false;

  constructor(p: WatchersParts) {
    this.#p = p;
  }

  /**
   * Yields states newer than `operation`, up to the final one; ends when `signal` aborts or the
   * engine stops, and throws the errors of the store. Throws `streams_full` at once at
   * limits.eventStreamsMax.
   */
  watch(operation: Operation, signal: AbortSignal): AsyncGenerator<Operation> {
    if (this.#count >= limits.eventStreamsMax) {
      throw new RaincheckError(
        'streams_full',
        `The server has its ${limits.eventStreamsMax} event streams: poll the status instead.`,
        { retryAfterSeconds: limits.retryAfterSecondsMax },
      );
    }
    // Counted now and not at the first state: a burst must not pass the limit before any of its
    // streams begins.
    this.#count += 1;
    return released(this.#states(operation, signal), () => (this.#count -= 1));
  }

  async *#states(operation: Operation, signal: AbortSignal): AsyncGenerator<Operation> {
    if (isFinal(operation.state) || this.#closed || signal.aborted) return;
    const watcher = this.#join(operation);
    const leave = (): void => {
      watcher.ended = true;
      watcher.wake();
    };
    signal.addEventListener('abort', leave);
    let { version } = operation;
    try {
      for (;;) {
        const { latest } = watcher;
        watcher.latest = null;
        if (latest !== null && latest.version > version) {
          version = latest.version;
          yield latest;
          if (isFinal(latest.state)) return;
        } else if (watcher.error !== null) {
          throw watcher.error;
        } else if (watcher.ended) {
          return;
        } else {
          await new Promise<void>((resolve) => (watcher.wake = resolve));
        }
      }
    } finally {
      signal.removeEventListener('abort', leave);
      this.#leave(operation.id, watcher);
    }
  }

  /** Ends all streams; clients reconnect to another server, or to this one when it is up again. */
  close(): void {
    this.#closed = true;
    for (const { watchers, stop } of this.#watches.values()) {
      stop.abort();
      for (const watcher of watchers) {
        watcher.ended = true;
        watcher.wake();
      }
    }
  }

  #join(operation: Operation): Watcher {
    const watcher: Watcher = { latest: null, error: null, ended: false, wake: () => undefined };
    const watch = this.#watches.get(operation.id);
    if (watch !== undefined) {
      watcher.latest = watch.latest;
      watch.watchers.add(watcher);
    } else {
      const made: Watch = {
        watchers: new Set([watcher]),
        stop: new AbortController(),
        latest: null,
      };
      this.#watches.set(operation.id, made);
      void this.#follow(operation, made);
    }
    return watcher;
  }

  #leave(id: string, watcher: Watcher): void {
    const watch = this.#watches.get(id);
    watch?.watchers.delete(watcher);
    if (watch?.watchers.size !== 0) return;
    this.#watches.delete(id);
    watch.stop.abort();
  }

  async #follow(operation: Operation, watch: Watch): Promise<void> {
    const { watchers, stop } = watch;
    const elapsed = elapsedClock(this.#p.clock);
    const { id } = operation;
    let { version } = operation;
    const tell = (change: Partial<Watcher>): void => {
      for (const watcher of watchers) {
        Object.assign(watcher, change);
        watcher.wake();
      }
    };
    try {
      while (!stop.signal.aborted) {
        const askedAt = elapsed.now();
        const latest = await this.#p.wait({ id, version, timeoutMs: waitMs, signal: stop.signal });
        if (latest.version === version) {
          if (elapsed.now() - askedAt < paceMs) await elapsed.sleep(paceMs, stop.signal);
          continue;
        }
        version = latest.version;
        watch.latest = latest;
        tell({ latest });
        if (isFinal(latest.state)) break;
      }
    } catch (error) {
      tell({ error: error instanceof Error ? error : new Error(String(error)) });
    } finally {
      // Watchers that come from now on start a subscription of their own.
      if (this.#watches.get(id)?.watchers === watchers) this.#watches.delete(id);
    }
  }
}
