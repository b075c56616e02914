import type {
  WireDeadLetterGroups,
  WireErrorGroups,
  WireStats,
  WireStatsBucket,
} from 'raincheck/client';

/** The periods that the overview can show. */
export const windows = ['15m', '1h', '6h', '24h'] as const;

export type Health = WireStats['health'];
export type Percentiles = NonNullable<WireStatsBucket['wait_ms']>;
export type ErrorGroup = WireErrorGroups['groups'][number];
export type DeadGroup = WireDeadLetterGroups['groups'][number];
