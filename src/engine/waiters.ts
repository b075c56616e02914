import type { Clock } from '../core/clock.ts';
import { limits } from '../core/limits.ts';
import { isFinal, type Operation } from '../core/operation.ts';
import { Alarm } from './alarm.ts';

/** Waiting ids read in one poll of the floor; the others wait for a later one. */
const pollIdsMax = 200;

type Waiter = {
  readonly until: 'change' | 'final';
  readonly version: number;
  readonly endsAt: number;
  /** Ends the wait with the operation as it is then. */
  readonly end: () => void;
  /** The operation may have changed. */
  readonly look: () => void;
};

export type WaitParams = {
  readonly id: string;
  readonly until: 'change' | 'final';
  readonly version: number;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
};

/**
 * Long-polls. A change made in this process wakes the waiters of that id at once; changes by others
 * are found by reading the waiting ids every `pollMs`, some hundred at a time. At
 * limits.waitersMax, further waits do not wait and return the operation as it is.
 */
export class Waiters {
  readonly #clock: Clock;
  readonly #pollMs: number;
  readonly #read: (id: string) => Promise<Operation>;
  readonly #byId = new Map<string, Set<Waiter>>();
  readonly #alarm: Alarm;
  #count = 0;
  #nextPollAt = 0;
  #closed = false;

  constructor(p: { clock: Clock; pollMs: number; read: (id: string) => Promise<Operation> }) {
    this.#clock = p.clock;
    this.#pollMs = p.pollMs;
    this.#read = p.read;
    this.#alarm = new Alarm(p.clock, () => this.#tick());
  }

  /** Rejects as `read` does. */
  async wait(p: WaitParams): Promise<Operation> {
    if (this.#closed || this.#count >= limits.waitersMax || p.timeoutMs <= 0) {
      return this.#read(p.id);
    }
    let waiter: Waiter | null = null;
    let looks = 0;
    let ended = false;
    // Registered before the first read, so that a change between the two is not missed.
    const news = { wake: (): void => undefined };
    waiter = {
      until: p.until,
      version: p.version,
      endsAt: this.#clock.now() + p.timeoutMs,
      end: () => {
        ended = true;
        news.wake();
      },
      look: () => {
        looks += 1;
        news.wake();
      },
    };
    this.#add(p.id, waiter);
    p.signal?.addEventListener('abort', waiter.end);
    if (p.signal?.aborted === true) ended = true;
    try {
      for (;;) {
        const seen = looks;
        const operation = await this.#read(p.id);
        if (ended || isMet(waiter, operation)) return operation;
        if (seen === looks) await new Promise<void>((resolve) => (news.wake = resolve));
      }
    } finally {
      p.signal?.removeEventListener('abort', waiter.end);
      this.#remove(p.id, waiter);
    }
  }

  /** The operation changed, durably. Cheap when nobody waits for it. */
  notify(id: string): void {
    const waiters = this.#byId.get(id);
    if (waiters === undefined) return;
    for (const waiter of waiters) waiter.look();
  }

  /** Answers all waiters with the operation as it is; later waits do not wait. */
  close(): void {
    this.#closed = true;
    this.#alarm.clear();
    for (const waiters of this.#byId.values()) for (const waiter of waiters) waiter.end();
  }

  #add(id: string, waiter: Waiter): void {
    const waiters = this.#byId.get(id);
    if (waiters === undefined) this.#byId.set(id, new Set([waiter]));
    else waiters.add(waiter);
    this.#count += 1;
    if (this.#count === 1) this.#nextPollAt = this.#clock.now() + this.#pollMs;
    this.#alarm.setEarlier(Math.min(waiter.endsAt, this.#nextPollAt));
  }

  #remove(id: string, waiter: Waiter): void {
    const waiters = this.#byId.get(id);
    waiters?.delete(waiter);
    if (waiters?.size === 0) this.#byId.delete(id);
    this.#count -= 1;
    // Without waiters, the timer must not keep the process alive.
    if (this.#count === 0) this.#alarm.clear();
  }

  #tick(): void {
    const now = this.#clock.now();
    const polls = now >= this.#nextPollAt;
    if (polls) this.#nextPollAt = now + this.#pollMs;
    let next = this.#nextPollAt;
    let polled = 0;
    for (const [id, waiters] of this.#byId) {
      const looks = polls && polled < pollIdsMax;
      if (looks) polled += 1;
      for (const waiter of waiters) {
        if (waiter.endsAt <= now) waiter.end();
        else next = Math.min(next, waiter.endsAt);
        if (looks) waiter.look();
      }
      // Moved to the end of the Map, so that the next poll looks at the others.
      if (looks && this.#byId.size > pollIdsMax) this.#toTheBack(id, waiters);
    }
    this.#alarm.setEarlier(next);
  }

  #toTheBack(id: string, waiters: Set<Waiter>): void {
    this.#byId.delete(id);
    this.#byId.set(id, waiters);
  }
}

function isMet(waiter: Waiter, operation: Operation): boolean {
  if (waiter.until === 'final') return isFinal(operation.state);
  return operation.version !== waiter.version;
}
