import {
  AdmissionSimulation,
  type AdmissionQueue,
  type Contender,
} from './admission-simulation.ts';
import { LineProfile, profilePositions } from './line-profile.ts';
import type { Random } from './random.ts';
import type { Residual } from './residual.ts';
import { SlotSimulation, type SlotQueue } from './slot-simulation.ts';
import { estimatorSettings as settings } from './settings.ts';
import { StratifiedDraws } from './stratified-draws.ts';

/** One line within a snapshot: all waiting operations, or those of one capped task. */
type Line = {
  readonly profile: LineProfile;
  /** The indexes of the profile's positions within the waits of one future. */
  readonly ranks: Int32Array;
  /** How many of its operations had been started when the snapshot was taken. */
  readonly started: number;
};

/** What a snapshot is made from. */
export type SnapshotSource = {
  readonly takenAt: number;
  readonly queue:
    | { readonly kind: 'slots'; readonly slots: SlotQueue }
    | { readonly kind: 'admission'; readonly admission: AdmissionQueue };
  /** Names of the capped tasks, with their task index in the admission queue. */
  readonly capped: ReadonlyMap<string, number>;
  /** Attempts ever started, of all tasks or of one. */
  readonly started: (task?: string) => number;
};

/**
 * The whole queue played 64 times, once for all who ask: with more than a hundred operations ahead,
 * playing it for each of them would cost more than it is worth. The result is the wait by position.
 *
 * Under caps, operations of a capped task are looked up by their position among their own, all
 * others by their position in the whole line. A key has no line of its own: its operations get the
 * waits of their neighbours in the task.
 */
export class QueueSnapshot {
  readonly takenAt: number;
  readonly horizonMs: number;
  readonly #all: Line;
  readonly #capped: ReadonlyMap<string, Line>;

  constructor(p: {
    readonly takenAt: number;
    readonly all: Line;
    readonly capped: ReadonlyMap<string, Line>;
  }) {
    this.takenAt = p.takenAt;
    this.#all = p.all;
    this.#capped = p.capped;
    const horizon = p.all.profile.horizonMs;
    this.horizonMs = Number.isFinite(horizon) ? horizon : 0;
  }

  /** Waits by position in the whole line. */
  get profile(): LineProfile {
    return this.#all.profile;
  }

  /** Waits of capped tasks, by position among their own operations. */
  get cappedProfiles(): [task: string, LineProfile][] {
    return Array.from(this.#capped, ([task, { profile }]) => [task, profile]);
  }

  /** When it is too old to be used, if a newer one can be had. */
  get staleAt(): number {
    const kept = Math.max(settings.snapshotMsMin, settings.snapshotHorizonShare * this.horizonMs);
    return this.takenAt + kept;
  }

  /**
   * Sorted waits of an operation of `task` that is now at `position` of its line. `started` counts
   * the attempts of that line ever started: those started since the snapshot were ahead in it.
   */
  waits(
    p: { readonly task: string; readonly position: Position; readonly now: number },
    into: Float64Array,
  ): void {
    const own = this.#capped.get(p.task);
    const line = own ?? this.#all;
    const at = own === undefined ? p.position.all : p.position.task;
    line.profile.waits(at.ahead + Math.max(0, at.started - line.started), into);
    const age = Math.max(0, p.now - this.takenAt);
    for (let i = 0; i < into.length; i += 1) into[i] = Math.max(0, (into[i] as number) - age);
  }
}

/** The place of an operation in the whole line and in that of its task. */
export type Position = {
  readonly all: { readonly ahead: number; readonly started: number };
  readonly task: { readonly ahead: number; readonly started: number };
};

/**
 * A snapshot in the making: one future a step, so that the owner can let other work go on between
 * the steps (100,000 operations cost some 5 ms a step).
 */
export class SnapshotBuilding {
  readonly #takenAt: number;
  readonly #draws = new StratifiedDraws();
  readonly #play: () => Float64Array;
  readonly #all: Line;
  readonly #capped: ReadonlyMap<string, Line>;
  #future = 0;

