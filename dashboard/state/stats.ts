import { ask } from './server.ts';

/** `GET /stats`, `GET /workers` and `GET /errors`, as they are on the wire. */
export const windows = ['15m', '1h', '6h', '24h'] as const;
export type Window = (typeof windows)[number];

export type Percentiles = { readonly p50: number; readonly p95: number; readonly p99: number };

export type Bucket = {
  readonly at: string;
  readonly submitted: number;
  readonly completed: number;
  readonly failed: number;
  readonly failed_by_code: Readonly<Record<string, number>>;
  readonly wait_ms: Percentiles | null;
  readonly run_ms: Percentiles | null;
  readonly complete: boolean;
};

export type Stats = {
  readonly generated_at: string;
  readonly window_seconds: number;
  readonly bucket_seconds: number;
  readonly health: {
    readonly status: 'healthy' | 'degraded' | 'critical';
    readonly message: string;
    readonly task: string | null;
    readonly code: string;
  };
  readonly totals: {
    readonly pending: number;
    readonly processing: number;
    readonly completed: number;
    readonly failed: number;
    readonly dead_letters: number | null;
  };
  readonly oldest_pending_at: string | null;
  readonly workers: { readonly live: number; readonly busy: number; readonly slots: number };
  readonly buckets: readonly Bucket[];
};

export function readStats(window: Window, signal: AbortSignal): Promise<Stats> {
  return ask<Stats>('stats', { query: { window }, signal });
}

export type Worker = {
  readonly id: string;
  readonly roles: readonly string[];
  readonly host: string;
  readonly pid: number;
  readonly version: string;
  readonly started_at: string;
  readonly heartbeat_at: string;
  readonly state: 'live' | 'draining' | 'dead';
  readonly busy: number;
  readonly slots: number;
  readonly event_loop_lag_ms: number | null;
  readonly tasks: readonly string[];
};

export async function readWorkers(signal: AbortSignal): Promise<readonly Worker[]> {
  return (await ask<{ workers: readonly Worker[] }>('workers', { signal })).workers;
}

export type ErrorGroup = {
  readonly fingerprint: string;
  readonly task: string;
  readonly code: string;
  readonly title: string;
  readonly sample_detail: string;
  readonly count: number;
  readonly first_at: string;
  readonly last_at: string;
  readonly sample_operation_id: string;
};

export type ErrorGroups = {
  readonly groups: readonly ErrorGroup[];
  /** false: only the newest part of the history was looked through. */
  readonly complete: boolean;
};

export function readErrors(
  p: { readonly since: string; readonly limit: number },
  signal: AbortSignal,
): Promise<ErrorGroups> {
  return ask<ErrorGroups>('errors', { query: { since: p.since, limit: String(p.limit) }, signal });
}

export type DeadGroup = {
  readonly fingerprint: string;
  readonly endpoint_id: string | null;
  readonly error: string | null;
  readonly count: number;
  readonly first_at: string;
  readonly last_at: string;
  readonly sample_delivery_id: string;
};

export type DeadGroups = { readonly groups: readonly DeadGroup[]; readonly complete: boolean };

export function readDeadGroups(signal: AbortSignal): Promise<DeadGroups> {
  return ask<DeadGroups>('webhooks/dead-letters:groups', { signal });
}
