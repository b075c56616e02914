import type { Command } from 'commander';
import type { WireOperation } from '../core/wire-operation.ts';
import { isBatch, runBatch, withBatchOptions, type BatchFlags } from './batch.ts';
import { acting, operationNamed, type Shell } from './context.ts';
import { exitCodes } from './exit-codes.ts';

export function addCancel(program: Command, shell: Shell): void {
  withBatchOptions(program.command('cancel'), 'cancel')
    .description(
      'ask an operation to stop, or all that a filter finds; one that waits finishes at once, ' +
        'a finished one stays as it is',
    )
    .action(
      acting(shell, async (context, command) => {
        const flags = command.opts<BatchFlags>();
        if (isBatch(command.args[0], flags)) return runBatch(context, 'cancel', flags);
        const operation = await operationNamed(context, command.args[0]).cancel();
        context.output.done(`${operation.id} ${cancelText(operation)}`, operation);
        return exitCodes.ok.code;
      }),
    );
}

function cancelText(operation: WireOperation): string {
  if (operation.error?.code === 'cancelled') return 'cancelled';
  if (operation.finished_at === null) return 'cancel requested; it finishes when its handler stops';
  return `was ${operation.status} already`;
}
