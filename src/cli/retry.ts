import type { Command } from 'commander';
import { inputOption } from './arguments.ts';
import { isBatch, runBatch, withBatchOptions, type BatchFlags } from './batch.ts';
import { acting, operationNamed, type Shell } from './context.ts';
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
        const failed = operationNamed(context, command.args[0]);
        const again = await failed.retry(input === undefined ? undefined : inputOption(input));
        const { output } = context;
        if (output.json) output.resultJson(again.accepted);
        else output.result(again.id);
        output.note(resumeText(context, again.id));
        return exitCodes.ok.code;
      }),
    );
}
