import type {
  WireDeadLetterGroups,
  WireErrorGroups,
  WireStats,
  WireStatsBucket,
} from 'raincheck/client';

/** The periods that the overview can show. */
export const windows = ['15m', '1h', '6h', '24h'] as const;

/** What the slots of a worker are, for who compares them with its `concurrency`. */
export const slotsTitle =
  'Attempts that may run at once: `concurrency`, and the threads of isolated tasks';

export type Ends = {
  readonly completed: number;
  /** Without the cancelled ones, which are no failures of a task. */
  readonly failed: number;
  readonly cancelled: number;
};

export function endsOf(bucket: WireStatsBucket): Ends {
  const cancelled = bucket.failed_by_code['cancelled'] ?? 0;
  return { completed: bucket.completed, failed: bucket.failed - cancelled, cancelled };
}

export function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

export type Health = WireStats['health'];
export type Percentiles = NonNullable<WireStatsBucket['wait_ms']>;
export type ErrorGroup = WireErrorGroups['groups'][number];
export type DeadGroup = WireDeadLetterGroups['groups'][number];
