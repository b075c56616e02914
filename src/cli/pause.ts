import type { Command } from 'commander';
import type { WireTask } from '../core/wire-server.ts';
import { acting, type Context, type Shell } from './context.ts';
import { exitCodes } from './exit-codes.ts';
import { suggestingTask } from './submission.ts';

export function addPause(program: Command, shell: Shell): void {
  program
    .command('pause')
    .description('start no more operations of a task; what runs goes on, what comes waits')
    .argument('<task>', 'name of the task')
    .action(
      acting(shell, async (context, command) => {
        const [name = ''] = command.args;
        const task = await suggestingTask(context, name, () => context.client.pauseTask(name));
        const { pending, processing } = task.counts;
        tell(context, task, `paused; ${pending} waiting, ${processing} running to the end`);
        context.output.note(`Let it go on: ${context.command} resume ${name}${context.flags}`);
        return exitCodes.ok.code;
      }),
    );
}

export function addResume(program: Command, shell: Shell): void {
  program
    .command('resume')
    .description('start operations of a paused task again')
    .argument('<task>', 'name of the task')
    .action(
      acting(shell, async (context, command) => {
        const [name = ''] = command.args;
        const task = await suggestingTask(context, name, () => context.client.resumeTask(name));
        tell(context, task, `active; ${task.counts.pending} waiting`);
        return exitCodes.ok.code;
      }),
    );
}

function tell({ output }: Context, task: WireTask, text: string): void {
  if (output.json) output.resultJson(task);
  else if (!output.quiet) output.result(`${task.name} ${text}`);
}
