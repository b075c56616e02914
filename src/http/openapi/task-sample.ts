import { sampleInput } from './sample-input.ts';
import type { Task } from '../../engine/task.ts';

/**
 * An input made up from the task's schema that its validator accepts, as `{ value }`; null if there
 * is none.
 */
export function taskSample(task: Task): { readonly value: unknown } | null {
  const value = sampleInput(task.inputJsonSchema);
  const checked = task.schema?.['~standard'].validate(value);
  if (checked === undefined) return { value };
  if (checked instanceof Promise) {
    checked.catch(() => undefined); // its outcome is not needed
    return null;
  }
  return checked.issues === undefined ? { value } : null;
}
