import type { Command } from 'commander';
import { acting, type Shell } from './context.ts';
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
        const { output } = context;
        output.done(
          `${task.name} paused; ${pending} waiting, ${processing} running to the end`,
          task,
        );
        output.note(`Let it go on: ${context.command} resume ${name}${context.flags}`);
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
        context.output.done(`${task.name} active; ${task.counts.pending} waiting`, task);
        return exitCodes.ok.code;
      }),
    );
}
