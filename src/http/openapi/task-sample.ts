import { sampleInput } from './sample-input.ts';
import type { Task } from '../../engine/task.ts';

/** An input that the task takes, made up from its schema, as `{ value }`; null where none can be made up. */
export function taskSample(task: Task): { readonly value: unknown } | null {
  const value = sampleInput(task.inputJsonSchema);
  const checked = task.schema?.['~standard'].validate(value);
  if (checked === undefined) return { value };
  if (checked instanceof Promise) {
    checked.catch(() => undefined); // nobody waits for it
    return null;
  }
  return checked.issues === undefined ? { value } : null;
}
