import type { Transaction } from './connection.ts';
import { RaincheckError } from '../core/errors.ts';
import { WorkingSet, type Needs } from './working-set.ts';

/**
 * Group commit: all writes asked for in one turn of the event loop become one transaction, begun by
 * setImmediate, and nobody is told before it is committed.
 *
 *   write() … write() … claim()   asked for
 *   └─ setImmediate: BEGIN + what the writes need · the writes, in memory · what changed + COMMIT
 *      └─ resolve the writes · then the claims, a transaction each
 *
 * Nothing waits for company: a lone write is on its way at the end of its own turn. As long as fewer than
 * `lanes` transactions are under way, the next turn's begins at once; else what is asked for gathers until
 * one ends, so the groups grow with the load and the delay does not.
 *
 * Claims come after the writes of their turn, so that they see them, and in transactions of their own:
 * they hold locks that limit a task over all nodes, for which nobody's 202 should wait.
 *
 * When a write throws that should not (a defect, a duplicate id), everything is rolled back and each runs
 * again alone: only the culprit rejects. When the server is in trouble or a COMMIT has no answer, all of
 * them reject with `store_unavailable`.
 */
export type MemoryWrite<Outcome> = {
  readonly callersNow: number;
  readonly needs: (needs: Needs) => void;
  /** Against the working set that holds what was needed. Never waits. */
  readonly run: (set: WorkingSet, now: number) => Outcome;
  /** It may make something ready that other nodes could claim. */
  readonly hasReady?: boolean;
  /** About what it sends, where that may be much. */
  readonly bytes?: number;
};

/** A write with statements of its own, in its place among the others. */
export type SqlWrite<Outcome> = {
  readonly callersNow: number;
  readonly execute: (set: WorkingSet, now: number) => Promise<Outcome>;
  readonly hasReady?: boolean;
  readonly bytes?: number;
};

export type Write<Outcome> = MemoryWrite<Outcome> | SqlWrite<Outcome>;

type Queued<Work> = {
  readonly work: Work;
  readonly resolve: (value: unknown) => void;
  readonly reject: (reason: unknown) => void;
};
type QueuedWrite = Queued<Write<unknown>>;
type QueuedClaim = Queued<() => Promise<unknown>>;

/** Calls in one transaction: more would hold its locks for long and gain nothing. */
const groupMax = 500;

/** And bytes: more than these in one statement could take longer than it may. */
const groupBytesMax = 8 * 1_048_576;

export type News = {
  /** Something may be ready to be claimed. */
  readonly ready: boolean;
  /** Operations that changed in a way that clients can see. */
  readonly changed: readonly string[];
  /** How many left the queue. */
  readonly unqueued: number;
};

export type GroupCommitParts = {
  /** Transactions of writes that may be under way at once. */
  readonly lanes: number;
  readonly transact: <Outcome>(run: (tx: Transaction) => Promise<Outcome>) => Promise<Outcome>;
  /** What other processes may want to know, when it is committed. */
  readonly committed: (news: News) => void;
};

export class GroupCommit {
  readonly #p: GroupCommitParts;
  #writes: QueuedWrite[] = [];
  #claims: QueuedClaim[] = [];
  #flushScheduled = false;
  #lanesBusy = 0;
  readonly #underWay = new Set<Promise<void>>();
  #closed: Error | null = null;

  constructor(p: GroupCommitParts) {
    this.#p = p;
  }

  /** Runs `work` in the next transaction and resolves with its outcome once that is committed. */
  write<Outcome>(work: Write<Outcome>): Promise<Outcome> {
    return this.#enqueue(this.#writes, work);
  }

  /** As write(), after all writes of the turn, in transactions of its own. */
  claim<Outcome>(work: () => Promise<Outcome>): Promise<Outcome> {
    return this.#enqueue(this.#claims, work);
  }

  /** Refuses all further writes with `error`; resolves when what was queued is committed, or could not be. */
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
        if (this.#writes.length + this.#claims.length > 0) this.#scheduleFlush();
      });
      this.#track(committed.then(() => claimAll(claims)));
    }
  }

  #track(work: Promise<void>): void {
    this.#underWay.add(work);
    void work.finally(() => this.#underWay.delete(work));
  }

  /** Never rejects: every write hears of its outcome. */
  async #commit(writes: readonly QueuedWrite[]): Promise<void> {
    if (writes.length === 0) return;
    try {
      const { outcomes, ...news } = await this.#p.transact((tx) => runGroup(tx, writes));
      for (const [i, { resolve }] of writes.entries()) resolve(outcomes[i]);
      this.#p.committed(news);
    } catch (error) {
      if (writes.length === 1 || isUnavailable(error)) {
        for (const { reject } of writes) reject(error);
      } else {
        for (const write of writes) await this.#commit([write]);
      }
    }
  }
}

/** How many of the first fit into one transaction: one at least. */
function groupSize(writes: readonly QueuedWrite[]): number {
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

type GroupOutcome = News & { readonly outcomes: readonly unknown[] };

/** In order; those that run in memory are taken together as far as they stand together. */
async function runGroup(tx: Transaction, writes: readonly QueuedWrite[]): Promise<GroupOutcome> {
  const set = new WorkingSet(tx);
  const outcomes: unknown[] = [];
  let now = 0;
  for (let at = 0; at < writes.length;) {
    const work = writes[at]?.work;
    if (work === undefined) break;
    if ('execute' in work) {
      await set.load({ ids: new Set(), keys: [] });
      now = await tx.now(work.callersNow);
      outcomes.push(await work.execute(set, now));
      at += 1;
    } else {
      const together = memoryWritesFrom(writes, at);
      const needs: Needs = { ids: new Set(), keys: [] };
      for (const write of together) write.needs(needs);
      await set.load(needs);
      for (const write of together) {
        now = await tx.now(write.callersNow);
        outcomes.push(write.run(set, now));
      }
      at += together.length;
    }
    await set.flush(now);
  }
  const unparks = await set.ledger.flush(tx);
  const ready = unparks || writes.some(({ work }) => work.hasReady === true);
  return { outcomes, ready, changed: set.changed, unqueued: set.unqueued };
}

function memoryWritesFrom(writes: readonly QueuedWrite[], from: number): MemoryWrite<unknown>[] {
  const found: MemoryWrite<unknown>[] = [];
  for (let at = from; at < writes.length; at += 1) {
    const work = writes[at]?.work;
    if (work === undefined || 'execute' in work) break;
    found.push(work);
  }
  return found;
}
