import { setImmediate as nextTurn } from 'node:timers/promises';
import { elapsedClock } from '../core/clock.ts';
import { limits } from '../core/limits.ts';
import type { EngineSettings } from './engine-settings.ts';
import { estimatesNote, learnedText } from './estimates-note.ts';
import type { Estimates } from './estimates.ts';
import { describeThrown } from './handler-error.ts';
import { Outage } from './outage.ts';
import { periodicService, type Service } from './service.ts';

const everyMs = 5_000;
/** Operations that one round compares with the store. */
const checkedPerRound = 100;
/**
 * A queue of at most this length is read before the start is over; a longer one in parallel with
 * the first operations.
 */
const readAtStartMax = 2_000;
/** A queue that was too long is read again when it has shrunk to this share of what is kept. */
const readAgainShare = 0.5;

const waitingStates = ['scheduled', 'ready', 'parked'] as const;

/**
 * Keeps the estimates across restarts and in step with the store, every five seconds:
 * - What was learned is written to a note of the store, if there is news, and once more at the
 *   stop. kill -9 loses the news of some seconds, which is never more than a few samples of a
 *   window.
 * - Some of the known operations, different ones each time, are read and corrected. This matters
 *   only after writes whose answer was lost: an operation that ended in one of those would stand in
 *   the queue for ever.
 * - A queue that was longer than what is kept (limits.foreseenMax) is read once it is short enough.
 *
 * Only for a process that has the store to itself; otherwise see estimate-sharing.ts.
 */
export class EstimateKeeper {
  readonly #p: EngineSettings;
  readonly #estimates: Estimates;
  readonly #service: Service<void>;
  readonly #elapsed: { now(): number };
  #isStopped = false;
  #saved = 0;
  #saveAt = -Infinity;
  #ids: Iterator<string> | null = null;
  #reading: Promise<void> | null = null;

  constructor(settings: EngineSettings, estimates: Estimates) {
    this.#p = settings;
    this.#estimates = estimates;
    this.#elapsed = elapsedClock(settings.clock);
    this.#service = periodicService({
      clock: settings.clock,
      everyMs,
      outage: new Outage(settings.logger, 'keep the estimates'),
      round: () => this.runOnce(),
      again: () => false,
    });
  }

  /**
   * Loads, before the first claim, what was learned, which tasks are paused and which operations
   * wait. Rejects when the store does.
   */
  async load(): Promise<void> {
    const records = await this.#p.store.readTasks();
    for (const { task, paused } of records) this.#estimates.setPaused(task, paused);
    await this.#loadNote();
    const pending = await this.#pending();
    if (pending > limits.foreseenMax) {
      this.#estimates.line = 'beyond';
      return;
    }
    this.#readQueue();
    if (pending <= readAtStartMax) await this.#reading;
  }

  start(): void {
    this.#service.start();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#service.stop();
    await this.#reading;
    this.#saveAt = -Infinity;
    try {
      await this.#save();
    } catch (error) {
      this.#p.logger.warn({ err: describeThrown(error) }, 'The estimates could not be kept.');
    }
  }

  async runOnce(): Promise<void> {
    await this.#check();
    await this.#readAgain();
    await this.#save();
  }

  /** A note that cannot be read is ignored: the estimates begin anew. */
  async #loadNote(): Promise<void> {
    const text = await this.#p.store.readNote({ name: estimatesNote });
    if (text === null) return;
    try {
      this.#estimates.estimator.importLearned(JSON.parse(text));
    } catch (error) {
      this.#p.logger.warn(
        { err: describeThrown(error) },
        'What was kept of the estimates cannot be read; they begin anew.',
      );
    }
  }

  async #save(): Promise<void> {
    const { finished } = this.#estimates;
    const now = this.#elapsed.now();
    if (finished === this.#saved || now < this.#saveAt) return;
    const { text, restMs } = learnedText(this.#estimates.estimator);
    await this.#p.store.writeNote({ name: estimatesNote, text, now: this.#p.clock.now() });
    this.#saved = finished;
    this.#saveAt = now + restMs;
  }

  async #check(): Promise<void> {
    this.#ids ??= this.#estimates.estimator.ids();
    for (let i = 0; i < checkedPerRound; i += 1) {
      const { done, value } = this.#ids.next();
      if (done === true) {
        this.#ids = null;
        return;
      }
      await this.#estimates.recheck(value);
    }
  }

  async #readAgain(): Promise<void> {
    if (this.#estimates.line !== 'beyond') return;
    if ((await this.#pending()) <= limits.foreseenMax * readAgainShare) this.#readQueue();
  }

  /** Number of waiting operations, of tasks that are defined here. */
  async #pending(): Promise<number> {
    const records = await this.#p.store.readTasks();
    const here = records.filter(({ task }) => this.#p.allTasks.has(task));
    return here.reduce((sum, { pending }) => sum + pending, 0);
  }

  #readQueue(): void {
    if (this.#reading !== null) return;
    this.#estimates.line = 'reading';
    this.#reading = this.#readPages().finally(() => {
      this.#reading = null;
    });
  }

  async #readPages(): Promise<void> {
    const { store, logger } = this.#p;
    let beforeId: string | null = null;
    try {
      do {
        const { operations, nextBeforeId } = await store.listOperations({
          filter: { states: waitingStates },
          limit: limits.pageSizeMax,
          beforeId,
        });
        for (const operation of operations) this.#estimates.align(operation);
        beforeId = nextBeforeId;
        await nextTurn();
      } while (beforeId !== null && !this.#isStopped);
      // The queue may have grown too long meanwhile.
      if (this.#estimates.line === 'reading') this.#estimates.line = 'whole';
    } catch (error) {
      logger.warn({ err: describeThrown(error) }, 'The queue could not be read for estimates.');
      this.#estimates.line = 'beyond'; // a later round reads it again once it is short
    }
  }
}
