import type { Remaining } from './history.ts';
import type { LiveOperation } from './live-queue.ts';
import { normalScore } from './normal-score.ts';
import { SnapshotBuilding, type QueueSnapshot, type SnapshotSource } from './queue-snapshot.ts';
import { QueueView, isHeld, type EstimatorWorld } from './queue-view.ts';
import type { Random } from './random.ts';
import type { Residual } from './residual.ts';
import { estimatorSettings as settings } from './settings.ts';
import { isCapped } from './task-rules.ts';

/** A waiting operation whose wait is asked for. */
export type WaitingForecast = {
  readonly operation: LiveOperation;
  readonly mine: Remaining;
  readonly ahead: number;
  readonly now: number;
};

/** The snapshot that answers for operations with too many ahead of them, and when the next one is due. */
export class SharedSnapshot {
  readonly #world: EstimatorWorld;
  readonly #random: Random;
  #latest: QueueSnapshot | null = null;
  #wanted = false;

  constructor(world: EstimatorWorld, random: Random) {
    this.#world = world;
    this.#random = random;
  }

  /** 64 waits for a slot into `waits`: by the latest snapshot, however old, or roughly while there is none. */
  waits(p: WaitingForecast, waits: Float64Array): Float64Array {
    const { operation, now } = p;
    const { live } = this.#world;
    this.#wanted = true;
    if (this.#latest === null) this.#roughWaits(p, waits);
    else {
      const all = { ahead: p.ahead, started: live.started() };
      const task = { ahead: live.aheadOfTask(operation), started: live.started(operation.task) };
      this.#latest.waits({ task: operation.task, position: { all, task }, now }, waits);
    }
    const delay = Math.max(0, operation.readyAt - now);
    for (let i = 0; i < waits.length; i += 1) waits[i] = Math.max(delay, waits[i] as number);
    return waits;
  }

  /** Whether a new one would be of use: somebody needed it, or would, and the latest is missing or old. */
  due(now: number): boolean {
    const { live, slots, history, drawsMax } = this.#world;
    if (this.#latest !== null && now < this.#latest.staleAt) return false;
    if (slots() === 0 || live.waiting === 0 || history.times.pooled() === null) return false;
    const draws = (live.waiting + live.running.size) * settings.samples;
    return this.#wanted || draws > drawsMax;
  }

  /** The queue as it is now, to be played step by step and then adopted. */
  begin(now: number): SnapshotBuilding {
    this.#wanted = false;
    const { live } = this.#world;
    return new SnapshotBuilding(this.#source(live.firstWaiting(live.waiting), now), this.#random);
  }

  adopt(snapshot: QueueSnapshot): void {
    this.#latest = snapshot;
  }

  #source(line: readonly LiveOperation[], now: number): SnapshotSource {
    const { live, rulesOf, history } = this.#world;
    const view = new QueueView(this.#world, now, pooledResidual(history.times.pooled()));
    const frozen = freezer();
    const source = { takenAt: now, started: startsOf(live, line) };
    if (!line.some((operation) => isHeld(this.#world, operation, now))) {
      const { slots, busy, ahead } = view.slotQueue(line);
      const queue = { slots, busy: busy.map(frozen), ahead: ahead.map(frozen) };
      return { ...source, capped: new Map(), queue: { kind: 'slots', slots: queue } };
    }
    const { queue, tasks } = view.admissionQueue(line);
    const freeze = <Part extends { readonly residual: Residual }>(part: Part): Part => ({
      ...part,
      residual: frozen(part.residual),
    });
    const admission = { ...queue, busy: queue.busy.map(freeze), line: queue.line.map(freeze) };
    const capped = new Map([...tasks].filter(([task]) => isCapped(rulesOf(task))));
    return { ...source, capped, queue: { kind: 'admission', admission } };
  }

  /** Before there is a snapshot: the work ahead over the slots, by its mean and variance alone. */
  #roughWaits({ mine, ahead }: WaitingForecast, waits: Float64Array): void {
    const { live, history } = this.#world;
    const slots = this.#world.slots();
    const { sorted, count } = history.times.pooled() ?? windowLike(mine.residual);
    let sum = 0;
    let squares = 0;
    for (let i = 0; i < count; i += 1) {
      sum += sorted[i] as number;
      squares += (sorted[i] as number) ** 2;
    }
    const mean = sum / Math.max(1, count);
    const variance = Math.max(0, squares / Math.max(1, count) - mean * mean);
    // Those that run are halfway, on average.
    const middle = ((ahead + live.running.size / 2) / slots) * mean;
    const deviation = Math.sqrt(variance * (ahead + live.running.size)) / slots;
    for (let i = 0; i < waits.length; i += 1) {
      const score = normalScore((i + 0.5) / waits.length);
      waits[i] = Math.max(0, middle + score * deviation);
    }
  }
}

function windowLike({ values, count }: Residual): { sorted: Float64Array; count: number } {
  return { sorted: values, count };
}

function pooledResidual(window: { sorted: Float64Array; count: number } | null): Residual {
  return {
    values: window?.sorted ?? new Float64Array(),
    from: 0,
    count: window?.count ?? 0,
    elapsedMs: 0,
  };
}

/** The counts of starts as they are now: the live ones go on. */
function startsOf(
  live: EstimatorWorld['live'],
  line: readonly LiveOperation[],
): SnapshotSource['started'] {
  const all = live.started();
  const tasks = new Map(line.map(({ task }) => [task, live.started(task)]));
  return (task) => (task === undefined ? all : (tasks.get(task) ?? 0));
}

/** Copies windows, each once: the live ones change while a snapshot is made. */
function freezer(): (residual: Residual) => Residual {
  const copies = new Map<Float64Array, Float64Array>();
  const done = new Map<Residual, Residual>();
  return (residual) => {
    let copy = done.get(residual);
    if (copy === undefined) {
      const values = copies.get(residual.values) ?? residual.values.slice(0, residual.count);
      copies.set(residual.values, values);
      copy = { ...residual, values };
      done.set(residual, copy);
    }
    return copy;
  };
}
