import { elapsedClock } from '../core/clock.ts';
import { limits } from '../core/limits.ts';
import type { EngineSettings } from './engine-settings.ts';
import { describeThrown } from './handler-error.ts';
import { nodeNotes, nodeNoteText, nodeOf, type NodeRecord } from './node.ts';
import { Outage } from './outage.ts';
import type { RunningAttempts } from './running-attempts.ts';
import { periodicService, type Service } from './service.ts';
import { slotsOf } from './slots.ts';

/** What other processes can run, as of the last look at their heartbeats. */
export type OtherWorkers = {
  readonly slots: number;
  /** Processes that answer clients. */
  readonly apis: number;
  /** Tasks that at least one of them runs. */
  readonly tasks: ReadonlySet<string>;
};

type PresenceParts = {
  readonly settings: EngineSettings;
  readonly id: string;
  readonly running: RunningAttempts;
  /** Whether this process takes operations. */
  readonly isWorking: () => boolean;
  readonly seen: (others: OtherWorkers) => void;
};

/**
 * Shows the other processes on its store that this one is alive, by a note of its own, and reads
 * theirs:
 *
 *   listen, start ──► live ──stop──► draining ──► the note is removed
 *                        └─ no heartbeat for limits.nodeDeadMs ──► dead ──an hour──► any other process removes the note
 *
 * The note is written every 5 s, and read together with all others, so that every node knows the
 * same live workers. The store computes the age of a note with the clock that wrote it. Where no
 * other process can open the store there is nobody to inform: then a note a minute is kept for the
 * process that comes after a crash.
 *
 * Nothing depends on it: leases decide whose an operation is. A heartbeat that cannot be written is
 * missed, no more.
 */
export class Presence {
  readonly #p: PresenceParts;
  readonly #service: Service<void>;
  readonly #outage: Outage;
  readonly #elapsed: { now(): number };
  readonly #startedAt: number;
  #state: 'new' | 'live' | 'draining' | 'stopped' = 'new';
  #writeAt = -Infinity;
  #pruneAt = -Infinity;
  #lagMs: number | null = null;
  /** Whether the note exists, as far as is known. */
  #isTold = false;
  #toldWorking = false;
  #underWay: Promise<void> = Promise.resolve();
  #latest: { readonly at: number; readonly others: Promise<readonly NodeRecord[]> } | null = null;

