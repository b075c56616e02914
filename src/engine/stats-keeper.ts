import { elapsedClock } from '../core/clock.ts';
import { limits } from '../core/limits.ts';
import { StatsRing } from '../core/stats-ring.ts';
import type { Note } from '../store/store.ts';
import type { Activity } from './activity.ts';
import type { EngineSettings } from './engine-settings.ts';
import { describeThrown } from './handler-error.ts';
import { nodeNotes } from './node.ts';
import { Outage } from './outage.ts';
import { periodicService, type Service } from './service.ts';
import { statsOf, type Stats, type StatsWindow } from './stats.ts';

const prefix = 'stats:';
const foldEveryMs = 60_000;

type StatsKeeperParts = {
  readonly settings: EngineSettings;
  readonly id: string;
  readonly ring: StatsRing;
  readonly activity: Activity;
};

/**
 * Keeps what this process counted, and adds up the counts of all processes:
 *
 * - Every ten seconds, if there is news, the ring is written to a note of this process; a larger
 *   ring is written less often. kill -9 loses the news since then.
 * - A reader adds up its own ring and the notes of all others, including dead ones.
 * - The counts of a process that is gone are taken into this process's ring: when its heartbeat
 *   says so, or, where no other process can open the store, at the start. The process that removes
 *   the note owns its counts, so only one of two that try gets them. A crash between the two steps
 *   loses the counts, but nothing is ever counted twice.
 *
 * A process that was away for so long that its note was taken begins anew when it comes back.
 */
export class StatsKeeper {
  readonly #p: StatsKeeperParts;
  readonly #service: Service<void>;
  readonly #elapsed: { now(): number };
  readonly #name: string;
  #state: 'new' | 'started' | 'stopped' = 'new';
  #savedChanges = 0;
  #isSaved = false;
  #saveAt = -Infinity;
  #foldAt = -Infinity;
  #latest: { readonly at: number; readonly others: Promise<readonly StatsRing[]> } | null = null;
  /** The rings of notes that were read before, so that each text is parsed once. */
  #read = new Map<string, { readonly text: string; readonly ring: StatsRing | null }>();

  constructor(p: StatsKeeperParts) {
    this.#p = p;
    this.#name = prefix + p.id;
    this.#elapsed = elapsedClock(p.settings.clock);
    this.#service = periodicService({
      clock: p.settings.clock,
      everyMs: limits.statsSavedMs,
      outage: new Outage(p.settings.logger, 'keep the statistics'),
      round: () => this.runOnce(),
      again: () => false,
    });
  }

  start(): void {
    if (this.#state !== 'new') return;
    this.#state = 'started';
    this.#service.start();
  }

  /** Saves what is new. Never rejects. */
  async stop(): Promise<void> {
    const wasStarted = this.#state === 'started';
    this.#state = 'stopped';
    await this.#service.stop();
    if (!wasStarted) return;
    try {
      this.#saveAt = -Infinity;
      await this.#save();
    } catch (error) {
      const { logger } = this.#p.settings;
      logger.warn({ err: describeThrown(error) }, 'The last statistics could not be kept.');
    }
  }

  async runOnce(): Promise<void> {
    await this.#fold();
    await this.#save();
  }

  /**
   * Statistics over all processes; those of the others are some seconds old. Rejects when the store
   * does.
   */
  async stats(window: StatsWindow): Promise<Stats> {
    const at = this.#elapsed.now();
    let latest = this.#latest;
    if (latest === null || at - latest.at >= limits.nodesCachedMs) {
      const others = this.#readOthers();
      latest = { at, others };
      this.#latest = latest;
      others.catch(() => {
        this.#latest = null;
      });
    }
    return this.#sum(await latest.others, window);
  }

  /** Statistics of this process alone, for when the store is away. */
  ownStats(window: StatsWindow): Stats {
    return this.#sum([], window);
  }

  #sum(others: readonly StatsRing[], window: StatsWindow): Stats {
    const at = this.#p.settings.clock.now();
    const tellMs = this.#isAlone ? 0 : 2 * limits.statsSavedMs;
    return statsOf([this.#p.ring, ...others], { window, at, tellMs });
  }

  async #readOthers(): Promise<readonly StatsRing[]> {
    const notes = await this.#otherNotes();
    const read = new Map<string, { readonly text: string; readonly ring: StatsRing | null }>();
    for (const { name, text } of notes) {
      const before = this.#read.get(name);
      read.set(name, before?.text === text ? before : { text, ring: StatsRing.fromText(text) });
    }
    this.#read = read;
    return [...read.values()].flatMap(({ ring }) => ring ?? []);
  }

  async #otherNotes(): Promise<Note[]> {
    const { store, clock } = this.#p.settings;
    const notes = await store.readNotes({ prefix, now: clock.now() });
    return notes.filter(({ name }) => name !== this.#name);
  }

  async #save(): Promise<void> {
    const { ring, activity, settings } = this.#p;
    const { store, clock } = settings;
    const { changes } = activity;
    const at = this.#elapsed.now();
    if (changes === this.#savedChanges || at < this.#saveAt) return;
    if (this.#isSaved && (await store.readNote({ name: this.#name })) === null) ring.clear();
    const text = ring.text(limits.statsChars);
    await store.writeNote({ name: this.#name, text, now: clock.now() });
    this.#isSaved = true;
    this.#savedChanges = changes;
    this.#saveAt = at + (text.length / limits.statsCharsPerSecond) * 1000;
  }

  /**
   * Reads the notes of statistics first, then the heartbeats: a process with statistics has sent a
   * heartbeat before.
   */
  async #fold(): Promise<void> {
    const at = this.#elapsed.now();
    if (at < this.#foldAt) return;
    this.#foldAt = at + foldEveryMs;
    const { store, clock } = this.#p.settings;
    const notes = await this.#otherNotes();
    if (notes.length === 0) return;
    const now = clock.now();
    const nodes = await store.readNotes({ prefix: nodeNotes.prefix, now });
    if (nodes.length >= limits.notesRead) return; // processes beyond the limit may live as well
    const ages = new Map(nodes.map(({ name, ageMs }) => [name, ageMs]));
    for (const note of notes) {
      const age = ages.get(nodeNotes.name(note.name.slice(prefix.length))) ?? Infinity;
      if (this.#isAlone || age > limits.statsLeftMs) await this.#take(note);
    }
  }

  async #take({ name, text, ageMs }: Note): Promise<void> {
    const { store, clock } = this.#p.settings;
    const ring = StatsRing.fromText(text);
    // A note of another version is left to processes that can read it, for as long as it is of use.
    if (ring === null && ageMs < 86_400_000) return;
    const taken = await store.removeNotes({ names: [name], unwrittenMs: 0, now: clock.now() });
    this.#latest = null;
    if (taken === 0 || ring === null) return;
    this.#p.ring.merge(ring);
    this.#savedChanges = -1;
    await this.#save();
  }

  get #isAlone(): boolean {
    return this.#p.settings.store.capabilities.singleProcess;
  }
}
