import type { ForeseenLineState, LineState, Mark } from './foreseen-line.ts';
import { profilePositions, type LineProfile } from './line-profile.ts';
import type { LiveOperation } from './live-queue.ts';
import { quantileAt } from './quantile.ts';
import type { QueueWorld } from './queue-view.ts';
import { SnapshotBuilding } from './queue-snapshot.ts';
import type { Random } from './random.ts';
import { estimatorSettings as settings } from './settings.ts';
import { snapshotSource } from './snapshot-source.ts';
import type { Queued } from './waiting-line.ts';

/**
 * A queue as read from a store: the waiting operations, in the order of claims, and the running
 * ones.
 */
export type SeenLine = {
  readonly waiting: readonly (Queued & { readonly startedAt: number | null })[];
  readonly running: readonly (Pick<Queued, 'id' | 'task' | 'key'> & {
    readonly startedAt: number | null;
    /** The stage it is in, and since when; null: it reported none. */
    readonly stage: { readonly stage: string; readonly enteredAt: number } | null;
  })[];
};

/**
 * Placeholder operations of no particular task are added behind the line, as many as two rounds of
 * all slots take: they stand for those that come before the next look. Beyond a thousand the
 * profile is extended in proportion.
 */
const roundsBehind = 2;
const behindMin = 64;
const behindMax = 1_000;

/** Plays a complete queue, one future a step; the result is meant for other processes. */
export class LineBuilding {
  readonly #line: readonly LiveOperation[];
  readonly #building: SnapshotBuilding;

  constructor(world: QueueWorld, seen: SeenLine, p: { readonly at: number; random: Random }) {
    this.#line = seen.waiting.map((one) => live(one, p.at));
    const running = new Set(seen.running.map((one) => started(one, p.at)));
    const behind = Math.min(behindMax, Math.max(behindMin, roundsBehind * world.slots()));
    const line = [...this.#line, ...Array.from({ length: behind }, () => live(anybody, p.at))];
    const source = snapshotSource({ ...world, live: { running } }, line, p.at);
    this.#building = new SnapshotBuilding({ ...source, started: () => 0 }, p.random);
  }

  /**
   * Plays one more future; null until all are played. The result includes the wait of the last
   * operation, which decides how long the forecast is kept.
   */
  step(): { readonly state: ForeseenLineState; readonly horizonMs: number } | null {
    const snapshot = this.#building.step();
    if (snapshot === null) return null;
    const capped: Record<string, LineState> = {};
    for (const [task, profile] of snapshot.cappedProfiles) {
      const members = this.#line.filter((one) => one.task === task);
      capped[task] = lineState(members, profile);
    }
    const all = lineState(this.#line, snapshot.profile);
    return { state: { version: 1, all, capped }, horizonMs: snapshot.horizonMs };
  }
}

function lineState(line: readonly LiveOperation[], profile: LineProfile): LineState {
  const wide = new Float64Array(settings.samples);
  const positions = [...profile.positions];
  const marked = line.length === 0 ? [] : profilePositions(line.length - 1, settings.markGrowth);
  return {
    count: line.length,
    marks: Array.from(marked, (at): Mark => {
      const { priority, readyAt, id } = line[at] as LiveOperation;
      return [at, priority, readyAt, id];
    }),
    positions,
    waits: positions.map((position) => {
      profile.waits(position, wide);
      return Array.from({ length: settings.sharedWaits }, (_, i) => {
        const at = ((i + 0.5) / settings.sharedWaits) * wide.length - 0.5;
        const wait = quantileAt(wide, at);
        return Number.isFinite(wait) ? Math.round(wait) : null;
      });
    }),
  };
}

const anybody = { id: '', task: '', key: null, priority: 0, readyAt: 0, startedAt: null };

function live(one: SeenLine['waiting'][number], at: number): LiveOperation {
  const { id, task, key, priority, readyAt, startedAt } = one;
  return {
    id,
    task,
    key,
    priority,
    readyAt,
    startedAt,
    submittedAt: at,
    holdsSlot: false,
    fraction: null,
    stages: [],
    predictions: [],
    told: null,
  };
}

function started(one: SeenLine['running'][number], at: number): LiveOperation {
  const { stage, startedAt } = one;
  return {
    ...live({ ...one, priority: 0, readyAt: 0, startedAt: startedAt ?? at }, at),
    holdsSlot: true,
    stages: stage === null ? [] : [stage],
  };
}
