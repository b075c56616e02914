import { elapsedClock, type Clock } from '../core/clock.ts';
import { RaincheckError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import type { Operation } from '../core/operation.ts';
import type { Store, TaskRecord } from '../store/store.ts';
import { Alarm } from './alarm.ts';
import { FeedWatcher, type FeedEvent, type FeedFilter } from './feed-watcher.ts';
import type { Logger } from './logger.ts';
import { Outage } from './outage.ts';
import { released } from './released.ts';

type FeedParts = {
  readonly store: Store;
  readonly clock: Clock;
  readonly logger: Logger;
};

/**
 * Time between two deliveries of gathered changes: changes of one operation within it become one.
 */
const paceMs = 250;
const perPace = Math.ceil((limits.feedEventsPerSecond * paceMs) / 1000);
/** Time between two looks for changes by other processes, however many hints come. */
const lookPaceMs = 500;
/** Rows of each of the two lists that a look reads. */
const lookRows = 100;
/** Operations whose version is remembered, so that no state is sent twice: 64 bytes each. */
const seenMax = 5_000;

/**
 * What happens to all operations, for the readers of the feed. There is one subscription however
 * many readers there are, and it works only while there is one:
 *
 *   changed(id)     notes the id: called for what this process committed and what others hint at
 *   every 250 ms    reads the gathered ids from the store, at most feedEventsPerSecond of them, and sends them to all
 *                   readers; changes of one operation in between become one
 *   every 2 s       sends a tick: the counters of the tasks, whose cost does not depend on the number of operations. On
 *                   a store that others write to as well, it also looks for changes without a hint: at the newest
 *                   operations, those that run, and those that ran at the last look
 *
 * The feed is best effort and says so: if more changes come than fit, the oldest are dropped and
 * counted, and all readers are told of a gap. A client that needs every change of an operation must
 * watch that operation.
 */
export class Feed {
  readonly #store: Store;
  readonly #elapsed: Pick<Clock, 'now' | 'sleep'>;
  readonly #outage: Outage;
  readonly #alarm: Alarm;
  readonly #watchers = new Set<FeedWatcher>();
  /**
   * Changes to send, in the order in which they were first noted; null: the operation must be read.
   */
  readonly #noted = new Map<string, Operation | null>();
  readonly #seen = new Map<string, number>();
  /** Ids that ran at the last look; null: there was none yet. */
  #ran: ReadonlySet<string> | null = null;
  #missed = 0;
  #records: readonly TaskRecord[] | null = null;
  #tickAt = 0;
  #lookAt = Infinity;
  #tellAt = 0;
  #isWorking = false;
  /** Counts the periods in which there are readers. */
  #epoch = 0;
  #count = 0;
  readonly #countOf = new Map<string, number>();
  #closed = false;

  constructor({ store, clock, logger }: FeedParts) {
    this.#store = store;
    this.#elapsed = elapsedClock(clock);
    this.#outage = new Outage(logger, 'read what is told to those who look on');
    this.#alarm = new Alarm(this.#elapsed, () => void this.#work());
  }

  /** The operation changed, durably. Costs one comparison when there are no readers. */
  changed(id: string): void {
    if (this.#watchers.size === 0) return;
    this.#note(id, null);
    this.#schedule();
  }

  /** Another process changed something; a look finds out what. */
  hinted(): void {
    if (this.#watchers.size === 0 || this.#store.capabilities.singleProcess) return;
    this.#lookAt = Math.min(this.#lookAt, this.#elapsed.now() + lookPaceMs);
    this.#schedule();
  }

  /**
   * `holder` is the owner of the stream; null: nobody in particular. Throws `streams_full` at once
   * at limits.feedStreamsMax, and at limits.feedStreamsPerToken of one holder. Ends when `signal`
   * aborts or the engine stops.
   */
  watch(
    filter: FeedFilter,
    { signal, holder }: { readonly signal: AbortSignal; readonly holder: string | null },
  ): AsyncGenerator<FeedEvent> {
    const held = holder === null ? 0 : (this.#countOf.get(holder) ?? 0);
    if (this.#count >= limits.feedStreamsMax) {
      throw streamsFull(`The server has its ${limits.feedStreamsMax} streams of all operations`);
    }
    if (held >= limits.feedStreamsPerToken) {
      throw streamsFull(
        `This token has its ${limits.feedStreamsPerToken} streams of all operations`,
      );
    }
    this.#hold(holder, 1);
    return released(this.#events(filter, signal), () => this.#hold(holder, -1));
  }

  #hold(holder: string | null, by: 1 | -1): void {
    this.#count += by;
    if (holder === null) return;
    const held = (this.#countOf.get(holder) ?? 0) + by;
    if (held === 0) this.#countOf.delete(holder);
    else this.#countOf.set(holder, held);
  }

  close(): void {
    this.#closed = true;
    for (const watcher of this.#watchers) watcher.end();
  }

  async *#events(filter: FeedFilter, signal: AbortSignal): AsyncGenerator<FeedEvent> {
    if (this.#closed || signal.aborted) return;
    const watcher = new FeedWatcher(filter);
    const leave = (): void => watcher.end();
    signal.addEventListener('abort', leave);
    this.#join(watcher);
    try {
      yield* watcher.events();
    } finally {
      signal.removeEventListener('abort', leave);
      this.#leave(watcher);
    }
  }

  #join(watcher: FeedWatcher): void {
    this.#watchers.add(watcher);
    if (this.#watchers.size === 1) this.#tickAt = this.#elapsed.now();
    else if (this.#records !== null) watcher.tick(this.#records);
    this.#schedule();
  }

  /** After the last reader nothing is left: no timer, and nothing to remember. */
  #leave(watcher: FeedWatcher): void {
    this.#watchers.delete(watcher);
    if (this.#watchers.size > 0) return;
    this.#epoch += 1;
    this.#alarm.clear();
    this.#noted.clear();
    this.#seen.clear();
    this.#ran = null;
    this.#missed = 0;
    this.#records = null;
    this.#lookAt = Infinity;
  }

  #note(id: string, operation: Operation | null): void {
    this.#noted.set(id, operation);
    if (this.#noted.size <= limits.feedBacklog) return;
    // The oldest change is dropped: late news is worth the least.
    const [oldest = ''] = this.#noted.keys();
    this.#noted.delete(oldest);
    this.#missed += 1;
  }

  #schedule(): void {
    if (this.#isWorking || this.#watchers.size === 0) return;
    const hasNews = this.#noted.size > 0 || this.#missed > 0;
    this.#alarm.setEarlier(Math.min(this.#tickAt, this.#lookAt, hasNews ? this.#tellAt : Infinity));
  }

  async #work(): Promise<void> {
    if (this.#isWorking) return;
    this.#isWorking = true;
    try {
      const now = this.#elapsed.now();
      if (now >= this.#tickAt) await this.#tick(now);
      if (now >= this.#lookAt) await this.#look();
      if (now >= this.#tellAt) await this.#tell(now);
      this.#outage.ended();
    } catch (error) {
      this.#outage.failed(error);
    } finally {
      this.#isWorking = false;
      this.#schedule();
    }
  }

  async #tick(now: number): Promise<void> {
    this.#tickAt = now + limits.feedTickMs;
    // Looks before the first tick is sent, so that a client that lists after the tick misses
    // nothing in between.
    if (!this.#store.capabilities.singleProcess) await this.#look();
    const records = await this.#store.readTasks();
    this.#records = records;
    for (const watcher of this.#watchers) watcher.tick(records);
  }

  /** The first look only records what exists: readers do not get the past. */
  async #look(): Promise<void> {
    this.#lookAt = Infinity;
    const epoch = this.#epoch;
    const ask = { limit: lookRows, beforeId: null };
    const [newest, running] = await Promise.all([
      this.#store.listOperations({ ...ask, filter: {} }),
      this.#store.listOperations({ ...ask, filter: { states: ['running'] } }),
    ]);
    if (epoch !== this.#epoch) return; // the readers have gone
    const before = this.#ran;
    const found = new Map<string, Operation>();
    for (const one of running.operations.concat(newest.operations)) found.set(one.id, one);
    this.#ran = new Set(running.operations.map(({ id }) => id));
    if (before === null) {
      for (const { id, version } of found.values()) {
        if (!this.#noted.has(id)) this.#remember(id, version);
      }
      return;
    }
    const isNews = ({ id, version }: Operation): boolean => version > this.#seenVersion(id);
    const news = [...found.values()].filter(isNews);
    for (const operation of news.toSorted((a, b) => (a.id < b.id ? -1 : 1))) {
      // A change that this process noted meanwhile is newer than what was read.
      if (!this.#noted.has(operation.id)) this.#note(operation.id, operation);
    }
    for (const id of before) if (!found.has(id)) this.#note(id, null);
    // Nothing on the page was known, so there were more changes before it.
    if (newest.operations.length === lookRows && newest.operations.every(isNews)) this.#missed += 1;
  }

  async #tell(now: number): Promise<void> {
    if (this.#noted.size === 0 && this.#missed === 0) return;
    this.#tellAt = now + paceMs;
    const taken = [...this.#noted].slice(0, perPace);
    for (const [id] of taken) this.#noted.delete(id);
    const operations = await this.#read(taken);
    const missed = this.#missed;
    this.#missed = 0;
    for (const operation of operations) this.#tellOne(operation);
    if (missed > 0) for (const watcher of this.#watchers) watcher.gap(missed);
  }

  async #read(taken: readonly (readonly [string, Operation | null])[]): Promise<Operation[]> {
    try {
      const read = await Promise.all(
        taken.map(async ([id, known]) => known ?? this.#store.readOperation({ id })),
      );
      return read.filter((operation) => operation !== null); // null: removed meanwhile
    } catch (error) {
      this.#missed += taken.length;
      throw error;
    }
  }

  #tellOne(operation: Operation): void {
    const { id, version } = operation;
    if (version <= this.#seenVersion(id)) return;
    this.#remember(id, version);
    for (const watcher of this.#watchers) watcher.operation(operation);
  }

  #seenVersion(id: string): number {
    return this.#seen.get(id) ?? 0;
  }

  #remember(id: string, version: number): void {
    this.#seen.delete(id);
    this.#seen.set(id, version);
    if (this.#seen.size <= seenMax) return;
    const [oldest = ''] = this.#seen.keys();
    this.#seen.delete(oldest);
  }
}

function streamsFull(who: string): RaincheckError {
  return new RaincheckError('streams_full', `${who}: list them instead.`, {
    retryAfterSeconds: limits.retryAfterSecondsMax,
  });
}
