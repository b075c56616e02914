import type { Clock } from '../core/clock.ts';
import type { ProgressReport } from '../core/progress.ts';
import type { ExtendOutcome, Store } from '../store/store.ts';
import { Alarm } from './alarm.ts';
import type { AbortCause, Attempt } from './attempt.ts';
import type { Tell } from './engine.ts';
import type { Estimates } from './estimates.ts';
import type { Logger } from './logger.ts';
import { Outage } from './outage.ts';
import type { RunningAttempts } from './running-attempts.ts';
import { periodicService, type Service } from './service.ts';

/** Shortest time between two recorded progress reports of one attempt. */
const progressMs = 500;

type HeartbeatParts = {
  readonly store: Store;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly leaseMs: number;
  readonly running: RunningAttempts;
  readonly estimates: Estimates;
  readonly abort: (attempt: Attempt, cause: AbortCause) => void;
  /** A change that clients can see was recorded. */
  readonly changed: (id: string) => void;
  readonly tell: Tell;
};

export type BeatSummary = { readonly extended: number; readonly lost: number };

/**
 * Extends the leases of all attempts with one call every third of the lease, carries their
 * progress, and learns which attempts must be cancelled and which have lost their lease. The first
 * progress report is sent at once, later ones at most every 500 ms an attempt, of which the last
 * value wins; reports of one turn share a call.
 */
export class Heartbeat {
  readonly #p: HeartbeatParts;
  readonly #service: Service<BeatSummary>;
  readonly #progressAlarm: Alarm;
  #flushQueued = false;
  /**
   * Beats never overlap, because an older answer must not be read after a newer one. Only sendLast
   * does not wait for its turn: its attempt is over, and no answer changes that.
   */
  #chain: Promise<unknown> = Promise.resolve();

  constructor(p: HeartbeatParts) {
    this.#p = p;
    this.#progressAlarm = new Alarm(p.clock, () => this.#queueFlush());
    this.#service = periodicService({
      clock: p.clock,
      everyMs: Math.floor(p.leaseMs / 3),
      outage: new Outage(p.logger, 'extend leases'),
      round: () => this.runOnce(),
      again: () => false,
    });
  }

  start(): void {
    this.#service.start();
  }

  async stop(): Promise<void> {
    this.#progressAlarm.clear();
    await this.#service.stop();
  }

  /** Extends every lease held here. */
  runOnce(): Promise<BeatSummary> {
    return this.#enqueue((attempt) => attempt.leased);
  }

  /**
   * Extends all leases if half the lease of any has passed. Run before every sweep, so that after a
   * blocked event loop (or a suspended machine) this process does not expire its own leases.
   */
  async keepFresh(): Promise<void> {
    const staleAt = this.#p.clock.now() - this.#p.leaseMs / 2;
    for (const attempt of this.#p.running.all) {
      if (!attempt.leased || attempt.leasedAt > staleAt) continue;
      await this.runOnce();
      return;
    }
  }

  /** Never throws, whatever the handler passes. */
  report(attempt: Attempt, report: ProgressReport, message?: string): void {
    try {
      if (!attempt.live) return;
      const now = this.#p.clock.now();
      attempt.report(report, message, now);
      if (attempt.progress !== null) {
        this.#p.estimates.progressed(attempt.operation.id, attempt.progress);
      }
      if (attempt.progressDueAt <= now) this.#queueFlush();
      else this.#progressAlarm.setEarlier(attempt.progressDueAt);
    } catch {
      // Not a report at all, e.g. undefined or an object whose getters throw: ignored.
    }
  }

  /**
   * Sends the store the last progress that was not sent yet, in this very turn and so before the
   * settle that follows. Otherwise a completed operation would show the progress of half a second
   * before its end.
   */
  sendLast(attempt: Attempt): void {
    if (!attempt.progressUnsent) return;
    this.#extend([attempt]).catch(() => undefined); // the settle that follows reports the outage
  }

  #queueFlush(): void {
    if (this.#flushQueued) return;
    this.#flushQueued = true;
    queueMicrotask(() => {
      this.#flushQueued = false;
      this.#flush();
    });
  }

  #flush(): void {
    const now = this.#p.clock.now();
    for (const attempt of this.#p.running.all) {
      if (attempt.progressUnsent && attempt.progressDueAt > now) {
        this.#progressAlarm.setEarlier(attempt.progressDueAt);
      }
    }
    const due = (attempt: Attempt): boolean =>
      attempt.leased && attempt.live && attempt.progressUnsent && attempt.progressDueAt <= now;
    // A failure is left to the next beat, which also carries unsent progress and reports the
    // outage.
    this.#enqueue(due).catch(() => undefined);
  }

  #enqueue(chosen: (attempt: Attempt) => boolean): Promise<BeatSummary> {
    const beat = this.#chain.then(() => this.#extend([...this.#p.running.all].filter(chosen)));
    this.#chain = beat.catch(() => undefined);
    return beat;
  }

  async #extend(attempts: readonly Attempt[]): Promise<BeatSummary> {
    if (attempts.length === 0) return { extended: 0, lost: 0 };
    const now = this.#p.clock.now();
    const sent = attempts.map((attempt) => (attempt.progressUnsent ? attempt.progress : null));
    for (const attempt of attempts) {
      if (attempt.progressUnsent) attempt.progressDueAt = now + progressMs;
    }
    const outcomes = await this.#p.store.extendLeases({
      leases: attempts.map((attempt, i) => ({
        id: attempt.operation.id,
        token: attempt.token,
        progress: sent[i] ?? null,
      })),
      leaseMs: this.#p.leaseMs,
      now,
    });
    let lost = 0;
    for (const [i, attempt] of attempts.entries()) {
      const outcome = outcomes[i];
      if (outcome === undefined) continue;
      attempt.leasedAt = now;
      if (outcome.outcome === 'lost') lost += 1;
      this.#learn(attempt, outcome, sent[i] ?? null);
    }
    return { extended: attempts.length - lost, lost };
  }

  #learn(attempt: Attempt, outcome: ExtendOutcome, sent: Attempt['progress']): void {
    if (outcome.outcome === 'lost') {
      // An attempt settled meanwhile is "lost" too; abort() leaves it alone.
      this.#p.abort(attempt, 'lost');
      return;
    }
    if (sent !== null) {
      if (attempt.progress === sent) attempt.progressUnsent = false;
      this.#p.changed(attempt.operation.id);
      // The next news of an attempt that is being settled is its end.
      if (attempt.live) this.#p.tell('progress', { ...attempt.operation, progress: sent });
    }
    if (outcome.cancelRequested) this.#p.abort(attempt, 'cancel');
  }
}
