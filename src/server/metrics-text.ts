import type { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { limits } from '../core/limits.ts';
import type { Engine, TaskRecord } from '../engine/engine.ts';
import type { Webhooks } from '../webhooks/webhooks.ts';
import type { HistogramCounts } from './histogram-counts.ts';

/** The parts of prom-client that we use. */
export type PromClient = {
  readonly Counter: typeof Counter;
  readonly Gauge: typeof Gauge;
  readonly Histogram: typeof Histogram;
  readonly Registry: typeof Registry;
};

/** The parts that are asked at a scrape. */
export type Asked = { readonly engine: Engine; readonly webhooks: Webhooks | null };

/**
 * Counts of one task since the last scrape: operations submitted, and operations ended by outcome.
 */
export type Tally = { submitted: number; readonly outcomes: Map<string, number> };

/** The counts of this process, kept without prom-client. */
export type Counts = {
  /** Task names that may be labels. */
  readonly tasks: ReadonlySet<string>;
  /** The label of a task: its name, or the one shared by all unknown tasks. */
  readonly label: (task: string) => string;
  /** Counts by label that are not yet handed over to prom-client. */
  readonly tallies: Map<string, Tally>;
  /** Counts of deliveries by outcome, likewise. */
  readonly deliveries: Map<string, number>;
  readonly wait: HistogramCounts;
  readonly run: HistogramCounts;
  readonly total: HistogramCounts;
  readonly delivery: HistogramCounts;
};

/**
 * Produces the text of a scrape, with a registry of its own, from the counts and the state of the
 * store.
 */
export class MetricsText {
  readonly #prom: PromClient;
  readonly #registry: Registry;
  readonly #counts: Counts;
  readonly #submitted: Counter<'task'>;
  readonly #finished: Counter<'task' | 'outcome'>;
  readonly #deliveries: Counter<'outcome'>;
  readonly #operations: Gauge<'task' | 'state'>;
  readonly #oldest: Gauge<'task'>;
  readonly #workers: Gauge<'state'>;
  readonly #deadLetters: Gauge<'kind'>;
  readonly #estimateError: Gauge<'task'>;

  constructor(prom: PromClient, counts: Counts) {
    this.#prom = prom;
    this.#registry = new prom.Registry();
    this.#counts = counts;
    this.#submitted = this.#counter('operations_submitted_total', {
      help: 'Operations accepted by this process.',
      labelNames: ['task'],
    });
    this.#finished = this.#counter('operations_finished_total', {
      help: 'Operations that this process ended, by how: completed, or the code of their error.',
      labelNames: ['task', 'outcome'],
    });
    this.#histogram('operation_wait_seconds', {
      help: 'From when an operation could have run to its first attempt in this process.',
      counts: counts.wait,
    });
    this.#histogram('operation_run_seconds', {
      help: 'Length of the last attempt of operations that ended in this process.',
      counts: counts.run,
    });
    this.#histogram('operation_total_seconds', {
      help: 'From accept to end of operations that this process ended.',
      counts: counts.total,
    });
    this.#operations = this.#gauge('operations', {
      help: 'Operations in the store that wait or run.',
      labelNames: ['task', 'state'],
    });
    this.#oldest = this.#gauge('oldest_pending_seconds', {
      help: 'How long the operation that waits longest could have run; 0: none waits.',
      labelNames: ['task'],
    });
    this.#workers = this.#gauge('workers', {
      help: 'Processes on the store that run operations.',
      labelNames: ['state'],
    });
    this.#deadLetters = this.#gauge('dead_letters', {
      help: `Webhooks that were given up and wait for a person, counted up to ${limits.deliveryCountMax}.`,
      labelNames: ['kind'],
    });
    this.#deliveries = this.#counter('webhook_deliveries_total', {
      help: 'Attempts of this process to deliver a webhook: delivered, failed (and sent again), given_up.',
      labelNames: ['outcome'],
    });
    this.#histogram('webhook_delivery_seconds', {
      help: 'Length of attempts of this process to deliver a webhook.',
      counts: counts.delivery,
    });
    this.#estimateError = this.#gauge('estimate_error_ratio', {
      help: 'Median of how far off the first estimate was, over the time that was left, as known to this process.',
      labelNames: ['task'],
    });
    this.#beginAtZero();
  }

  async scrape(asked: Asked): Promise<string> {
    for (const gauge of [this.#operations, this.#oldest, this.#workers, this.#deadLetters]) {
      gauge.reset();
    }
    for (const task of asked.engine.tasks.keys()) {
      const { accuracy } = asked.engine.taskEstimates(task);
      if (accuracy !== null) this.#estimateError.set({ task }, accuracy.errorMedian);
    }
    await this.#askStore(asked).catch(() => undefined);
    this.#handOver();
    return this.#registry.metrics();
  }

  #handOver(): void {
    for (const [task, { submitted, outcomes }] of this.#counts.tallies) {
      this.#submitted.inc({ task }, submitted);
      for (const [outcome, count] of outcomes) this.#finished.inc({ task, outcome }, count);
    }
    this.#counts.tallies.clear();
    for (const [outcome, count] of this.#counts.deliveries)
      this.#deliveries.inc({ outcome }, count);
    this.#counts.deliveries.clear();
  }

  /** Creates the series that are known in advance, so that they exist from the first scrape on. */
  #beginAtZero(): void {
    for (const task of this.#counts.tasks) {
      this.#submitted.inc({ task }, 0);
      this.#finished.inc({ task, outcome: 'completed' }, 0);
    }
    for (const outcome of ['delivered', 'failed', 'given_up']) this.#deliveries.inc({ outcome }, 0);
  }

  async #askStore({ engine, webhooks }: Asked): Promise<void> {
    const [records, nodes, dead] = await Promise.all([
      engine.taskRecords(),
      engine.nodes(),
      webhooks?.countDeliveries({ filter: { states: ['dead'] } }) ?? null,
    ]);
    const now = engine.clock.now();
    for (const task of this.#counts.tasks) this.#setWaiting(task, [], now);
    const byLabel = Map.groupBy(records, ({ task }) => this.#counts.label(task));
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

  #counter<Label extends string>(name: string, p: Described<Label>): Counter<Label> {
    return new this.#prom.Counter({ ...named(name, p), registers: [this.#registry] });
  }

  #gauge<Label extends string>(name: string, p: Described<Label>): Gauge<Label> {
    return new this.#prom.Gauge({ ...named(name, p), registers: [this.#registry] });
  }

  #histogram(name: string, p: { readonly help: string; readonly counts: HistogramCounts }): void {
    const about = { name: `raincheck_${name}`, help: p.help, registry: this.#registry };
    p.counts.tell(this.#prom, about);
  }
}

type Described<Label extends string> = {
  readonly help: string;
  readonly labelNames: readonly Label[];
};

function named<Label extends string>(name: string, { help, labelNames }: Described<Label>) {
  return { name: `raincheck_${name}`, help, labelNames };
}
