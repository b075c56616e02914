import type { Command } from 'commander';
import { acting, type Shell } from './context.ts';
import { exitCodes } from './exit-codes.ts';
import { resumeText } from './finish.ts';
import { tellStalled } from './stalled.ts';
import { submitFromWords, withSubmitOptions, type SubmitFlags } from './submission.ts';

export function addSubmit(program: Command, shell: Shell): void {
  withSubmitOptions(program.command('submit'))
    .description('submit and return at once; prints the id of the operation')
    .action(
      acting(shell, async (context, command) => {
        const [name = '', ...words] = command.args;
        const handle = await submitFromWords(context, name, {
          words,
          flags: command.opts<SubmitFlags>(),
        });
        const { output } = context;
        if (output.json) output.resultJson(handle.accepted);
        else output.result(handle.id);
        output.note(`Status: ${handle.url}`);
        output.note(resumeText(context, handle.id));
        tellStalled(context, handle.accepted);
        return exitCodes.ok.code;
      }),
    );
}
