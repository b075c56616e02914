import type { Command } from 'commander';
import { inputOption } from './arguments.ts';
import { acting, operationNamed, type Shell } from './context.ts';
import { exitCodes } from './exit-codes.ts';
import { resumeText } from './finish.ts';

export function addRetry(program: Command, shell: Shell): void {
  program
    .command('retry')
    .description('submit a failed operation again, as a new one; prints the new id')
    .argument('<operation>', 'id or status address')
    .option('-i, --input <json>', 'another input: JSON, @file, or - for stdin')
    .action(
      acting(shell, async (context, command) => {
        const { input } = command.opts<{ input?: string }>();
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
