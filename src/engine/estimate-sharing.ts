import { elapsedClock } from '../core/clock.ts';
import type { Note } from '../store/store.ts';
import type { EngineSettings } from './engine-settings.ts';
import { estimatesNote, learnedText } from './estimates-note.ts';
import type { Estimates } from './estimates.ts';
import { describeThrown } from './handler-error.ts';
import { Outage } from './outage.ts';
import { periodicService, type Service } from './service.ts';

const everyMs = 5_000;
/**
 * Operations that are compared with the store at once, and the share of all known ones that a round
 * compares: those that ran elsewhere, and that nobody asked for since, would otherwise stay in the
 * queue for ever.
 */
const checkedAtOnce = 1_000;
const checkedShare = 0.1;
/**
 * If several processes write at once, one succeeds; the others read its text and try again, this
 * often.
 */
const triesMax = 3;

/**
 * Keeps the estimates of a process in step with a store that others share, every five seconds:
 * - What was learned here is added to what all processes learned: the note is read, merged, and
 *   written if nobody else wrote meanwhile. A process that dies loses the news of five seconds at
 *   most.
 * - Paused tasks and the number of waiting operations are read.
 * - Some of the operations with estimates given here are read, different ones each time: those that
 *   ran elsewhere are judged when their end is seen.
 *
 * line-exchange.ts forecasts the waiting operations.
 */
export class EstimateSharing {
  readonly #p: EngineSettings;
  readonly #estimates: Estimates;
  readonly #service: Service<void>;
  readonly #elapsed: { now(): number };
  #saveAt = -Infinity;
  #mergedAt: number | null = null;
  #ids: Iterator<string> | null = null;
  #isStarted = false;
  #sharing: Promise<void> = Promise.resolve();
  #first: Promise<void> = Promise.resolve();

  constructor(settings: EngineSettings, estimates: Estimates) {
    this.#p = settings;
    this.#estimates = estimates;
    this.#elapsed = elapsedClock(settings.clock);
    this.#service = periodicService({
      clock: settings.clock,
      everyMs,
      outage: new Outage(settings.logger, 'share the estimates'),
      round: () => this.runOnce(),
      again: () => false,
    });
  }

  /** Idempotent. */
  start(): void {
    if (this.#isStarted) return;
    this.#isStarted = true;
    this.#service.start();
    this.#first = this.load().catch(() => undefined); // the rounds report an outage
  }

  async stop(): Promise<void> {
    if (!this.#isStarted) return;
    await this.#service.stop();
    await this.#first;
    this.#saveAt = -Infinity;
    try {
      await this.#share();
    } catch (error) {
      this.#p.logger.warn({ err: describeThrown(error) }, 'The estimates could not be kept.');
    }
  }

  async runOnce(): Promise<void> {
    await this.load();
    await this.#check();
  }

  /** Reads what is known before the first claim is made. */
  async load(): Promise<void> {
    const { store, allTasks } = this.#p;
    let waiting = 0;
    for (const { task, paused, pending } of await store.readTasks()) {
      this.#estimates.setPaused(task, paused);
      if (allTasks.has(task)) waiting += pending;
    }
    this.#estimates.estimator.setPending(waiting);
    await this.#share();
  }

  /** Shares one call after the other: what the first writes would be news to the second. */
  #share(): Promise<void> {
    const done = this.#sharing.then(() => this.#shareNow());
    this.#sharing = done.catch(() => undefined);
    return done;
  }

  async #shareNow(): Promise<void> {
    const { estimator } = this.#estimates;
    for (let tries = 0; tries < triesMax; tries += 1) {
      const note = await this.#readNote();
      this.#merge(note);
      const count = estimator.newsCount;
      if (count === 0 || this.#elapsed.now() < this.#saveAt) return;
      if ((await this.#write(note)) === 'changed') continue;
      estimator.newsTold(count);
      return;
    }
  }

  async #readNote(): Promise<Note | null> {
    const { store, clock } = this.#p;
    const notes = await store.readNotes({ prefix: estimatesNote, now: clock.now() });
    return notes.find(({ name }) => name === estimatesNote) ?? null;
  }

  /** A note that cannot be read is ignored: what is known here replaces it. */
  #merge(note: Note | null): void {
    if (note === null || note.writtenAt === this.#mergedAt) return;
    this.#mergedAt = note.writtenAt;
    try {
      this.#estimates.estimator.mergeLearned(JSON.parse(note.text));
    } catch (error) {
      this.#p.logger.warn(
        { err: describeThrown(error) },
        'What was kept of the estimates cannot be read; they begin anew.',
      );
    }
  }

  async #write(note: Note | null): Promise<'replaced' | 'changed'> {
    const { store, clock } = this.#p;
    const { text, restMs } = learnedText(this.#estimates.estimator);
    const over = note?.writtenAt ?? null;
    const now = clock.now();
    const outcome = await store.replaceNote({ name: estimatesNote, text, over, now });
    if (outcome === 'replaced') this.#saveAt = this.#elapsed.now() + restMs;
    return outcome;
  }

  async #check(): Promise<void> {
    const { estimator } = this.#estimates;
    for (let left = checkedShare * estimator.waiting; ; left -= checkedAtOnce) {
      const some = this.#next();
      await Promise.all(some.map((id) => this.#estimates.recheck(id)));
      if (left <= checkedAtOnce || some.length < checkedAtOnce) return;
    }
  }

  #next(): string[] {
    this.#ids ??= this.#estimates.estimator.ids();
    const some: string[] = [];
    while (some.length < checkedAtOnce) {
      const { done, value } = this.#ids.next();
      if (done === true) {
        this.#ids = null;
        break;
      }
      some.push(value);
    }
    return some;
  }
}