  constructor(p: PresenceParts) {
    const { clock, logger } = p.settings;
    this.#p = p;
    this.#elapsed = elapsedClock(clock);
    this.#startedAt = clock.now();
    this.#outage = new Outage(logger, 'tell other processes that this one lives');
    this.#service = periodicService({
      clock,
      everyMs: limits.nodeHeartbeatMs,
      outage: this.#outage,
      round: () => this.runOnce(),
      again: () => false,
    });
  }

  /**
   * Writes a heartbeat at once, in parallel with whatever comes next, and another when the process
   * begins to work.
   */
  start(): void {
    if (this.#state === 'new') {
      this.#state = 'live';
      this.#p.settings.node.eventLoopLag.start();
      this.#service.start();
    } else if (this.#state !== 'live' || this.#toldWorking === this.#p.isWorking()) {
      return;
    }
    this.#tellSoon();
  }

  drain(): void {
    if (this.#state !== 'live') return;
    this.#state = 'draining';
    this.#tellSoon();
  }

  /** Removes the note. Never rejects: a note that stays will count as dead. */
  async stop(): Promise<void> {
    const { store, clock, logger, node } = this.#p.settings;
    this.#state = 'stopped';
    await this.#service.stop();
    await this.#underWay;
    node.eventLoopLag.stop();
    if (!this.#isTold) return;
    try {
      const names = [nodeNotes.name(this.#p.id)];
      await store.removeNotes({ names, unwrittenMs: 0, now: clock.now() });
    } catch (error) {
      logger.warn({ err: describeThrown(error) }, 'This process will be told of as dead.');
    }
  }

  async runOnce(): Promise<void> {
    this.#lagMs = this.#p.settings.node.eventLoopLag.p99Ms();
    await this.#round();
  }

  async #round(): Promise<void> {
    await this.#tell();
    const others = await this.#look();
    this.#p.seen(workersOf(others));
    await this.#prune(others);
  }

  /**
   * All processes: this one as it is now, the others as of a second ago at most. Rejects when the
   * store does.
   */
  async nodes(): Promise<readonly NodeRecord[]> {
    const at = this.#elapsed.now();
    let latest = this.#latest;
    if (latest === null || at - latest.at >= limits.nodesCachedMs) {
      const others = this.#look();
      latest = { at, others };
      this.#latest = latest;
      others.catch(() => {
        this.#latest = null;
      });
    }
    const others = await latest.others;
    const isThere = this.#state === 'live' || this.#state === 'draining';
    const all = isThere ? [this.#self(), ...others] : [...others];
    return all.sort((a, b) => a.startedAt - b.startedAt || (a.id < b.id ? -1 : 1));
  }

  #tellSoon(): void {
    this.#writeAt = -Infinity;
    this.#underWay = this.#underWay
      .then(() => this.#round())
      .then(
        () => this.#outage.ended(),
        (error: unknown) => this.#outage.failed(error),
      );
  }

  async #tell(): Promise<void> {
    const at = this.#elapsed.now();
    if (at < this.#writeAt || this.#state === 'stopped') return;
    const { store, clock } = this.#p.settings;
    const text = nodeNoteText(this.#self());
    this.#isTold = false; // a stop need not wait for a store that is away
    this.#toldWorking = this.#p.isWorking();
    await store.writeNote({ name: nodeNotes.name(this.#p.id), text, now: clock.now() });
    this.#isTold = true;
    this.#writeAt = this.#isAlone ? at + limits.nodeAloneMs : -Infinity;
  }

  async #look(): Promise<readonly NodeRecord[]> {
    const { store, clock } = this.#p.settings;
    const notes = await store.readNotes({ prefix: nodeNotes.prefix, now: clock.now() });
    return notes.flatMap((note) => {
      const node = nodeOf(note, { alone: this.#isAlone });
      return node === null || node.id === this.#p.id ? [] : [node];
    });
  }

  /** Removes notes of processes that died long ago; the store checks whether that still holds. */
  async #prune(others: readonly NodeRecord[]): Promise<void> {
    const at = this.#elapsed.now();
    if (at < this.#pruneAt) return;
    this.#pruneAt = at + 60_000;
    const names = others
      .filter(({ state }) => state === 'dead')
      .map(({ id }) => nodeNotes.name(id));
    if (names.length === 0) return;
    const { store, clock } = this.#p.settings;
    await store.removeNotes({ names, unwrittenMs: limits.nodeDeadKeptMs, now: clock.now() });
  }

  #self(): NodeRecord {
    const { settings, id, running } = this.#p;
    const { node, clock, allTasks } = settings;
    const works = this.#p.isWorking();
    return {
      id,
      roles: [...(node.isApi ? (['api'] as const) : []), ...(works ? (['worker'] as const) : [])],
      host: node.host,
      pid: node.pid,
      version: node.version,
      startedAt: this.#startedAt,
      heartbeatAt: clock.now(),
      state: this.#state === 'draining' ? 'draining' : 'live',
      busy: running.busy,
      slots: works ? slotsOf(settings) : 0,
      eventLoopLagMs: this.#lagMs,
      tasks: works ? [...allTasks.keys()] : [],
    };
  }

  get #isAlone(): boolean {
    return this.#p.settings.store.capabilities.singleProcess;
  }
}

function workersOf(others: readonly NodeRecord[]): OtherWorkers {
  const live = others.filter(({ state }) => state === 'live');
  return {
    slots: live.reduce((sum, { slots }) => sum + slots, 0),
    apis: live.filter(({ roles }) => roles.includes('api')).length,
    tasks: new Set(live.flatMap(({ tasks }) => tasks)),
  };
}
