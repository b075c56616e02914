import type { Command } from 'commander';
import { acting, durationArgument, operationNamed, type Shell } from './context.ts';
import { followAndFinish } from './finish.ts';
import { refuseBadTarget } from './result-output.ts';

export function addWait(program: Command, shell: Shell): void {
  program
    .command('wait')
    .description('follow an operation to its end, print the result')
    .argument('<operation>', 'id or status address')
    .option('-o, --output <file>', 'write the result to a file (- is stdout)')
    .option(
      '--timeout <time>',
      'stop following after so long (exit code 8); it keeps running',
      durationArgument,
    )
    .action(
      acting(shell, async (context, command) => {
        const flags = command.opts<{ output?: string; timeout?: number }>();
        await refuseBadTarget(flags.output);
        const handle = operationNamed(context, command.args[0]);
        const { timeout: timeoutMs, output: to } = flags;
        return followAndFinish(context, handle, { timeoutMs, to });
      }),
    );
}
