import { RaincheckError } from '../core/errors.ts';
import type { Observer } from '../engine/activity.ts';
import type { DeliveryObserver } from '../webhooks/delivery-observer.ts';
import { HistogramCounts } from './histogram-counts.ts';
import { MetricsText, type Asked, type Counts, type Tally } from './metrics-text.ts';

/** In seconds: what is done while a client waits, up to what takes a day. */
const secondsOfWork = [
  0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3_600, 21_600, 86_400,
];
const secondsOfRequests = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 30];

/** The label of tasks that are not defined here: labels must not grow by what is in a store. */
const otherTask = '_other';

/**
 * What Prometheus scrapes. Counters and histograms are of this process since it began, so
 * that a sum over all of them is right; gauges are of the whole store, asked for at the scrape, so of them one is enough.
 *
 * The package prom-client writes the text, is loaded by the first scrape, and need not be there: nothing is counted then.
 * It makes a text of the labels for each observation, which took 1.1 us an operation; counted here and handed over
 * at the scrape it is some tenths of one (Node 24.21, one of 2 shared cores), beside 27 us that the engine takes.
 */
export class Metrics {
  readonly contentType = 'text/plain; version=0.0.4; charset=utf-8';
  readonly #counts: Counts;
  #text: Promise<MetricsText> | null = null;

  /** Given to the engine; null: nobody will ask. */
  readonly observer: Observer | null;
  /** Given to the webhooks; null: nobody will ask. */
  readonly deliveryObserver: DeliveryObserver | null;

  /** `tasks`: the names that may be labels. */
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
   * The text of a scrape. While the store is away the gauges of it are left out. Throws `metrics_unavailable` where
   * prom-client was not installed when this began.
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

/** By its name alone: it takes 10 ms to load. */
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
