import { limits } from '../core/limits.ts';
import { UnderWay } from '../engine/under-way.ts';
import type { ClaimedDelivery } from '../store/delivery-store.ts';
import type { CallOff } from './webhooks.ts';

/**
 * One attempt in this process: a claimed delivery on its way.
 *
 *   sending --the sender answered--> settling --recorded or lost--> ended
 *      \--given up at a stop, or begun too late--------------------/
 *
 * `settling` is entered once; a result that the sender still returns for an attempt that was given
 * up is dropped.
 */
export class SendingAttempt {
  readonly claimed: ClaimedDelivery;
  readonly startedAt: number;
  /** `startedAt` in elapsed time. */
  readonly begunAt: number;
  readonly token: string;
  /**
   * After this instant another process may claim the delivery, so nothing of this attempt may still
   * be on the wire.
   */
  readonly leaseEndsAt: number;
  phase: 'sending' | 'settling' | 'ended' = 'sending';
  readonly signal = new LocalCallOff();

  constructor(
    claimed: ClaimedDelivery,
    { now, elapsed }: { readonly now: number; readonly elapsed: number },
  ) {
    const { lease } = claimed.delivery;
    this.claimed = claimed;
    this.startedAt = now;
    this.begunAt = elapsed;
    this.token = lease?.token ?? '';
    this.leaseEndsAt = lease?.expiresAt ?? now;
  }

  /** Ends the attempt at once, wherever it is. */
  abort(): void {
    this.signal.callOff();
  }
}

/**
 * Does what an AbortController would do, whose creation and listener cost as much as a signature.
 */
class LocalCallOff implements CallOff {
  aborted = false;
  #listener: (() => void) | null = null;

  /** Takes one listener at a time. */
  addEventListener(_type: 'abort', listener: () => void): void {
    this.#listener = listener;
  }

  removeEventListener(_type: 'abort', listener: () => void): void {
    if (this.#listener === listener) this.#listener = null;
  }

  callOff(): void {
    if (this.aborted) return;
    this.aborted = true;
    this.#listener?.();
  }
}

/**
 * The attempts under way here, and the slots they take. An attempt holds a slot while it is quick:
 * one that is not answered within limits.deliverySlotMs gives its slot up and goes on without. So a
 * thousand receivers that hang cost the others moments, and not the whole deadline of each. The
 * number of attempts under way is bounded too, because sockets and bodies take memory.
 */
export class SendingAttempts extends UnderWay<SendingAttempt> {
  readonly slots: number;
  readonly #underWayMax: number;
  /** Attempts with a slot, in the order in which they took it. */
  readonly #holders = new Set<SendingAttempt>();

  constructor(slots: number) {
    super();
    this.slots = slots;
    this.#underWayMax = slots * limits.deliveriesPerSlot;
  }

  get free(): number {
    const slots = this.slots - this.#holders.size;
    return Math.max(0, Math.min(slots, this.#underWayMax - this.all.size));
  }

  takeSlot(attempt: SendingAttempt): void {
    this.#holders.add(attempt);
  }

  freeSlot(attempt: SendingAttempt): void {
    this.#holders.delete(attempt);
  }

  /**
   * Frees the slots of attempts that began at `instant` of elapsed time or before. `nextBegunAt` is
   * when the oldest of the others began; null: there are none.
   */
  freeSlow(instant: number): { readonly freed: number; readonly nextBegunAt: number | null } {
    let freed = 0;
    for (const attempt of this.#holders) {
      if (attempt.begunAt > instant) return { freed, nextBegunAt: attempt.begunAt };
      this.#holders.delete(attempt);
      freed += 1;
    }
    return { freed, nextBegunAt: null };
  }

  override remove(attempt: SendingAttempt): void {
    attempt.phase = 'ended';
    super.remove(attempt);
  }
}
