import { useSignal } from '@preact/signals';
import type { WireTask } from 'raincheck/client';
import { Empty } from '../parts/empty.tsx';
import { Page, Panel } from '../parts/page.tsx';
import { Trouble } from '../parts/trouble.tsx';
import { TryCommands } from '../parts/try-commands.tsx';
import { TryForm } from '../parts/try-form.tsx';
import { TryResponse } from '../parts/try-response.tsx';
import { go } from '../state/address.ts';
import { can } from '../state/session.ts';
import { tasks, tasksError } from '../state/tasks.ts';
import { startOf, type Attempted, type TryDraft } from '../state/try.ts';

/** Submits to a task from the page, and shows how to do the same elsewhere. */
export function TryIt({ task: name }: { readonly task: string | null }) {
  const list = tasks.value;
  if (list === null) {
    return (
      <Page title="Try it">
        <Trouble error={tasksError.value} />
      </Page>
    );
  }
  const task = list.find((one) => one.name === name) ?? (name === null ? list[0] : undefined);
  if (task === undefined) {
    return (
      <Page title="Try it">
        <Empty title={name === null ? 'No tasks are defined here' : 'No task has this name'} />
      </Page>
    );
  }
  return (
    <Page title="Try it" actions={<TaskChoice tasks={list} task={task} />}>
      {task.description === null ? null : <p class="lead">{task.description}</p>}
      <Trial key={task.name} task={task} />
    </Page>
  );
}

function TaskChoice(p: { readonly tasks: readonly WireTask[]; readonly task: WireTask }) {
  return (
    <label class="choice">
      Task
      <select
        value={p.task.name}
        onChange={({ currentTarget }) => go(`try/${encodeURIComponent(currentTarget.value)}`)}
      >
        {p.tasks.map(({ name }) => (
          <option key={name} value={name}>
            {name}
          </option>
        ))}
      </select>
    </label>
  );
}

function Trial({ task }: { readonly task: WireTask }) {
  const draft = useSignal<TryDraft>(startOf(task));
  const attempted = useSignal<Attempted | null>(null);
  return (
    <div class="trial">
      <Panel title="Request" note={<code>POST {task.path}</code>}>
        {can('submit') ? null : <p class="field-error">Your token may not submit.</p>}
        <TryForm task={task} draft={draft} attempted={attempted} />
      </Panel>
      <div>
        <TryResponse attempted={attempted} />
        <TryCommands task={task} draft={draft} />
      </div>
    </div>
  );
}
