import type { Clock } from '../core/clock.ts';
import type { OutcomeCode } from '../core/errors.ts';
import type { Operation } from '../core/operation.ts';
import type { StatsRing } from '../core/stats-ring.ts';
import type { Settlement } from '../store/store.ts';

/**
 * Informed of what became of operations in this process, once for each event and when it is
 * durable. Must not throw and should cost next to nothing. An end whose commit had no answer may be
 * missed, since nobody knows whether this process caused it.
 */
export type Observer = {
  submitted(task: string): void;
  /** The operation's first attempt began, `waitMs` after it could have. */
  started(task: string, waitMs: number): void;
  finished(p: FinishedOperation): void;
};

export type FinishedOperation = {
  readonly task: string;
  /** null: completed. */
  readonly code: OutcomeCode | null;
  /** Duration of its last attempt; null: none ran, or none that ended here. */
  readonly runMs: number | null;
  /** Time since it was accepted. */
  readonly totalMs: number;
};

/** Counts what happens to operations, as the engine learns it after its commits. */
export class Activity {
  readonly #clock: Clock;
  readonly #isAlone: boolean;
  readonly #ring: StatsRing;
  readonly #observer: Observer | null;
  #changes = 0;

  constructor(p: {
    clock: Clock;
    /** Whether the store's instants come from `clock`. */
    isAlone: boolean;
    ring: StatsRing;
    observer: Observer | null;
  }) {
    this.#clock = p.clock;
    this.#isAlone = p.isAlone;
    this.#ring = p.ring;
    this.#observer = p.observer;
  }

  /** Number of changes counted so far. */
  get changes(): number {
    return this.#changes;
  }

  submitted({ task, createdAt }: Operation): void {
    this.#changes += 1;
    this.#ring.submitted(this.#when(createdAt));
    this.#observer?.submitted(task);
  }

  /** An attempt began; counted when it is the first of its operation. */
  started({ task, startedAt, attemptStartedAt, readyAt, createdAt }: Operation): void {
    if (startedAt === null || startedAt !== attemptStartedAt) return;
    this.#changes += 1;
    const waitMs = Math.max(0, startedAt - Math.max(readyAt, createdAt));
    this.#ring.started(this.#when(startedAt), waitMs);
    this.#observer?.started(task, waitMs);
  }

  /**
   * An attempt ended at `now`, after `runMs`, as `settlement` says; counted when it was the last.
   */
  settled(
    operation: Operation,
    settlement: Settlement,
    { now, runMs }: { readonly now: number; readonly runMs: number },
  ): void {
    const code = finalCode(operation, settlement);
    if (code === undefined) return;
    // Both instants come from the store's clock, so the clocks of two machines are not mixed.
    const before = (operation.attemptStartedAt ?? operation.createdAt) - operation.createdAt;
    this.#finished({ task: operation.task, code, runMs, totalMs: before + runMs }, now);
  }

  /** The operation became final without an attempt that ended in this process. */
  ended({ task, error, createdAt, startedAt, finishedAt }: Operation): void {
    const totalMs = Math.max(0, (finishedAt ?? createdAt) - createdAt);
    const now = this.#clock.now();
    if (startedAt === null) this.#ring.unstarted(now);
    this.#finished({ task, code: error?.code ?? null, runMs: null, totalMs }, now);
  }

  #finished(p: FinishedOperation, now: number): void {
    this.#changes += 1;
    this.#ring.finished(now, p);
    this.#observer?.finished(p);
  }

  /** Avoids asking the clock where possible: that costs more than the counting. */
  #when(instant: number): number {
    return this.#isAlone ? instant : this.#clock.now();
  }
}

/** null: completed. undefined: the operation is not final. */
function finalCode(
  { deadlineAt }: Operation,
  settlement: Settlement,
): OutcomeCode | null | undefined {
  switch (settlement.type) {
    case 'completed':
      return null;
    case 'released':
      return undefined;
    case 'attempt_failed': {
      const { retryAt, error } = settlement;
      const isFinal = retryAt === null || (deadlineAt !== null && retryAt >= deadlineAt);
      return isFinal ? error.code : undefined;
    }
  }
}
