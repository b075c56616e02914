import type { WireTask } from 'raincheck/client';
import { Action } from '../parts/action.tsx';
import { Code, Json } from '../parts/code.tsx';
import { Empty } from '../parts/empty.tsx';
import { Facts } from '../parts/facts.tsx';
import { State } from '../parts/mark.tsx';
import { notify } from '../parts/notices.tsx';
import { Page, Panel } from '../parts/page.tsx';
import { Redacted } from '../parts/redacted.tsx';
import { Trouble } from '../parts/trouble.tsx';
import { address } from '../state/address.ts';
import { now } from '../state/clock.ts';
import { curlOf } from '../state/commands.ts';
import { sampleOf } from '../state/schema.ts';
import { ask, served } from '../state/server.ts';
import { can, mayOperate } from '../state/session.ts';
import { putTask, tasks, tasksError } from '../state/tasks.ts';
import { count, duration, roundedPercent } from '../state/text.ts';

/** One task: its input, its limits, its state. */
export function TaskView({ name }: { readonly name: string }) {
  const task = tasks.value?.find((one) => one.name === name);
  if (task === undefined) {
    return (
      <Page title={name} above={<a href="tasks">Tasks</a>}>
        {tasks.value === null ? (
          <Trouble error={tasksError.value} />
        ) : (
          <Empty title="No task has this name">
            <a href="tasks">All tasks</a>
          </Empty>
        )}
      </Page>
    );
  }
  const input = sampleOf(task.input_schema);
  return (
    <Page
      title={name}
      above={<a href="tasks">Tasks</a>}
      heading={
        <>
          {name}{' '}
          {task.paused ? <State shown={{ shape: 'pause', word: 'Paused', tone: 'warn' }} /> : null}
        </>
      }
      actions={<TaskActions task={task} />}
    >
      {task.description === null ? null : <p class="lead">{task.description}</p>}
      <Panel title="Now">
        <Standing task={task} />
      </Panel>
      <Panel title="Limits" note="as the task defines them">
        <Limits limits={task.limits} />
      </Panel>
      <Panel title="Estimates" note="first estimate of each operation, against what happened">
        <Estimates task={task} />
      </Panel>
      <Panel title="Input">
        <Code
          text={curlOf({ url: served(task.path), body: input, shows: true })}
          label="the command"
        />
        <Redacted task={name} value={null} />
        {task.input_schema === null ? (
          <p class="dim">Its validator tells no JSON Schema.</p>
        ) : (
          <Json value={task.input_schema} label="the JSON Schema" />
        )}
      </Panel>
    </Page>
  );
}

function TaskActions({ task }: { readonly task: WireTask }) {
  const name = encodeURIComponent(task.name);
  async function set(verb: 'pause' | 'resume'): Promise<void> {
    putTask(await ask<WireTask>(`tasks/${name}/${verb}`, { method: 'POST' }));
    notify(
      verb === 'pause' ? `${task.name} is paused: what runs goes on.` : `${task.name} goes on.`,
    );
  }
  return (
    <>
      <a class="button quiet" href={address('operations', { q: `task:${task.name}` })}>
        Operations
      </a>
      {can('submit') ? (
        <a class="button" href={`try/${name}`}>
          Try it
        </a>
      ) : null}
      {mayOperate.value ? (
        <Action act={() => set(task.paused ? 'resume' : 'pause')} class={task.paused ? 'main' : ''}>
          {task.paused ? 'Resume' : 'Pause'}
        </Action>
      ) : null}
    </>
  );
}

function Standing({ task }: { readonly task: WireTask }) {
  const { counts, oldest_pending_at } = task;
  const oldest = oldest_pending_at === null ? null : now.value - Date.parse(oldest_pending_at);
  return (
    <Facts
      of={[
        ['Waiting', count(counts.pending)],
        ['Running', count(counts.processing)],
        ['Completed ever', count(counts.completed)],
        ['Failed ever', count(counts.failed)],
        ['Oldest waiting', oldest === null ? '–' : duration(oldest)],
        ['Address', <code>{task.path}</code>],
      ]}
    />
  );
}

function Limits({ limits }: { readonly limits: WireTask['limits'] }) {
  const time = (ms: number | null): string => (ms === null ? 'none' : duration(ms));
  const number = (value: number | null): string => (value === null ? 'none' : count(value));
  return (
    <Facts
      of={[
        ['Attempts', count(limits.attempts)],
        ['Timeout of an attempt', time(limits.timeout_ms)],
        ['Longest wait', time(limits.queue_timeout_ms)],
        ['Deadline', time(limits.deadline_ms)],
        ['At once', number(limits.concurrency)],
        ['At once for a key', number(limits.key_concurrency)],
        ['Queue cap', number(limits.pending)],
      ]}
    />
  );
}

function Estimates({ task }: { readonly task: WireTask }) {
  const { durations, estimate_accuracy: accuracy, estimate_ms } = task;
  if (durations === null && accuracy === null) {
    return (
      <p class="dim">Fewer than four operations have finished, so there is nothing to go by yet.</p>
    );
  }
  return (
    <Facts
      of={[
        ['Median', durations === null ? null : duration(durations.p50_ms)],
        ['Nine of ten within', durations === null ? null : duration(durations.p90_ms)],
        ['Finished ever', durations === null ? null : count(durations.samples)],
        [
          'Within the bound (goal 90 %)',
          accuracy === null
            ? null
            : `${roundedPercent(accuracy.within_bound)} of ${count(accuracy.samples)}`,
        ],
        ['Median error', accuracy === null ? null : roundedPercent(accuracy.error_median)],
        ['Declared', estimate_ms === null ? null : duration(estimate_ms)],
      ]}
    />
  );
}
