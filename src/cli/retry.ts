import type { Command } from 'commander';
import type { OperationHandle } from '../client/operation.ts';
import { ProblemError } from '../client/problem.ts';
import { isFinal } from '../client/wait.ts';
import type { WireOperation } from '../core/wire-operation.ts';
import { inputOption } from './arguments.ts';
import { isBatch, runBatch, withBatchOptions, type BatchFlags } from './batch.ts';
import { acting, operationNamed, type Context, type Shell } from './context.ts';
import { exitCodes, UsageError } from './exit-codes.ts';
import { resumeText } from './finish.ts';

export function addRetry(program: Command, shell: Shell): void {
  withBatchOptions(program.command('retry'), 'retry')
    .description(
      'submit a failed operation again, as a new one, and print its id; or all that a filter finds',
    )
    .option('-i, --input <json>', 'another input for the one: JSON, @file, or - for stdin')
    .action(
      acting(shell, async (context, command) => {
        const { input, ...flags } = command.opts<BatchFlags & { input?: string }>();
        if (isBatch(command.args[0], flags)) {
          if (input !== undefined) throw new UsageError('--input is for one operation: name it.');
          return runBatch(context, 'retry', flags);
        }
        const handle = operationNamed(context, command.args[0]);
        return retryOne(context, handle, input === undefined ? undefined : inputOption(input));
      }),
    );
}

async function retryOne(
  context: Context,
  handle: OperationHandle,
  input: unknown,
): Promise<number> {
  const { output } = context;
  try {
    const again = await handle.retry(input);
    if (output.json) output.resultJson(again.accepted);
    else output.result(again.id);
    output.note(resumeText(context, again.id));
    return exitCodes.ok.code;
  } catch (error) {
    if (!(error instanceof ProblemError) || error.code !== 'operation_not_failed') throw error;
    const operation = await handle.status();
    if (isFinal(operation)) throw error;
    return tellUnfinished(context, operation);
  }
}

/** As `result` and `remove` tell it. */
function tellUnfinished(context: Context, operation: WireOperation): number {
  const { output } = context;
  const { id, status } = operation;
  if (output.json) output.resultJson(operation);
  else output.problem(`${id} is still ${status}: only what has failed can be retried.`);
  output.note(resumeText(context, id));
  return exitCodes.stillRunning.code;
}
