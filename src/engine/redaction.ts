import { RaincheckError } from '../core/errors.ts';
import { isMaskedPath, maskedInput, restoredInput, standInsIn } from '../core/input-mask.ts';
import { redacted } from '../core/logged-json.ts';
import type { OperationFilter } from '../store/store.ts';
import type { Submission } from './engine.ts';
import type { Task } from './task.ts';

/**
 * What tasks redact from their inputs. Only the definition of a task says what that is, and while
 * servers are replaced, one may not have it yet or no longer. So nothing of an input is shown or
 * searched whose task is not defined here.
 */

type Tasks = ReadonlyMap<string, Task>;
type Input = Submission['input'];

/** The JSON text of a stored input, redacted, as anybody may read it. */
export function shownInput(task: Task | undefined, text: string): string {
  if (task === undefined) return JSON.stringify(redacted);
  return task.inputMask === null ? text : maskedInput(text, task.inputMask);
}

/**
 * The filter as the store may be asked. A search in redacted values would reveal them letter by
 * letter, so it leaves them out. Throws `invalid_request` for a filter by a redacted member.
 */
export function searchable(filter: OperationFilter, tasks: Tasks): OperationFilter {
  if (filter.text === undefined && filter.input === undefined) return filter;
  const kept = keptBackPath(filter, tasks);
  if (kept !== null) {
    const { path, task } = kept;
    throw new RaincheckError('invalid_request', refusal(`input.${path}`, task));
  }
  const all = [...tasks.values()];
  const open = all.filter(({ inputMask }) => inputMask === null).map(({ name }) => name);
  return {
    ...filter,
    textInputTasks: filter.text === undefined ? undefined : open,
    tasks: filter.input === undefined ? undefined : all.map(({ name }) => name),
  };
}

/** A member that the filter compares and that one of its tasks redacts; null: none. */
export function keptBackPath(
  { task: only, input = {} }: Pick<OperationFilter, 'task' | 'input'>,
  tasks: Tasks,
): { readonly path: string; readonly task: string } | null {
  for (const { name, inputMask } of tasks.values()) {
    if (inputMask === null || (only !== undefined && only !== name)) continue;
    const path = Object.keys(input).find((one) => isMaskedPath(inputMask, one));
    if (path !== undefined) return { path, task: name };
  }
  return null;
}

/** The reason why there is no filter by `member`. */
export function refusal(member: string, task: string): string {
  return (
    `\`${member}\` cannot be filtered by: task \`${task}\` redacts it. ` +
    'Leave it out, or name another task with `task`.'
  );
}

/**
 * Refuses a copied "[redacted]": it would be taken for the value, and nobody would notice before
 * the handler fails.
 */
export function refuseStandIns(task: Task, value: unknown): void {
  if (task.inputMask === null) return;
  refuse(
    standInsIn(value, task.inputMask),
    'This is what is shown in place of the value. Send the value itself.',
  );
}

/**
 * The input of a retry, with the stored values where "[redacted]" came back. Throws
 * `validation_failed`.
 */
export function restoredFrom(task: Task, sent: Input, stored: Input): Input {
  if (task.inputMask === null) return sent;
  const { text, unknown } = restoredInput(sent.value, stored.text, task.inputMask);
  refuse(
    unknown,
    'This stands in for a value, and there is none to put in its place (in an array only as long as all of it is as it was shown). Send the value itself.',
  );
  return { value: JSON.parse(text), text };
}

function refuse(pointers: readonly string[], detail: string): void {
  const [first] = pointers;
  if (first === undefined) return;
  const errors = pointers.map((pointer) => ({ pointer, detail: `"${redacted}": ${detail}` }));
  throw new RaincheckError('validation_failed', `${first} is "${redacted}". ${detail}`, { errors });
}
