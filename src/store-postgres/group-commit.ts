import type { Transaction } from './connection.ts';
import { RaincheckError } from '../core/errors.ts';
import { noEndpoints, type EndpointNeeds } from './endpoint-ledger.ts';
import { postGuard, type Foresee, type Foreseen, type Foresight } from './foresight.ts';
import { noNeeds, WorkingSet, type Needs } from './working-set.ts';

/**
 * Group commit: all writes asked for in one turn of the event loop become one transaction, begun by
 * setImmediate, and no caller gets its outcome before that is committed.
 *
 *   write() … write() … claim()   asked for
 *   └─ setImmediate: BEGIN + what the writes need · the writes, in memory · what changed + COMMIT
 *      └─ resolve the writes · then the claims, a transaction each
 *
 * Nothing waits for company: a lone write is sent at the end of its own turn. While fewer than
 * `lanes` transactions are under way, the next turn's begins at once. Otherwise writes gather until
 * a transaction ends, so the groups grow with the load and the delay does not.
 *
 * A group too large for one transaction is split over several lanes, in no order, with one
 * exception: the last lines and the last progress of an attempt share the transaction of its end,
 * because after the end they would be refused.
 *
 * Claims come after the writes of their turn, so that they see them, and in transactions of their
 * own: they hold locks that limit a task over all nodes, for which no caller's 202 should wait.
 *
 * When a write throws that should not (a defect, a duplicate id), everything is rolled back and
 * each write runs again alone, so that only the culprit rejects. When the server is in trouble, or
 * a COMMIT has no answer, all of them reject with `store_unavailable`.
 */
export type MemoryWrite<Outcome> = {
  /** null: the verb has no instant; that of the write before it goes on. */
  readonly callersNow: number | null;
  readonly needs: (needs: Needs) => void;
  /** Runs against the working set, which holds what was needed. Never waits. */
  readonly run: (set: WorkingSet, now: number) => Outcome;
  /**
   * Whether it may make something ready that other nodes could claim; `queued`: it does if it puts
   * something into the queue.
   */
  readonly hasReady?: boolean | 'queued';
  /** Roughly how many bytes it sends; only given where it may be much. */
  readonly bytes?: number;
  /** Absent: it never runs on assumptions (foresight.ts). */
  readonly foresee?: Foresee<Outcome>;
  /** As in StepWrite. */
  readonly isLoose?: boolean;
  /**
   * Whether it records what a running attempt reports. The end of that attempt may be the next
   * write, and must not be committed before it.
   */
  readonly isPrelude?: boolean;
};

/**
 * A write about webhooks, also against the working set. It waits only when it needs something that
 * was not among its `needs`, which is rare.
 */
export type StepWrite<Outcome> = {
  /** As in MemoryWrite. */
  readonly callersNow: number | null;
  readonly needs: (needs: Needs) => void;
  readonly step: (set: WorkingSet, now: number) => Promise<Outcome>;
  readonly hasReady?: boolean;
  readonly bytes?: number;
  /** What it writes need not be on the disk when it is answered. */
  readonly isLoose?: boolean;
};

/** A write with its own SQL statements, run in its place among the others. */
export type SqlWrite<Outcome> = {
  /** As in MemoryWrite. */
  readonly callersNow: number | null;
  readonly needs?: (needs: Needs) => void;
  readonly execute: (set: WorkingSet, now: number) => Promise<Outcome>;
  readonly hasReady?: boolean;
  readonly bytes?: number;
  /** As in StepWrite. */
  readonly isLoose?: boolean;
};

export type Write<Outcome> = MemoryWrite<Outcome> | StepWrite<Outcome> | SqlWrite<Outcome>;

type Queued<Work> = {
  readonly work: Work;
  readonly resolve: (value: unknown) => void;
  readonly reject: (reason: unknown) => void;
};
type QueuedWrite = Queued<Write<unknown>>;
type QueuedClaim = Queued<() => Promise<unknown>>;

/** Most calls in one transaction: more would hold its locks for long and gain nothing. */
const groupMax = 500;

/** Most bytes in one transaction: more in one statement could take longer than it may. */
const groupBytesMax = 8 * 1_048_576;

export type News = {
  /** Something may be ready to be claimed. */
  readonly ready: boolean;
  /** Operations that changed in a way that clients can see. */
  readonly changed: readonly string[];
  /** How many operations left the queue. */
  readonly unqueued: number;
};

export type GroupCommitParts = {
  /** How many transactions of writes may be under way at once. */
  readonly lanes: number;
  /** `isLoose`: the COMMIT need not wait for the disk. */
  readonly transact: <Outcome>(
    run: (tx: Transaction) => Promise<Outcome>,
    p: { readonly isLoose: boolean },
  ) => Promise<Outcome>;
  readonly foresight: Foresight;
  /** Called after the commit with what other processes may want to know. */
  readonly committed: (news: News) => void;
};

