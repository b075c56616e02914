import type { WireTask } from 'raincheck/client';
import { address } from '../state/address.ts';
import { now } from '../state/clock.ts';
import { tasks, tasksError } from '../state/tasks.ts';
import { count, duration, roundedPercent } from '../state/text.ts';
import { Empty } from './empty.tsx';
import { State } from './mark.tsx';
import { Trouble } from './trouble.tsx';

/** All tasks with their present state. */
export function TaskTable({ full = false }: { readonly full?: boolean }) {
  if (tasks.value === null) return <Trouble error={tasksError.value} />;
  if (tasks.value.length === 0) {
    return <Empty title="No tasks are defined here" command="npx raincheck init" />;
  }
  return (
    <div class="table-frame">
      <table class="rows">
        <thead>
          <tr>
            <th class="fill">Task</th>
            <th class="num">Waiting</th>
            <th class="num">Running</th>
            <th class="num wide">Completed ever</th>
            <th class="num">Failed ever</th>
            <th class="num wide">Oldest waiting</th>
            <th class="num wide">Median</th>
            <th class="num wide">9 of 10 within</th>
            {full ? <th class="num wide">Estimates kept</th> : null}
          </tr>
        </thead>
        <tbody>
          {tasks.value.map((task) => (
            <TaskRow key={task.name} task={task} full={full} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function TaskRow({ task, full }: { readonly task: WireTask; readonly full: boolean }) {
  const { name, counts, paused, oldest_pending_at, durations, estimate_accuracy } = task;
  const list = (status: string): string =>
    address('operations', { q: `status:${status} task:${name}` });
  return (
    <tr>
      <td class="task-name fill">
        <a class="row-link" href={`tasks/${encodeURIComponent(name)}`}>
          {name}
        </a>
        {paused ? <State shown={{ shape: 'pause', word: 'Paused', tone: 'warn' }} /> : null}
        {full ? <span class="cut dim small">{task.description}</span> : null}
      </td>
      <Counted value={counts.pending} href={list('pending')} />
      <Counted value={counts.processing} href={list('processing')} />
      <Counted value={counts.completed} href={list('completed')} wide />
      <Counted value={counts.failed} href={list('failed')} />
      <td class="num wide">
        {oldest_pending_at === null ? '–' : duration(now.value - Date.parse(oldest_pending_at))}
      </td>
      <td class="num wide">{durations === null ? '–' : duration(durations.p50_ms)}</td>
      <td class="num wide">{durations === null ? '–' : duration(durations.p90_ms)}</td>
      {full ? (
        <td class="num wide">
          {estimate_accuracy === null
            ? '–'
            : `${roundedPercent(estimate_accuracy.within_bound)} of ${count(estimate_accuracy.samples)}`}
        </td>
      ) : null}
    </tr>
  );
}

function Counted(p: { readonly value: number; readonly href: string; readonly wide?: boolean }) {
  return (
    <td class={p.wide === true ? 'num wide' : 'num'}>
      {p.value === 0 ? <span class="dim">0</span> : <a href={p.href}>{count(p.value)}</a>}
    </td>
  );
}
