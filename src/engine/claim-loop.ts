import type { Clock } from '../core/clock.ts';
import { Alarm } from './alarm.ts';
import type { Outage } from './outage.ts';
import type { Service } from './service.ts';

/** What one look at a queue brought. */
export type ClaimRound = {
  readonly claimed: number;
  /** When asking again may give something although nothing else happens; null: nothing known. */
  readonly nextDueAt: number | null;
  /** As much as there was room for, so that there may be more. Default true. */
  readonly isFull?: boolean;
};

type ClaimLoopParts = {
  readonly clock: Clock;
  /** Longest time between two looks. */
  readonly pollMs: number;
  readonly outage: Outage;
  /** Whether nothing more can be taken: a freed slot wakes. */
  readonly full: () => boolean;
  /** Asks the store, in the turn it is called in, and begins what it got. */
  readonly round: () => Promise<ClaimRound>;
};

/**
 * Looks at a queue when woken (something was put in, a slot was freed), when the store said the next one is
 * due, and every `pollMs` for what other processes put in. Wakes are gathered to the end of the turn
 * (process.nextTick runs after all microtasks), so that 64 attempts that end together lead to one claim of 64,
 * in the commit of their settles. Rounds never overlap.
 */
export class ClaimLoop implements Service<ClaimRound> {
  readonly #p: ClaimLoopParts;
  readonly #alarm: Alarm;
  #active = false;
  #wakeQueued = false;
  #again = false;
  /** Something may have been left for want of a slot. */
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

  /** A slot was freed and nothing else happened: looks when something may have been left for want of one. */
  freed(): void {
    if (this.#mayHaveLeft || this.#claiming !== null) this.wake();
  }

  /** Looks again at `instant`, e.g. when something scheduled was put in. */
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