export class GroupCommit {
  readonly #p: GroupCommitParts;
  #writes: QueuedWrite[] = [];
  #claims: QueuedClaim[] = [];
  #flushScheduled = false;
  #lanesBusy = 0;
  readonly #underWay = new Set<Promise<void>>();
  readonly #committing = new Set<Promise<boolean>>();
  /**
   * Those of #committing that may make something ready; each resolves with whether it may have done
   * so.
   */
  readonly #readying = new Set<Promise<boolean>>();
  #closed: Error | null = null;

  constructor(p: GroupCommitParts) {
    this.#p = p;
  }

  /** Runs `work` in the next transaction and resolves with its outcome once that is committed. */
  write<Outcome>(work: Write<Outcome>): Promise<Outcome> {
    return this.#enqueue(this.#writes, work);
  }

  /** As write(), but after all writes of the turn and in transactions of its own. */
  claim<Outcome>(work: () => Promise<Outcome>): Promise<Outcome> {
    return this.#enqueue(this.#claims, work);
  }

  /**
   * As claim(), but not before the transactions now under way have ended: a claim that is asked for
   * because of one of them, through the outbox that it called, comes after it.
   */
  claimAfterAll<Outcome>(work: () => Promise<Outcome>): Promise<Outcome> {
    const before = [...this.#committing];
    return this.claim(async () => {
      await Promise.all(before);
      return work();
    });
  }

  /**
   * The transactions now under way that may make something ready; each resolves with whether it may
   * have done so. A claim that is asked for because of one of them, while an earlier claim is under
   * way, goes to the other lane. There it may run before their COMMIT, and nobody would ask again.
   */
  readying(): readonly Promise<boolean>[] {
    return [...this.#readying];
  }

  /**
   * Refuses all further writes with `error`; resolves when what was queued is committed or has
   * failed.
   */
  async close(reason: Error): Promise<void> {
    this.#closed = reason;
    for (;;) {
      this.#flush();
      const [first] = this.#underWay;
      if (first === undefined) return;
      await first;
    }
  }

  #enqueue<Work, Outcome>(queue: Queued<Work>[], work: Work): Promise<Outcome> {
    if (this.#closed !== null) return Promise.reject(this.#closed);
    this.#scheduleFlush();
    return new Promise<Outcome>((resolve, reject) => {
      queue.push({ work, resolve: resolve as (value: unknown) => void, reject });
    });
  }

  #scheduleFlush(): void {
    if (this.#flushScheduled || this.#lanesBusy >= this.#p.lanes) return;
    this.#flushScheduled = true;
    setImmediate(() => {
      this.#flushScheduled = false;
      this.#flush();
    });
  }

  #flush(): void {
    while (this.#lanesBusy < this.#p.lanes && this.#writes.length + this.#claims.length > 0) {
      const writes = this.#writes.splice(0, groupSize(this.#writes));
      // Claims wait for all writes of their turn.
      const claims = this.#writes.length === 0 ? this.#claims.splice(0) : [];
      this.#lanesBusy += 1;
      const committed = this.#commit(writes).finally(() => {
        this.#lanesBusy -= 1;
        this.#committing.delete(committed);
        this.#readying.delete(committed);
        if (this.#writes.length + this.#claims.length > 0) this.#scheduleFlush();
      });
      this.#committing.add(committed);
      if (writes.some(({ work }) => work.hasReady)) this.#readying.add(committed);
      this.#track(committed.then(() => claimAll(claims)));
    }
  }

  #track(work: Promise<void>): void {
    this.#underWay.add(work);
    void work.finally(() => this.#underWay.delete(work));
  }

  /**
   * Resolves with whether something may be ready now. Never rejects: each write gets its own
   * outcome.
   */
  async #commit(writes: readonly QueuedWrite[]): Promise<boolean> {
    if (writes.length === 0) return false;
    try {
      // Endpoints that one try turned out to need; the next try locks them first.
      const wanted = noEndpoints();
      const { foresight } = this.#p;
      const foreseen = foresee(writes, foresight);
      let isGuess = foreseen !== null;
      const run = async (tx: Transaction): Promise<GroupOutcome> => {
        if (foreseen !== null && isGuess) {
          isGuess = false;
          const outcome = await runForeseen(tx, writes, foreseen);
          if (outcome !== null) return outcome;
        }
        if (foreseen !== null) foresight.missed();
        return runGroup(tx, writes, wanted);
      };
      const isLoose = writes.every(({ work }) => work.isLoose === true);
      const { outcomes, set, slack, ...news } = await this.#p.transact(run, { isLoose });
      for (const [i, { resolve }] of writes.entries()) resolve(outcomes[i]);
      // This runs after the callers have gone on (a 202 above all) and before the next group, which
      // begins in a turn of its own.
      process.nextTick(() => {
        foresight.learn(set, slack);
        this.#p.committed(news);
      });
      return news.ready;
    } catch (error) {
      if (writes.length > 1 && !isUnavailable(error)) return this.#commitEach(writes);
      for (const { reject } of writes) reject(error);
      return true; // It may have been committed all the same.
    }
  }

  async #commitEach(writes: readonly QueuedWrite[]): Promise<boolean> {
    let ready = false;
    for (const write of writes) if (await this.#commit([write])) ready = true;
    return ready;
  }
}

