import type { Clock } from '../core/clock.ts';
import { Alarm } from './alarm.ts';
import type { Outage } from './outage.ts';
import type { Service } from './service.ts';

/** The result of one look at a queue. */
export type ClaimRound = {
  readonly claimed: number;
  /**
   * When another look may find something although nothing else happens; null: no such instant is
   * known.
   */
  readonly nextDueAt: number | null;
  /** The round took as many as there was room for, so there may be more. Default true. */
  readonly isFull?: boolean;
};

type ClaimLoopParts = {
  readonly clock: Clock;
  /** Longest time between two looks. */
  readonly pollMs: number;
  readonly outage: Outage;
  /** Whether nothing more can be taken. If so, the next freed slot must wake the loop. */
  readonly full: () => boolean;
  /** Asks the store, in the turn in which it is called, and begins what it got. */
  readonly round: () => Promise<ClaimRound>;
};

/**
 * Looks at a queue when woken (an entry was added, a slot was freed), when the store said the next
 * entry is due, and every `pollMs` for entries of other processes. Wakes are gathered until the end
 * of the turn (process.nextTick runs after all microtasks), so that 64 attempts that end together
 * lead to one claim of 64, in the commit of their settles. Rounds never overlap.
 */
export class ClaimLoop implements Service<ClaimRound> {
  readonly #p: ClaimLoopParts;
  readonly #alarm: Alarm;
  #active = false;
  #wakeQueued = false;
  #again = false;
  /** The last look may have left entries for want of a slot. */
  #mayHaveLeft = true;
  #claiming: Promise<void> | null = null;

  constructor(p: ClaimLoopParts) {
    this.#p = p;
    this.#alarm = new Alarm(p.clock, () => this.wake());
  }

  start(): void {
    this.#active = true;
    this.wake();
  }

  /** Resolves when no claim is under way; what the last one brought has begun. */
  async stop(): Promise<void> {
    this.#active = false;
    this.#alarm.clear();
    while (this.#claiming !== null) await this.#claiming;
  }

  wake(): void {
    if (!this.#active || this.#wakeQueued) return;
    if (this.#claiming !== null) {
      this.#again = true;
      return;
    }
    this.#wakeQueued = true;
    process.nextTick(() => {
      this.#wakeQueued = false;
      if (!this.#active) return;
      if (this.#p.full()) this.#mayHaveLeft = true;
      else this.#claiming = this.#claimRound();
    });
  }

  /**
   * A slot was freed and nothing else happened: looks only if entries may have been left for want
   * of a slot.
   */
  freed(): void {
    if (this.#mayHaveLeft || this.#claiming !== null) this.wake();
  }

  /** Looks again at `instant`, e.g. when a scheduled entry was added. */
  wakeAt(instant: number): void {
    if (this.#active) this.#alarm.setEarlier(instant);
  }

  async runOnce(): Promise<ClaimRound> {
    const round = await this.#p.round();
    this.#mayHaveLeft = round.isFull ?? true;
    const nextAt = Math.min(this.#p.clock.now() + this.#p.pollMs, round.nextDueAt ?? Infinity);
    if (this.#active) this.#alarm.set(nextAt);
    return round;
  }

  async #claimRound(): Promise<void> {
    try {
      await this.runOnce();
      this.#p.outage.ended();
    } catch (error) {
      this.#p.outage.failed(error);
      if (this.#active) this.#alarm.set(this.#p.clock.now() + this.#p.pollMs);
    }
    this.#claiming = null;
    if (!this.#again) return;
    this.#again = false;
    this.wake();
  }
}