  constructor(source: SnapshotSource, random: Random) {
    this.#takenAt = source.takenAt;
    const { queue } = source;
    this.#draws.begin(random);
    const draw = this.#draws.next;
    const played =
      queue.kind === 'slots'
        ? slotLines(queue.slots, source, draw)
        : admissionLines(queue.admission, source, draw);
    this.#play = played.play;
    this.#all = played.all;
    this.#capped = played.capped;
  }

  /** Plays one more future; null until all are played. */
  step(): QueueSnapshot | null {
    this.#draws.future(this.#future);
    const waits = this.#play();
    const lines = [this.#all, ...this.#capped.values()];
    for (const { profile, ranks } of lines) profile.record(this.#future, waits, ranks);
    this.#future += 1;
    if (this.#future < settings.samples) return null;
    for (const { profile } of lines) profile.sort();
    return new QueueSnapshot({ takenAt: this.#takenAt, all: this.#all, capped: this.#capped });
  }
}

type Played = {
  /** Plays one future and returns its waits, which the ranks of the lines are indexes of. */
  readonly play: () => Float64Array;
  readonly all: Line;
  readonly capped: ReadonlyMap<string, Line>;
};

function slotLines(queue: SlotQueue, source: SnapshotSource, random: Random): Played {
  const positions = profilePositions(queue.ahead.length);
  const simulation = new SlotSimulation();
  const waits = new Float64Array(positions.length);
  return {
    play: () => {
      simulation.play(queue, random, { positions, starts: waits });
      return waits;
    },
    // `play` returns the waits of these positions only, one after the other.
    all: newLine(
      positions,
      positions.map((_, i) => i),
      source.started(),
    ),
    capped: new Map(),
  };
}

function admissionLines(queue: AdmissionQueue, source: SnapshotSource, random: Random): Played {
  const { line } = queue;
  // An operation after all others, without a cap: it gives the wait of those that are submitted
  // next.
  const last: Contender = {
    residual: noResidual,
    task: queue.taskCaps.length,
    key: -1,
    delayMs: 0,
  };
  const simulation = new AdmissionSimulation({
    ...queue,
    line: [...line, last],
    taskCaps: [...queue.taskCaps, Infinity],
  });
  const waits = new Float64Array(line.length + 1);
  const free = freeRanks(line, new Set(source.capped.values()));
  const capped = new Map<string, Line>();
  for (const [task, index] of source.capped) {
    const members = ranksOf(line, index);
    if (members.length === 0) continue;
    const positions = profilePositions(members.length - 1);
    const ranks = positions.map((position) => members[position] as number);
    capped.set(task, newLine(positions, ranks, source.started(task)));
  }
  return {
    play: () => {
      simulation.play(random, waits);
      return waits;
    },
    all: newLine(free, free, source.started()),
    capped,
  };
}

const noResidual: Residual = { values: new Float64Array(), from: 0, count: 0, elapsedMs: 0 };

function newLine(positions: Int32Array, ranks: Int32Array, started: number): Line {
  return { profile: new LineProfile(positions, settings.samples), ranks, started };
}

function ranksOf(line: readonly Contender[], task: number): number[] {
  const ranks: number[] = [];
  for (let rank = 0; rank < line.length; rank += 1) if (line[rank]?.task === task) ranks.push(rank);
  return ranks;
}

/**
 * For every position to record, the first operation from there on that no cap and no delay holds
 * up.
 */
function freeRanks(line: readonly Contender[], capped: ReadonlySet<number>): Int32Array {
  const ranks = new Set<number>();
  for (const position of profilePositions(line.length)) {
    let rank = position;
    while (rank < line.length && isHeldUp(line[rank], capped)) rank += 1;
    ranks.add(rank);
  }
  return Int32Array.from(ranks);
}

function isHeldUp(contender: Contender | undefined, capped: ReadonlySet<number>): boolean {
  return contender !== undefined && (contender.delayMs > 0 || capped.has(contender.task));
}