/**
 * How many of the first writes go into one transaction: as many as fit, never ending with a
 * prelude, and at least one.
 */
function groupSize(writes: readonly QueuedWrite[]): number {
  const fitting = fittingSize(writes);
  let size = fitting;
  while (size > 0 && size < writes.length && isPreludeAt(writes, size - 1)) size -= 1;
  if (size > 0) return size;
  // There are only preludes: the write that they precede comes along, however large it is.
  size = fitting;
  while (size < writes.length && isPreludeAt(writes, size - 1)) size += 1;
  return size;
}

function isPreludeAt(writes: readonly QueuedWrite[], i: number): boolean {
  const work = writes[i]?.work;
  return work !== undefined && 'run' in work && work.isPrelude === true;
}

function fittingSize(writes: readonly QueuedWrite[]): number {
  let bytes = 0;
  for (const [i, { work }] of writes.entries()) {
    bytes += work.bytes ?? 0;
    if (i === groupMax || (i > 0 && bytes > groupBytesMax)) return i;
  }
  return writes.length;
}

function isUnavailable(error: unknown): boolean {
  return error instanceof RaincheckError && error.code === 'store_unavailable';
}

async function claimAll(claims: readonly QueuedClaim[]): Promise<void> {
  for (const { work, resolve, reject } of claims) await work().then(resolve, reject);
}

type GroupOutcome = News & {
  readonly outcomes: readonly unknown[];
  readonly set: WorkingSet;
  /** The `slack` that was foreseen with; 0: nothing was foreseen. */
  readonly slack: number;
};

/** null: what the writes need must be read first. */
function foresee(writes: readonly QueuedWrite[], foresight: Foresight): Foreseen | null {
  const needs = noNeeds();
  let slack = Infinity;
  for (const { work } of writes) {
    if (!('run' in work) || work.foresee === undefined) return null;
    work.needs(needs);
    slack = Math.min(slack, work.foresee.slack);
  }
  return foresight.foresee(needs, slack);
}

/**
 * Runs the writes on assumptions, without waiting. null: the outcome of one needs rows that were
 * read, and nothing was sent.
 */
async function runForeseen(
  tx: Transaction,
  writes: readonly QueuedWrite[],
  foreseen: Foreseen,
): Promise<GroupOutcome | null> {
  const set = new WorkingSet(tx, noEndpoints());
  set.assume(foreseen);
  const outcomes: unknown[] = [];
  let now = 0;
  for (const { work } of writes) {
    if (!('run' in work)) return null;
    now = foreseen.now ?? work.callersNow ?? now;
    const outcome = work.run(set, now);
    if (work.foresee?.holds(outcome) !== true) return null;
    outcomes.push(outcome);
  }
  postGuard(tx, foreseen);
  await set.flush(now);
  return finished(set, writes, { outcomes, slack: foreseen.slack });
}

/** Runs the writes in order. All that they are known to need is read and locked at once. */
async function runGroup(
  tx: Transaction,
  writes: readonly QueuedWrite[],
  wanted: EndpointNeeds,
): Promise<GroupOutcome> {
  const set = new WorkingSet(tx, wanted);
  const needs = noNeeds();
  for (const { work } of writes) work.needs?.(needs);
  await set.load(needs);
  const outcomes: unknown[] = [];
  let now = 0;
  for (const { work } of writes) {
    now = await tx.now(work.callersNow ?? now);
    outcomes.push(await runOne(set, work, now));
  }
  await set.flush(now);
  return finished(set, writes, { outcomes, slack: 0 });
}

/** Writes the counters, which come last. */
async function finished(
  set: WorkingSet,
  writes: readonly QueuedWrite[],
  p: Pick<GroupOutcome, 'outcomes' | 'slack'>,
): Promise<GroupOutcome> {
  const unparks = await set.ledger.flush(set.tx);
  const ready =
    unparks ||
    set.webhooks.deliveries.hasWaiting ||
    writes.some(({ work }) => work.hasReady === true || (work.hasReady && set.queued > 0));
  return { ...p, set, ready, changed: set.changed, unqueued: set.unqueued };
}

async function runOne(set: WorkingSet, work: Write<unknown>, now: number): Promise<unknown> {
  if ('run' in work) return work.run(set, now);
  if ('step' in work) {
    await set.webhooks.outbox.drain(now);
    return work.step(set, now);
  }
  await set.flush(now);
  const outcome = await work.execute(set, now);
  await set.flush(now);
  set.webhooks.reset();
  return outcome;
}
