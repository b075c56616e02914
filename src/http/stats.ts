import { RaincheckError } from '../core/errors.ts';
import { healthOf } from '../core/health.ts';
import { limits } from '../core/limits.ts';
import type { LogHistogram } from '../core/log-histogram.ts';
import type { WireQuantiles, WireStats, WireStatsBucket } from '../core/wire-server.ts';
import type { TaskRecord } from '../engine/engine.ts';
import type { NodeRecord } from '../engine/node.ts';
import { statsWindows, type Stats, type StatsWindow } from '../engine/stats.ts';
import type { HttpContext } from './context.ts';
import type { ExchangeReply, ExchangeRequest } from './exchange.ts';
import { iso, isoOrNull } from './iso.ts';
import { jsonReply } from './json-reply.ts';
import { parseWord } from './query.ts';

const windows = Object.keys(statsWindows) as StatsWindow[];

/** The state of the store at one moment. */
type Snapshot = {
  readonly records: readonly TaskRecord[];
  readonly nodes: readonly NodeRecord[];
  /** Counted up to limits.deliveryCountMax; null: no webhooks are sent. */
  readonly deadLetters: number | null;
};

/**
 * `GET /stats`: load and history over all processes. Reading it is cheap: it uses the counters of
 * tasks, the notes of the processes, and counts only dead letters, up to a limit.
 */
export class StatsAnswers {
  readonly #context: HttpContext;
  /** The latest snapshot, shown while the store is away. */
  #last: Snapshot | null = null;

  constructor(context: HttpContext) {
    this.#context = context;
  }

  async read(request: ExchangeRequest): Promise<ExchangeReply> {
    const window = parseWord(new URLSearchParams(request.query), 'window', windows) ?? '1h';
    const { engine } = this.#context;
    try {
      const [snapshot, stats] = await Promise.all([this.#snapshot(), engine.stats(window)]);
      this.#last = snapshot;
      return jsonReply(wireStats(snapshot, stats, true));
    } catch (error) {
      const isAway = error instanceof RaincheckError && error.code === 'store_unavailable';
      if (!isAway || this.#last === null) throw error;
      return jsonReply(wireStats(this.#last, engine.ownStats(window), false));
    }
  }

  async #snapshot(): Promise<Snapshot> {
    const { engine, webhooks } = this.#context;
    const [records, nodes, deadLetters] = await Promise.all([
      engine.taskRecords(),
      engine.nodes(),
      webhooks?.countDeliveries({ filter: { states: ['dead'] } }) ?? null,
    ]);
    return { records, nodes, deadLetters };
  }
}

function wireStats(snapshot: Snapshot, stats: Stats, isStoreAvailable: boolean): WireStats {
  const { records, nodes, deadLetters } = snapshot;
  const live = nodes.filter(({ state }) => state === 'live');
  const tasksRun = new Set(live.flatMap(({ tasks }) => tasks));
  const oldest = Math.min(...records.map(({ oldestPendingAt }) => oldestPendingAt ?? Infinity));
  return {
    generated_at: iso(stats.at),
    window_seconds: stats.windowMs / 1000,
    bucket_seconds: stats.bucketMs / 1000,
    health: healthOf({
      now: stats.at,
      isStoreAvailable,
      tasks: records.map((record) => ({ ...record, hasWorker: tasksRun.has(record.task) })),
      recent: stats.recent,
      deadLetters,
      deadLettersMax: limits.deliveryCountMax,
    }),
    totals: {
      pending: sum(records, ({ pending }) => pending),
      processing: sum(records, ({ processing }) => processing),
      completed: sum(records, ({ completed }) => completed),
      failed: sum(records, ({ failed }) => failed),
      dead_letters: deadLetters,
    },
    oldest_pending_at: isoOrNull(oldest === Infinity ? null : oldest),
    workers: {
      live: live.filter(({ roles }) => roles.includes('worker')).length,
      busy: sum(nodes, ({ busy, state }) => (state === 'dead' ? 0 : busy)),
      slots: sum(live, ({ slots }) => slots),
    },
    buckets: stats.buckets.map(wireBucket),
  };
}

function wireBucket({ at, bucket, isComplete }: Stats['buckets'][number]): WireStatsBucket {
  return {
    at: iso(at),
    submitted: bucket.submitted,
    started: bucket.waits.total,
    completed: bucket.completed,
    failed: bucket.failed,
    unstarted: bucket.unstarted,
    failed_by_code: Object.fromEntries(bucket.failedByCode),
    wait_ms: quantiles(bucket.waits),
    run_ms: quantiles(bucket.runs),
    complete: isComplete,
  };
}

function quantiles(histogram: LogHistogram): WireQuantiles | null {
  if (histogram.total === 0) return null;
  const at = (share: number): number => threeDigits(histogram.quantile(share) ?? 0);
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99) };
}

/** Rounded to three digits, because the histogram is no more precise. */
function threeDigits(ms: number): number {
  return Number(ms.toPrecision(3));
}

function sum<Item>(items: readonly Item[], count: (item: Item) => number): number {
  return items.reduce((total, item) => total + count(item), 0);
}
