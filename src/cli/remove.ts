import type { Command } from 'commander';
import { isFinal } from '../client/wait.ts';
import { isBatch, runBatch, withBatchOptions, type BatchFlags } from './batch.ts';
import { acting, operationNamed, type Shell } from './context.ts';
import { exitCodes } from './exit-codes.ts';

export function addRemove(program: Command, shell: Shell): void {
  withBatchOptions(program.command('remove'), 'remove')
    .description(
      'remove a finished operation with its result, or all that a filter finds: ' +
        'nobody can read it any more then',
    )
    .action(
      acting(shell, async (context, command) => {
        const flags = command.opts<BatchFlags>();
        if (isBatch(command.args[0], flags)) return runBatch(context, 'remove', flags);
        const { output } = context;
        const handle = operationNamed(context, command.args[0]);
        // DELETE cancels what is not final, which is not what was asked for.
        const operation = await handle.status();
        if (!isFinal(operation)) {
          if (output.json) output.resultJson(operation);
          else {
            output.problem(
              `${operation.id} is still ${operation.status}: only what has finished can be removed.`,
            );
          }
          output.note(`Stop it: ${context.command} cancel ${operation.id}${context.flags}`);
          return exitCodes.stillRunning.code;
        }
        await handle.remove();
        output.done(`${operation.id} removed`, operation);
        return exitCodes.ok.code;
      }),
    );
}
