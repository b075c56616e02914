import type { Command } from 'commander';
import { commandName } from '../server/command-name.ts';
import { acting, durationArgument, type Shell } from './context.ts';
import { followAndFinish } from './finish.ts';
import { refuseBadTarget } from './result-output.ts';
import { submitFromWords, withSubmitOptions, type SubmitFlags } from './submission.ts';

export function addRun(program: Command, shell: Shell): void {
  withSubmitOptions(program.command('run'))
    .description('submit, follow to the end, print the result')
    .option('-o, --output <file>', 'write the result to a file (- is stdout)')
    .option(
      '--timeout <time>',
      'stop following after so long (exit code 8); it keeps running',
      durationArgument,
    )
    .addHelpText('after', examples)
    .action(
      acting(shell, async (context, command) => {
        const [name = '', ...words] = command.args;
        const flags = command.opts<SubmitFlags & { output?: string; timeout?: number }>();
        await refuseBadTarget(flags.output);
        const handle = await submitFromWords(context, name, { words, flags });
        const { timeout: timeoutMs, output: to } = flags;
        return followAndFinish(context, handle, { timeoutMs, to });
      }),
    );
}

const examples = (): string => `
Examples:
  ${commandName()} run countdown seconds:=20
  ${commandName()} run reports type=sales_summary date_range=2026-01-01..2026-06-30 -o sales.pdf
  ${commandName()} run reports --input @request.json --timeout 30s`;
