import { RaincheckError } from '../core/errors.ts';
import type { Observer } from '../engine/activity.ts';
import type { DeliveryObserver } from '../webhooks/delivery-observer.ts';
import { HistogramCounts } from './histogram-counts.ts';
import { MetricsText, type Asked, type Counts, type Tally } from './metrics-text.ts';

/** Bounds in seconds, from work that a client waits for up to work that takes a day. */
const secondsOfWork = [
  0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3_600, 21_600, 86_400,
];
const secondsOfRequests = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 30];

/**
 * The label of tasks that are not defined here. Labels must not grow with the contents of a store.
 */
const otherTask = '_other';

/**
 * The metrics that Prometheus scrapes. Counters and histograms cover this process since its start,
 * so their sum over all processes is right. Gauges cover the whole store and are read at the
 * scrape, so one process is enough.
 *
 * prom-client writes the text. It is loaded by the first scrape and need not be installed; without
 * it nothing is counted. It builds a text of the labels at each observation, which took 1.1 us an
 * operation. Counted here and handed over at the scrape, that is some tenths of 1 us (Node 24.21,
 * one of 2 shared cores), beside the 27 us that the engine takes.
 */
export class Metrics {
  readonly contentType = 'text/plain; version=0.0.4; charset=utf-8';
  readonly #counts: Counts;
  #text: Promise<MetricsText> | null = null;

  /** The observer for the engine; null: prom-client is missing, so nobody will scrape. */
  readonly observer: Observer | null;
  /** The observer for the webhooks; null as for `observer`. */
  readonly deliveryObserver: DeliveryObserver | null;

  /** `names`: the task names that may be labels. */
  constructor(names: readonly string[]) {
    const tasks = new Set(names);
    const label = (task: string): string => (tasks.has(task) ? task : otherTask);
    const byTask = () => new HistogramCounts({ bounds: secondsOfWork, byTask: true });
    this.#counts = {
      tasks,
      label,
      tallies: new Map(),
      deliveries: new Map(),
      wait: byTask(),
      run: byTask(),
      total: byTask(),
      delivery: new HistogramCounts({ bounds: secondsOfRequests, byTask: false }),
    };
    const isInstalled = hasPromClient();
    this.observer = isInstalled ? counting(this.#counts) : null;
    this.deliveryObserver = isInstalled ? countingDeliveries(this.#counts) : null;
  }

  /**
   * The text of a scrape. Gauges of the store are left out while it is away. Throws
   * `metrics_unavailable` if prom-client was not installed at the start.
   */
  async text(asked: Asked): Promise<string> {
    if (this.observer === null) {
      throw new RaincheckError(
        'metrics_unavailable',
        'Metrics need the package `prom-client`, which is not installed. Run `npm install prom-client` and start again.',
      );
    }
    this.#text ??= loadText(this.#counts);
    return (await this.#text).scrape(asked);
  }
}

/** Looks the name up only, because loading the package takes 10 ms. */
function hasPromClient(): boolean {
  try {
    return import.meta.resolve('prom-client') !== '';
  } catch {
    return false;
  }
}

async function loadText(counts: Counts): Promise<MetricsText> {
  return new MetricsText(await import('prom-client'), counts);
}

function counting(counts: Counts): Observer {
  const tally = (task: string): Tally => {
    let found = counts.tallies.get(task);
    if (found === undefined) {
      found = { submitted: 0, outcomes: new Map() };
      counts.tallies.set(task, found);
    }
    return found;
  };
  return {
    submitted: (name) => {
      tally(counts.label(name)).submitted += 1;
    },
    started: (name, waitMs) => counts.wait.count(counts.label(name), waitMs / 1000),
    finished: (p) => {
      const task = counts.label(p.task);
      add(tally(task).outcomes, p.code ?? 'completed');
      if (p.runMs !== null) counts.run.count(task, p.runMs / 1000);
      counts.total.count(task, p.totalMs / 1000);
    },
  };
}

function countingDeliveries(counts: Counts): DeliveryObserver {
  return ({ outcome, ms }) => {
    add(counts.deliveries, outcome);
    counts.delivery.count('', ms / 1000);
  };
}

function add(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
