import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { limits } from '../core/limits.ts';
import type { Observer } from '../engine/activity.ts';
import type { Engine, TaskRecord } from '../engine/engine.ts';
import type { DeliveryObserver } from '../webhooks/delivery-observer.ts';
import type { Webhooks } from '../webhooks/webhooks.ts';

/** In seconds: what is done while a client waits, up to what takes a day. */
const secondsOfWork = [
  0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3_600, 21_600, 86_400,
];
const secondsOfRequests = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 30];

/** The label of tasks that are not defined here: labels must not grow by what is in a store. */
const otherTask = '_other';

/**
 * What Prometheus scrapes, in a registry of its own. Counters and histograms are of this process since it began, so
 * that a sum over all of them is right; gauges are of the whole store, asked for at the scrape, so of them one is enough.
 *
 * To count an operation's submit, start and end takes 1.1 us in all (Node 24.21, one of 2 shared cores, a million after
 * as many to warm up), beside 34 us that the engine takes for it.
 */
export class Metrics {
  readonly #registry = new Registry();
  readonly #tasks: ReadonlySet<string>;
  readonly #submitted = this.#counter('operations_submitted_total', {
    help: 'Operations accepted by this process.',
    labelNames: ['task'],
  });
  readonly #finished = this.#counter('operations_finished_total', {
    help: 'Operations that this process ended, by how: completed, or the code of their error.',
    labelNames: ['task', 'outcome'],
  });
  readonly #wait = this.#histogram('operation_wait_seconds', {
    help: 'From when an operation could have run to its first attempt in this process.',
    buckets: secondsOfWork,
    labelNames: ['task'],
  });
  readonly #run = this.#histogram('operation_run_seconds', {
    help: 'Length of the last attempt of operations that ended in this process.',
    buckets: secondsOfWork,
    labelNames: ['task'],
  });
  readonly #total = this.#histogram('operation_total_seconds', {
    help: 'From accept to end of operations that this process ended.',
    buckets: secondsOfWork,
    labelNames: ['task'],
  });
  readonly #operations = this.#gauge('operations', {
    help: 'Operations in the store that wait or run.',
    labelNames: ['task', 'state'],
  });
  readonly #oldest = this.#gauge('oldest_pending_seconds', {
    help: 'How long the operation that waits longest could have run; 0: none waits.',
    labelNames: ['task'],
  });
  readonly #workers = this.#gauge('workers', {
    help: 'Processes on the store that run operations.',
    labelNames: ['state'],
  });
  readonly #deadLetters = this.#gauge('dead_letters', {
    help: `Webhooks that were given up and wait for a person, counted up to ${limits.deliveryCountMax}.`,
    labelNames: ['kind'],
  });
  readonly #deliveries = this.#counter('webhook_deliveries_total', {
    help: 'Attempts of this process to deliver a webhook: delivered, failed (and sent again), given_up.',
    labelNames: ['outcome'],
  });
  readonly #deliverySeconds = this.#histogram('webhook_delivery_seconds', {
    help: 'Length of attempts of this process to deliver a webhook.',
    buckets: secondsOfRequests,
    labelNames: [],
  });
  readonly #estimateError = this.#gauge('estimate_error_ratio', {
    help: 'Median of how far off the first estimate was, over the time that was left, as known to this process.',
    labelNames: ['task'],
  });

  /** `tasks`: the names that may be labels. */
  constructor(tasks: readonly string[]) {
    this.#tasks = new Set(tasks);
    for (const task of tasks) {
      this.#submitted.inc({ task }, 0);
      this.#finished.inc({ task, outcome: 'completed' }, 0);
    }
    for (const outcome of ['delivered', 'failed', 'given_up']) this.#deliveries.inc({ outcome }, 0);
  }

  /** Given to the engine. */
  readonly observer: Observer = {
    submitted: (name) => this.#submitted.inc({ task: this.#label(name) }),
    started: (name, waitMs) => this.#wait.observe({ task: this.#label(name) }, waitMs / 1000),
    finished: (p) => {
      const task = this.#label(p.task);
      this.#finished.inc({ task, outcome: p.code ?? 'completed' });
      if (p.runMs !== null) this.#run.observe({ task }, p.runMs / 1000);
      this.#total.observe({ task }, p.totalMs / 1000);
    },
  };

  /** Given to the webhooks. */
  readonly deliveryObserver: DeliveryObserver = ({ outcome, ms }) => {
    this.#deliveries.inc({ outcome });
    this.#deliverySeconds.observe(ms / 1000);
  };

  /** The text of a scrape. While the store is away the gauges of it are left out. */
  async text(p: { readonly engine: Engine; readonly webhooks: Webhooks | null }): Promise<string> {
    for (const gauge of [this.#operations, this.#oldest, this.#workers, this.#deadLetters]) {
      gauge.reset();
    }
    for (const task of p.engine.tasks.keys()) {
      const { accuracy } = p.engine.taskEstimates(task);
      if (accuracy !== null) this.#estimateError.set({ task }, accuracy.errorMedian);
    }
    await this.#askStore(p).catch(() => undefined);
    return this.#registry.metrics();
  }

  readonly contentType: string = this.#registry.contentType;

  async #askStore({
    engine,
    webhooks,
  }: {
    readonly engine: Engine;
    readonly webhooks: Webhooks | null;
  }): Promise<void> {
    const [records, nodes, dead] = await Promise.all([
      engine.taskRecords(),
      engine.nodes(),
      webhooks?.countDeliveries({ filter: { states: ['dead'] } }) ?? null,
    ]);
    const now = engine.clock.now();
    for (const task of this.#tasks) this.#setWaiting(task, [], now);
    const byLabel = Map.groupBy(records, ({ task }) => this.#label(task));
    for (const [task, some] of byLabel) this.#setWaiting(task, some, now);
    for (const state of ['live', 'draining', 'dead'] as const) {
      const workers = nodes.filter((node) => node.state === state && node.roles.includes('worker'));
      this.#workers.set({ state }, workers.length);
    }
    if (dead !== null) this.#deadLetters.set({ kind: 'delivery' }, dead);
  }

  #setWaiting(task: string, records: readonly TaskRecord[], now: number): void {
    const sum = (of: 'pending' | 'processing'): number =>
      records.reduce((total, record) => total + record[of], 0);
    this.#operations.set({ task, state: 'pending' }, sum('pending'));
    this.#operations.set({ task, state: 'processing' }, sum('processing'));
    const since = Math.min(...records.map(({ oldestPendingAt }) => oldestPendingAt ?? now), now);
    this.#oldest.set({ task }, (now - since) / 1000);
  }

  #label(task: string): string {
    return this.#tasks.has(task) ? task : otherTask;
  }

  #counter<Label extends string>(name: string, p: Described<Label>): Counter<Label> {
    return new Counter({ ...named(name, p), registers: [this.#registry] });
  }

  #gauge<Label extends string>(name: string, p: Described<Label>): Gauge<Label> {
    return new Gauge({ ...named(name, p), registers: [this.#registry] });
  }

  #histogram<Label extends string>(
    name: string,
    p: Described<Label> & { readonly buckets: readonly number[] },
  ): Histogram<Label> {
    const buckets = [...p.buckets];
    return new Histogram({ ...named(name, p), buckets, registers: [this.#registry] });
  }
}

type Described<Label extends string> = {
  readonly help: string;
  readonly labelNames: readonly Label[];
};

function named<Label extends string>(name: string, { help, labelNames }: Described<Label>) {
  return { name: `raincheck_${name}`, help, labelNames };
}
