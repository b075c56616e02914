import { UnderWay } from '../engine/under-way.ts';
import type { ClaimedDelivery } from '../store/delivery-store.ts';

/**
 * One attempt in this process: a claimed delivery on its way.
 *
 *   sending --the sender answered--> settling --recorded or lost--> ended
 *      \--given up at a stop, or begun too late--------------------/
 *
 * `settling` is entered once; what the sender still answers to an attempt that was given up is dropped.
 */
export class SendingAttempt {
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
export class SendingAttempts extends UnderWay<SendingAttempt> {
  readonly slots: number;
  #busy = 0;

  constructor(slots: number) {
    super();
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

  override remove(attempt: SendingAttempt): void {
    attempt.phase = 'ended';
    super.remove(attempt);
  }
}
