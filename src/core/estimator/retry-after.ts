import { pollWaitMs } from './poll-plan.ts';
import type { Random } from './random.ts';
import { pollSettings as settings } from './settings.ts';
import { PollBudget } from './poll-budget.ts';

/** When to poll again. */
export type PollWait = {
  /** For `retry-after-ms`: whole ms, from 1. */
  readonly ms: number;
  /** For `Retry-After`: whole seconds, rounded up, from 1. */
  readonly seconds: number;
};

/** The input of a poll plan. */
export type PollCase = {
  readonly ageMs: number;
  readonly remaining: ArrayLike<number> | null;
  /** The operation cannot start before something changes, so only the cap limits the wait. */
  readonly stalled: boolean;
};

/**
 * Makes poll waits: the plan, a jitter of up to 0.2 % so that equal operations part, the cap, and a
 * place in the poll budget.
 */
export class RetryAfter {
  readonly #random: Random;
  readonly #capMs: number;
  readonly #budget: PollBudget;
  readonly #ringMs: number;

  constructor(p: {
    readonly random: Random;
    readonly pollsPerSecond: number;
    readonly capMs: number;
  }) {
    this.#random = p.random;
    this.#capMs = p.capMs;
    const seconds = ringSecondsMin + Math.ceil(p.capMs / 1000);
    this.#ringMs = seconds * 1000;
    this.#budget = new PollBudget({ perSecond: promised(p.pollsPerSecond), seconds });
  }

  /** Takes effect from now on; earlier promises stay. */
  setPollsPerSecond(pollsPerSecond: number): void {
    this.#budget.setPerSecond(promised(pollsPerSecond));
  }

  next(p: PollCase & { readonly now: number }): PollWait {
    return this.reserve(this.plan(p), p.now);
  }

  /** ms to wait, before jitter, cap and slot. */
  plan(p: PollCase): number {
    return p.stalled ? this.#capMs : pollWaitMs(p);
  }

  /** A wait of about `plannedMs`, with its place taken in the budget. */
  reserve(plannedMs: number, now: number): PollWait {
    const jitter = 1 + settings.jitter * this.#random();
    const wait = Math.min(this.#capMs, plannedMs * jitter);
    const dueAt = now + Math.max(1, Math.round(wait));
    const placeAt = this.#budget.take({ dueAt, now });
    const ms = (placeAt ?? now + this.#ringMs) - now;
    return { ms, seconds: Math.ceil(ms / 1000) };
  }
}

function promised(pollsPerSecond: number): number {
  return Math.max(1, Math.ceil(settings.promisedShare * pollsPerSecond));
}

/** The ring is this much longer than any wait, for polls that are postponed. */
const ringSecondsMin = 900;
