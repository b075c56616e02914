import type { AdmissionQueue, Admitted, Contender } from './admission-simulation.ts';
import type { History } from './history.ts';
import type { LiveOperation, LiveQueue } from './live-queue.ts';
import type { RemoteQueue } from './remote-queue.ts';
import type { Residual } from './residual.ts';
import type { SlotQueue } from './slot-simulation.ts';
import { isCapped, type TaskRules } from './task-rules.ts';

/** All that a forecast depends on. */
export type EstimatorWorld = {
  readonly drawsMax: number;
  readonly live: LiveQueue;
  readonly history: History;
  readonly rulesOf: (task: string) => TaskRules;
  /** Live worker slots: those of workers with a recent heartbeat. */
  readonly slots: () => number;
  /**
   * The queue as another process describes it, where other processes take operations too. null: all
   * waiting operations are in `live`.
   */
  readonly remote: RemoteQueue | null;
};

/** The part of it that a simulation of the queue depends on. */
export type QueueWorld = Pick<EstimatorWorld, 'history' | 'rulesOf' | 'slots'> & {
  readonly live: { readonly running: ReadonlySet<LiveOperation> };
};

/** Whether the operation may have to wait although a slot is free. */
export function isHeld(
  world: Pick<EstimatorWorld, 'rulesOf'>,
  operation: LiveOperation,
  now: number,
): boolean {
  return operation.readyAt > now || isCapped(world.rulesOf(operation.task));
}

/**
 * The queue in the form that the simulations take. Made for one instant and used at once, because
 * the residuals read live windows. `fallback` stands for operations of which nothing is known.
 */
export class QueueView {
  readonly #world: QueueWorld;
  readonly #now: number;
  readonly #fallback: Residual;
  readonly #fresh = new Map<string, Residual>();

  constructor(world: QueueWorld, now: number, fallback: Residual) {
    this.#world = world;
    this.#now = now;
    this.#fallback = fallback;
  }

  slotQueue(ahead: readonly LiveOperation[]): SlotQueue {
    return {
      slots: this.#world.slots(),
      busy: Array.from(this.#world.live.running, (operation) => this.#residual(operation)),
      ahead: ahead.map((operation) => this.#residual(operation)),
    };
  }

  /** The queue, with the index of each task in it. */
  admissionQueue(line: readonly LiveOperation[]): {
    readonly queue: AdmissionQueue;
    readonly tasks: ReadonlyMap<string, number>;
  } {
    const tasks = new Map<string, number>();
    const keys = new Map<string, number>();
    const taskCaps: number[] = [];
    const keyCaps: number[] = [];
    const admitted = (operation: LiveOperation): Admitted => {
      const { concurrency, keyConcurrency } = this.#world.rulesOf(operation.task);
      const task = indexOf(tasks, operation.task);
      taskCaps[task] = concurrency ?? Infinity;
      let key = -1;
      if (operation.key !== null && keyConcurrency !== null) {
        key = indexOf(keys, JSON.stringify([operation.task, operation.key]));
        keyCaps[key] = keyConcurrency;
      }
      return { residual: this.#residual(operation), task, key };
    };
    const busy = Array.from(this.#world.live.running, admitted);
    const waiting = line.map((operation): Contender => ({
      ...admitted(operation),
      delayMs: Math.max(0, operation.readyAt - this.#now),
    }));
    return {
      queue: { slots: this.#world.slots(), busy, line: waiting, taskCaps, keyCaps },
      tasks,
    };
  }

  #residual(operation: LiveOperation): Residual {
    // An operation that has not started is like all others of its task.
    const fresh = operation.startedAt === null;
    const known = fresh ? this.#fresh.get(operation.task) : undefined;
    if (known !== undefined) return known;
    const { history, rulesOf } = this.#world;
    const remaining = history.remaining(operation, rulesOf(operation.task), this.#now);
    const residual = remaining?.residual ?? this.#fallback;
    if (fresh) this.#fresh.set(operation.task, residual);
    return residual;
  }
}

function indexOf(known: Map<string, number>, name: string): number {
  const index = known.get(name) ?? known.size;
  known.set(name, index);
  return index;
}
