import { ProblemError } from '../client/problem.ts';
import { suggestion } from '../core/suggest.ts';
import type { Context } from './context.ts';
import { safeLine } from './terminal-text.ts';

/**
 * A sentence for a --task that found nothing because the server has none of that name; null: it has one, no
 * task is named, or nobody would read it. Operations of tasks that are gone are found all the same.
 */
export async function unknownTaskText(
  { client, output }: Context,
  task: string | undefined,
): Promise<string | null> {
  if (task === undefined || output.json || output.quiet || isOwnTask(task)) return null;
  try {
    const names = (await client.tasks()).map(({ name }) => name);
    return names.includes(task) ? null : noTaskText(task, names);
  } catch (error) {
    // A token may read operations and not tasks.
    if (error instanceof ProblemError) return null;
    throw error;
  }
}

/** 'There is no task `echp`. Did you mean `echo`?', or else the names there are. */
export function noTaskText(task: string, names: readonly string[]): string {
  const meant = suggestion(task, names);
  const known = names.length === 0 ? '' : ` Tasks here: ${names.join(', ')}.`;
  return safeLine(
    `There is no task \`${task}\`.${meant === null ? known : ` Did you mean \`${meant}\`?`}`,
  );
}

/** Those of the server itself, such as webhooks.redrive, are not among its tasks. */
function isOwnTask(name: string): boolean {
  return name.startsWith('operations.batch-') || name === 'webhooks.redrive';
}
