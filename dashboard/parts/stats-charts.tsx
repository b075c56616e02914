import type { WireStats, WireStatsBucket } from 'raincheck/client';
import { endsOf, sum, type Percentiles } from '../state/stats.ts';
import { count, duration, plural } from '../state/text.ts';
import { Chart, type Row } from './chart.tsx';
import { Panel } from './page.tsx';

/** Charts of outcomes, and of waiting and running times. */
export function StatsCharts({ stats }: { readonly stats: WireStats }) {
  const { buckets, bucket_seconds } = stats;
  const at = buckets.map((bucket) => Date.parse(bucket.at));
  const lastIsOpen = buckets.at(-1)?.complete === false;
  const common = { at, lastIsOpen };
  return (
    <div class="charts">
      <Panel title="Finished" note={`every ${duration(bucket_seconds * 1000)}`}>
        <Chart
          {...common}
          kind="bars"
          label={finishedLabel(buckets)}
          rows={outcomes(buckets)}
          format={count}
          mark={count}
        />
      </Panel>
      <Panel title="Waited" note="before the first attempt">
        <Chart
          {...common}
          kind="lines"
          label={latencyLabel(
            'Time waited',
            buckets.map((bucket) => bucket.wait_ms),
          )}
          rows={[...percentileRows(buckets.map((bucket) => bucket.wait_ms)), oldestRow(stats)]}
          format={duration}
          mark={decade}
        />
      </Panel>
      <Panel title="Ran" note="the last attempt">
        <Chart
          {...common}
          kind="lines"
          label={latencyLabel(
            'Time run',
            buckets.map((bucket) => bucket.run_ms),
          )}
          rows={percentileRows(buckets.map((bucket) => bucket.run_ms))}
          format={duration}
          mark={decade}
        />
      </Panel>
    </div>
  );
}

/** A duration like 10 ms, 1 s or 100 s that stays a power of ten. */
function decade(ms: number): string {
  return ms < 1000 ? `${ms} ms` : `${count(ms / 1000)} s`;
}

function outcomes(buckets: readonly WireStatsBucket[]) {
  const ends = buckets.map(endsOf);
  return [
    { label: 'completed', tone: 'good', values: ends.map(({ completed }) => completed) },
    { label: 'failed', tone: 'bad', values: ends.map(({ failed }) => failed) },
    { label: 'cancelled', tone: 'off', values: ends.map(({ cancelled }) => cancelled) },
  ] as const;
}

function percentileRows(values: readonly (Percentiles | null)[]): Row[] {
  // A logarithmic scale has no 0.
  const of = (key: keyof Percentiles): (number | null)[] =>
    values.map((value) => (value === null ? null : Math.max(1, value[key])));
  return [
    { label: 'p50', tone: 'run', values: of('p50') },
    { label: 'p95', tone: 'warn', values: of('p95') },
    { label: 'p99', tone: 'bad', values: of('p99'), thin: true },
  ];
}

/**
 * The present age of the oldest pending operation. Where it lies above the lines, operations wait
 * longer now than before.
 */
function oldestRow({ buckets, oldest_pending_at, generated_at }: WireStats): Row {
  const age =
    oldest_pending_at === null ? null : Date.parse(generated_at) - Date.parse(oldest_pending_at);
  const values = buckets.map((_, i) =>
    i === buckets.length - 1 && age !== null ? Math.max(1, age) : null,
  );
  return { label: 'oldest waiting', tone: 'ink', values, points: true };
}

function finishedLabel(buckets: readonly WireStatsBucket[]): string {
  const told = outcomes(buckets).map(({ label, values }) => `${count(sum(values))} ${label}`);
  return `Operations that finished over time: ${told.join(', ')} in ${plural(buckets.length, 'interval')}.`;
}

function latencyLabel(what: string, values: readonly (Percentiles | null)[]): string {
  const last = values.findLast((value) => value !== null);
  if (last === null || last === undefined) return `${what}: nothing was measured in this period.`;
  return `${what} over time; last median ${duration(last.p50)}, 99 of 100 within ${duration(last.p99)}.`;
}
