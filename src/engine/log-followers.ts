import { elapsedClock, type Clock } from '../core/clock.ts';
import { limits } from '../core/limits.ts';
import type { KeptLine } from '../core/log-line.ts';
import type { Store } from '../store/store.ts';
import { Alarm } from './alarm.ts';

/** Followed operations read in one poll; the others wait for a later one. */
const pollIdsMax = 200;

type Follower = { hasNews: boolean; wake: () => void };

/**
 * Sends lines of operations to their followers as they come. Lines that this process stored, and
 * hints from others, wake the followers of that operation at once; where others write as well,
 * followers also look every `pollMs`. Followers that have seen the same lines share one read.
 */
export class LogFollowers {
  readonly #store: Store;
  readonly #elapsed: Pick<Clock, 'now' | 'sleep'>;
  readonly #pollMs: number;
  readonly #alarm: Alarm;
  readonly #byId = new Map<string, Set<Follower>>();
  readonly #reads = new Map<string, Promise<readonly KeptLine[]>>();
  #closed = false;

  constructor(p: { readonly store: Store; readonly clock: Clock; readonly pollMs: number }) {
    this.#store = p.store;
    this.#pollMs = p.pollMs;
    this.#elapsed = elapsedClock(p.clock);
    this.#alarm = new Alarm(this.#elapsed, () => this.#poll());
  }

  /** The operation may have new lines. Cheap when nobody follows it. */
  notify(id: string): void {
    if (this.#byId.size === 0) return;
    const followers = this.#byId.get(id);
    if (followers !== undefined) wakeAll(followers);
  }

  /** As Engine.followLogs. Rejects as the store does. */
  async *follow(p: {
    readonly id: string;
    readonly after: number;
    readonly signal: AbortSignal;
  }): AsyncGenerator<readonly KeptLine[]> {
    const { id, signal } = p;
    const follower: Follower = { hasNews: true, wake: () => undefined };
    const leave = (): void => follower.wake();
    let { after } = p;
    this.#join(id, follower);
    signal.addEventListener('abort', leave);
    try {
      while (!signal.aborted && !this.#closed) {
        if (!follower.hasNews) {
          await new Promise<void>((resolve) => (follower.wake = resolve));
          continue;
        }
        follower.hasNews = false;
        const lines = await this.#read(id, after);
        if (lines.length === 0) continue;
        if (lines.length === limits.logPageLines) follower.hasNews = true;
        after = lines.at(-1)?.number ?? after;
        yield lines;
      }
    } finally {
      signal.removeEventListener('abort', leave);
      this.#leave(id, follower);
    }
  }

  close(): void {
    this.#closed = true;
    this.#alarm.clear();
    for (const followers of this.#byId.values()) wakeAll(followers);
  }

  #join(id: string, follower: Follower): void {
    const followers = this.#byId.get(id);
    if (followers === undefined) this.#byId.set(id, new Set([follower]));
    else followers.add(follower);
    if (!this.#store.capabilities.singleProcess && !this.#closed) {
      this.#alarm.setEarlier(this.#elapsed.now() + this.#pollMs);
    }
  }

  #leave(id: string, follower: Follower): void {
    const followers = this.#byId.get(id);
    followers?.delete(follower);
    if (followers?.size === 0) this.#byId.delete(id);
    // Without followers, the timer must not keep the process alive.
    if (this.#byId.size === 0) this.#alarm.clear();
  }

  #read(id: string, after: number): Promise<readonly KeptLine[]> {
    const name = `${id} ${after}`;
    const known = this.#reads.get(name);
    if (known !== undefined) return known;
    const read = this.#store
      .readLogs({ id, after, limit: limits.logPageLines })
      .finally(() => this.#reads.delete(name));
    this.#reads.set(name, read);
    return read;
  }

  #poll(): void {
    for (const [id, followers] of [...this.#byId].slice(0, pollIdsMax)) {
      wakeAll(followers);
      // Moved to the end, so that the next poll looks at the others.
      this.#byId.delete(id);
      this.#byId.set(id, followers);
    }
    this.#alarm.setEarlier(this.#elapsed.now() + this.#pollMs);
  }
}

function wakeAll(followers: ReadonlySet<Follower>): void {
  for (const follower of followers) {
    follower.hasNews = true;
    follower.wake();
  }
}
