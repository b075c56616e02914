import type { WireWorker } from 'raincheck/client';
import { Empty } from '../parts/empty.tsx';
import { State } from '../parts/mark.tsx';
import { Page } from '../parts/page.tsx';
import { Time } from '../parts/time.tsx';
import { Trouble } from '../parts/trouble.tsx';
import { useLoaded } from '../state/loaded.ts';
import { slotsTitle } from '../state/stats.ts';
import type { Shown } from '../state/shown.ts';
import { client } from '../state/server.ts';
import { count, duration, plural } from '../state/text.ts';

/** The processes on this store. It says nothing about healthy ones. */
export function Workers() {
  const loaded = useLoaded('workers', (signal) => client.workers({ signal }), 3_000);
  const workers = loaded.data.value;
  return (
    <Page title="Workers">
      <Trouble error={loaded.error.value} />
      {workers === null ? null : workers.length === 0 ? (
        <Empty title="No worker is there" command="npx raincheck worker">
          Operations are accepted, and wait until one comes.
        </Empty>
      ) : (
        <>
          <p class="lead">{summary(workers)}</p>
          <WorkerTable workers={workers} />
        </>
      )}
    </Page>
  );
}

function summary(workers: readonly WireWorker[]): string {
  const live = workers.filter(({ state }) => state === 'live');
  const busy = live.reduce((sum, worker) => sum + worker.busy, 0);
  const slots = live.reduce((sum, worker) => sum + worker.slots, 0);
  const troubled = workers.filter((worker) => troubleOf(worker) !== null).length;
  const standing = `${plural(live.length, 'worker')} live, ${count(busy)} of ${plural(slots, 'slot')} busy.`;
  return troubled === 0 ? standing : `${standing} ${plural(troubled, 'needs', 'need')} a look.`;
}

/** With an event loop blocked for longer than this, in ms, timers and heartbeats come late. */
const lagMsMax = 200;

function troubleOf({ state, event_loop_lag_ms }: WireWorker): string | null {
  if (state === 'dead') return 'It has not been heard of: its operations start again elsewhere.';
  if (state === 'draining') return 'It finishes what runs and takes nothing new.';
  return (event_loop_lag_ms ?? 0) > lagMsMax
    ? 'Its event loop is blocked: consider `isolate`.'
    : null;
}

const states: Readonly<Record<WireWorker['state'], Shown>> = {
  live: { shape: 'check', word: 'Live', tone: 'good' },
  draining: { shape: 'pause', word: 'Draining', tone: 'warn' },
  dead: { shape: 'cross', word: 'Dead', tone: 'bad' },
};

function WorkerTable({ workers }: { readonly workers: readonly WireWorker[] }) {
  return (
    <div class="table-frame">
      <table class="rows workers">
        <thead>
          <tr>
            <th>State</th>
            <th class="fill">Process</th>
            <th title={slotsTitle}>Busy</th>
            <th class="num">Heartbeat</th>
            <th class="num wide">Loop lag</th>
            <th class="wide">Version</th>
            <th class="num wide">Started</th>
          </tr>
        </thead>
        <tbody>
          {workers.map((worker) => (
            <WorkerRow key={worker.id} worker={worker} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function WorkerRow({ worker }: { readonly worker: WireWorker }) {
  const { busy, slots, event_loop_lag_ms: lag } = worker;
  const trouble = troubleOf(worker);
  return (
    <tr>
      <td>
        <State shown={states[worker.state]} />
      </td>
      <td class="fill">
        <span class="cut">
          {worker.host}{' '}
          <span class="dim">
            pid {worker.pid}, {worker.roles.join(' + ')}
          </span>
        </span>
        {trouble === null ? null : <span class="small tone-warn worker-trouble">{trouble}</span>}
      </td>
      <td>
        <span class="progress">
          <progress max={Math.max(1, slots)} value={busy} aria-label="Busy slots" />
          <span class="num">
            {busy} of {slots}
          </span>
        </span>
      </td>
      <td class="num">
        <Time at={worker.heartbeat_at} />
      </td>
      <td class="num wide">{lag === null ? '–' : duration(lag)}</td>
      <td class="wide">{worker.version}</td>
      <td class="num wide">
        <Time at={worker.started_at} />
      </td>
    </tr>
  );
}
