import { tasks } from '../state/tasks.ts';

/** Says which parts of an input the server hides, and why; nothing when it shows all of it. */
export function Redacted(p: {
  readonly task: string;
  readonly value: unknown;
  /** The input is to be edited and sent again. */
  readonly isEdited?: boolean;
}) {
  const task = tasks.value?.find(({ name }) => name === p.task);
  if (task === undefined) {
    if (p.value !== '[redacted]') return null;
    return <p class="dim">The server does not define this task, so it cannot tell what to hide.</p>;
  }
  if (task.redact.length === 0) return null;
  return (
    <p class="dim">
      The task redacts <code>{task.redact.join(', ')}</code>.
      {p.isEdited === true ? ' Where "[redacted]" stays, the stored value is used.' : null}
    </p>
  );
}
