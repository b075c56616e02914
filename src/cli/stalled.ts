import type { WireOperation } from '../core/wire-operation.ts';
import type { Context } from './context.ts';

/** Why a waiting operation will not start by itself, in words; null: it waits its turn, or does not wait. */
export function stalledText(operation: WireOperation): string | null {
  if (operation.status !== 'pending') return null;
  const reason = operation.estimate?.reason;
  if (reason === 'task_paused') return 'its task is paused';
  return reason === 'no_worker' ? 'no worker runs its task' : null;
}

/** A sentence on what a person can do about that; null: nothing. */
export function stalledHint(
  { command, flags }: Pick<Context, 'command' | 'flags'>,
  operation: WireOperation,
): string | null {
  if (stalledText(operation) === null) return null;
  const { task } = operation;
  if (operation.estimate?.reason === 'task_paused') {
    return `Let it go on: ${command} resume ${task}${flags}`;
  }
  return `It starts when a server or worker runs that has ${task} in its config.`;
}

/** Tells both below what a command printed of the operation; nothing when it waits its turn. */
export function tellStalled(context: Context, operation: WireOperation | null): void {
  if (operation === null) return;
  const hint = stalledHint(context, operation);
  if (hint !== null) context.output.note(`It waits: ${stalledText(operation)}. ${hint}`);
}
