import type { ClaimedDelivery } from '../store/delivery-store.ts';

/**
 * One attempt in this process: a claimed delivery on its way.
 *
 *   sending --the sender answered--> settling --recorded or lost--> ended
 *      \--given up at a stop, or begun too late--------------------/
 *
 * `settling` is entered once; what the sender still answers to an attempt that was given up is dropped.
 */
export class Sending {
  readonly claimed: ClaimedDelivery;
  readonly startedAt: number;
  readonly token: string;
  /** Past it the delivery may be another's, so nothing of this attempt may still be on the wire. */
  readonly leaseEndsAt: number;
  phase: 'sending' | 'settling' | 'ended' = 'sending';
  readonly #abort = new AbortController();

  constructor(claimed: ClaimedDelivery, now: number) {
    const { lease } = claimed.delivery;
    this.claimed = claimed;
    this.startedAt = now;
    this.token = lease?.token ?? '';
    this.leaseEndsAt = lease?.expiresAt ?? now;
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** Ends the attempt at once, wherever it is. */
  abort(): void {
    this.#abort.abort();
  }
}

/** The attempts under way here, and the slots they take. */
export class Sendings {
  readonly all = new Set<Sending>();
  readonly slots: number;
  #busy = 0;
  #idleWaiters: (() => void)[] = [];

  constructor(slots: number) {
    this.slots = slots;
  }

  get free(): number {
    return Math.max(0, this.slots - this.#busy);
  }

  takeSlot(): void {
    this.#busy += 1;
  }

  freeSlot(): void {
    this.#busy -= 1;
  }

  remove(sending: Sending): void {
    sending.phase = 'ended';
    this.all.delete(sending);
    if (this.all.size > 0 || this.#idleWaiters.length === 0) return;
    const waiters = this.#idleWaiters;
    this.#idleWaiters = [];
    for (const wake of waiters) wake();
  }

  /** Resolves when none is under way any more. */
  idle(): Promise<void> {
    if (this.all.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idleWaiters.push(resolve));
  }
}
