import type { Remaining } from './history.ts';
import type { LiveOperation } from './live-queue.ts';
import { SnapshotBuilding, type QueueSnapshot, type SnapshotSource } from './queue-snapshot.ts';
import type { EstimatorWorld } from './queue-view.ts';
import type { Random } from './random.ts';
import type { Residual } from './residual.ts';
import { estimatorSettings as settings } from './settings.ts';
import { roughWaits } from './rough-waits.ts';
import { snapshotSource } from './snapshot-source.ts';

/** A waiting operation whose wait is asked for. */
export type WaitingForecast = {
  readonly operation: LiveOperation;
  readonly mine: Remaining;
  readonly ahead: number;
  readonly now: number;
};

/**
 * The snapshot that answers for operations with too many ahead of them, and when the next one is
 * due.
 */
export class SharedSnapshot {
  readonly #world: EstimatorWorld;
  readonly #random: Random;
  #latest: QueueSnapshot | null = null;
  #wanted = false;

  constructor(world: EstimatorWorld, random: Random) {
    this.#world = world;
    this.#random = random;
  }

  /**
   * Fills `waits` with 64 waits for a slot: from the latest snapshot, however old, or roughly while
   * there is none.
   */
  waits(p: WaitingForecast, waits: Float64Array): Float64Array {
    const { operation, now } = p;
    const { live, history, slots } = this.#world;
    this.#wanted = true;
    if (this.#latest === null) {
      const { sorted, count } = history.times.pooled() ?? windowLike(p.mine.residual);
      const running = live.running.size;
      roughWaits({ sorted, count, ahead: p.ahead, running, slots: slots() }, waits);
    } else {
      const all = { ahead: p.ahead, started: live.started() };
      const task = { ahead: live.aheadOfTask(operation), started: live.started(operation.task) };
      this.#latest.waits({ task: operation.task, position: { all, task }, now }, waits);
    }
    const delay = Math.max(0, operation.readyAt - now);
    for (let i = 0; i < waits.length; i += 1) waits[i] = Math.max(delay, waits[i] as number);
    return waits;
  }

  /**
   * Whether a new snapshot would be useful: one was or would be needed, and the latest is missing
   * or old.
   */
  due(now: number): boolean {
    const { live, slots, history, drawsMax } = this.#world;
    if (this.#latest !== null && now < this.#latest.staleAt) return false;
    if (slots() === 0 || live.waiting === 0 || history.times.pooled() === null) return false;
    const draws = (live.waiting + live.running.size) * settings.samples;
    return this.#wanted || draws > drawsMax;
  }

  /** Begins a snapshot of the present queue; its owner plays it step by step and then adopts it. */
  begin(now: number): SnapshotBuilding {
    this.#wanted = false;
    const { live } = this.#world;
    const line = live.firstWaiting(live.waiting);
    const source = snapshotSource(this.#world, line, now);
    return new SnapshotBuilding({ ...source, started: startsOf(live, line) }, this.#random);
  }

  adopt(snapshot: QueueSnapshot): void {
    this.#latest = snapshot;
  }
}

/** The counts of starts at this moment, copied because the live ones go on. */
function startsOf(
  live: EstimatorWorld['live'],
  line: readonly LiveOperation[],
): SnapshotSource['started'] {
  const all = live.started();
  const tasks = new Map(line.map(({ task }) => [task, live.started(task)]));
  return (task) => (task === undefined ? all : (tasks.get(task) ?? 0));
}

function windowLike({ values, count }: Residual): { sorted: Float64Array; count: number } {
  return { sorted: values, count };
}
