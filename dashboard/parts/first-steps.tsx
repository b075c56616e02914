import { curlOf } from '../state/commands.ts';
import { sampleOf } from '../state/schema.ts';
import { served } from '../state/server.ts';
import { can } from '../state/session.ts';
import { tasks } from '../state/tasks.ts';
import { Empty } from './empty.tsx';

/** Shown when nothing has ever been submitted: how to submit, with one of the server's tasks. */
export function FirstSteps() {
  const task = tasks.value?.[0];
  if (task === undefined) return null;
  const request = { url: served(task.path), body: sampleOf(task.input_schema), shows: true };
  return (
    <Empty title="No operations yet" command={curlOf(request)}>
      Whatever is submitted shows up here at once.{' '}
      {can('submit') ? (
        <>
          <a href={`try/${encodeURIComponent(task.name)}`}>Try it here</a>, or from a terminal:
        </>
      ) : (
        'From a terminal:'
      )}
    </Empty>
  );
}
