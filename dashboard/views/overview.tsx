import type { WireStats } from 'raincheck/client';
import { FirstSteps } from '../parts/first-steps.tsx';
import { Icon } from '../parts/icon.tsx';
import { Mark } from '../parts/mark.tsx';
import { Page, Panel } from '../parts/page.tsx';
import { Spark } from '../parts/spark.tsx';
import { StatsCharts } from '../parts/stats-charts.tsx';
import { Segments } from '../parts/tabs.tsx';
import { TaskTable } from '../parts/task-table.tsx';
import { Trouble } from '../parts/trouble.tsx';
import { ErrorGroupList } from '../parts/error-group-list.tsx';
import { address, here, place } from '../state/address.ts';
import { backlogOf, noBacklog } from '../state/backlog.ts';
import { now } from '../state/clock.ts';
import { totals } from '../state/feed.ts';
import { useLoaded } from '../state/loaded.ts';
import { client } from '../state/server.ts';
import { endsOf, slotsTitle, sum, windows, type Health } from '../state/stats.ts';
import { count, duration, plural, roundedPercent } from '../state/text.ts';

/** The state of the server, problems first. */
export function Overview() {
  const asked = place.value.query.get('window');
  const window = windows.find((one) => one === asked) ?? '1h';
  const loaded = useLoaded(window, (signal) => client.stats({ window, signal }), 5_000);
  const stats = loaded.data.value;
  return (
    <Page
      title="Overview"
      actions={
        <Segments
          label="Period"
          current={window}
          tabs={windows.map((name) => ({ name, label: name, href: here({ window: name }) }))}
        />
      }
    >
      <Trouble error={loaded.error.value} />
      <HealthLine stats={stats} />
      <Figures stats={stats} window={window} />
      {stats === null ? null : isUntouched(stats) ? <FirstSteps /> : <StatsCharts stats={stats} />}
      <Panel title="Tasks" note={<a href="tasks">All about them</a>}>
        <TaskTable />
      </Panel>
      <LatestErrors />
    </Page>
  );
}

/** Whether nothing was ever submitted. */
function isUntouched({ totals: { pending, processing, completed, failed } }: WireStats): boolean {
  return pending + processing + completed + failed === 0;
}

const tones = {
  healthy: ['check', 'good'],
  degraded: ['warn', 'warn'],
  critical: ['cross', 'bad'],
} as const;

/** The page with details on the problem that the sentence names. */
function whereTo({ code, task }: Health): readonly [string, string] | null {
  switch (code) {
    case 'no_workers':
      return ['workers', 'See the workers'];
    case 'oldest_waiting':
      return [address('operations', { q: of(task, 'status:pending') }), 'See what waits'];
    case 'failing':
      return [address('operations', { q: of(task, 'status:failed') }), 'See what failed'];
    case 'dead_letters':
      return ['dead-letters?kind=webhooks', 'See the dead letters'];
    case 'paused':
      return [task === null ? 'tasks' : `tasks/${task}`, 'See the task'];
    case 'store_unavailable':
    case 'ok':
      return null;
  }
}

function of(task: string | null, status: string): string {
  return task === null ? status : `${status} task:${task}`;
}

function HealthLine({ stats }: { readonly stats: WireStats | null }) {
  if (stats === null) return <div class="health" aria-busy="true" />;
  const { health } = stats;
  const [shape, tone] = tones[health.status];
  const link = whereTo(health);
  return (
    <p class={`health health-${tone}`}>
      <span class={`tone-${tone}`}>
        <Mark shape={shape} />
      </span>
      <strong>{health.message}</strong>
      {link === null ? null : (
        <a href={link[0]}>
          {link[1]} <Icon name="older" />
        </a>
      )}
    </p>
  );
}

function Figures({ stats, window }: { readonly stats: WireStats | null; readonly window: string }) {
  const shown = totals.value ?? stats?.totals ?? null;
  const buckets = stats?.buckets ?? [];
  // The newest bucket has only begun, which would look like a fall in a line without axes.
  const whole = buckets.filter(({ complete }) => complete);
  const completed = sum(buckets.map((bucket) => bucket.completed));
  const failed = sum(buckets.map((bucket) => endsOf(bucket).failed));
  const cancelled = sum(buckets.map((bucket) => endsOf(bucket).cancelled));
  const backlog = stats === null ? noBacklog : backlogOf(stats);
  const oldest = stats?.oldest_pending_at ?? null;
  return (
    <ul class="figures">
      <Figure
        label="Waiting"
        value={shown?.pending ?? null}
        note={
          oldest === null
            ? 'nothing is due'
            : `oldest for ${duration(now.value - Date.parse(oldest))}`
        }
        spark={[...backlog.waiting.slice(0, -1), shown?.pending ?? 0]}
        href={address('operations', { q: 'status:pending' })}
      />
      <Figure
        label="Running"
        value={shown?.processing ?? null}
        note={
          stats === null
            ? ''
            : `${count(stats.workers.busy)} of ${plural(stats.workers.slots, 'slot')}, ${plural(stats.workers.live, 'worker')}`
        }
        spark={[...backlog.running.slice(0, -1), shown?.processing ?? 0]}
        href={address('operations', { q: 'status:processing' })}
        title={slotsTitle}
      />
      <Figure
        label={`Completed in ${window}`}
        value={stats === null ? null : completed}
        note={`${count(shown?.completed ?? 0)} in all`}
        spark={whole.map((bucket) => bucket.completed)}
        href={address('operations', { q: `status:completed since:${window}` })}
      />
      <Figure
        label={`Failed in ${window}`}
        value={stats === null ? null : failed}
        note={[
          failed > 0 && `${roundedPercent(failed / (completed + failed))} of what finished`,
          cancelled > 0 && `besides ${count(cancelled)} cancelled`,
        ]
          .filter(Boolean)
          .join(', ')}
        spark={whole.map((bucket) => endsOf(bucket).failed)}
        href={address('operations', { q: `status:failed since:${window}` })}
        bad={failed > 0}
      />
    </ul>
  );
}

function Figure(p: {
  readonly label: string;
  readonly value: number | null;
  readonly note: string;
  readonly spark: readonly number[];
  readonly href: string;
  readonly title?: string;
  readonly bad?: boolean;
}) {
  return (
    <li class={p.bad === true ? 'panel figure-card tone-bad' : 'panel figure-card'}>
      <a href={p.href} title={p.title}>
        {p.label}
      </a>
      <strong class="figure">{p.value === null ? '–' : count(p.value)}</strong>
      <span class="dim small">{p.note}</span>
      <Spark values={p.spark} />
    </li>
  );
}

function LatestErrors() {
  const loaded = useLoaded('errors', (signal) => client.errors({ limit: 5, signal }), 15_000);
  return (
    <Panel title="Errors of the last 24 hours" note={<a href="dead-letters">All groups</a>}>
      <Trouble error={loaded.error.value} />
      {loaded.data.value === null ? null : <ErrorGroupList groups={loaded.data.value.groups} />}
    </Panel>
  );
}
