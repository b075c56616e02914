import type { Command } from 'commander';
import { OperationFailed } from '../client/problem.ts';
import { acting, operationNamed, type Shell } from './context.ts';
import { exitCodeOfOutcome, exitCodes } from './exit-codes.ts';
import { outcomeText } from './narration.ts';
import { deliverResult } from './result-output.ts';

export function addResult(program: Command, shell: Shell): void {
  program
    .command('result')
    .description('print the result of a completed operation, or write it to a file')
    .argument('<operation>', 'id or status address')
    .option('-o, --output <file>', 'write the result to a file (- is stdout)')
    .action(
      acting(shell, async (context, command) => {
        const { output } = context;
        const handle = operationNamed(context, command.args[0]);
        const operation = await handle.status();
        if (output.json) output.resultJson(operation);
        if (operation.status === 'failed') {
          const failure = new OperationFailed(operation);
          if (!output.json) output.problem(output.style('red', outcomeText(operation)));
          return exitCodeOfOutcome(failure.code);
        }
        if (operation.status !== 'completed') {
          if (!output.json) output.problem(`${operation.id} is still ${operation.status}.`);
          output.note(`Follow it: ${context.command} wait ${operation.id}${context.flags}`);
          return exitCodes.stillRunning.code;
        }
        const { output: to } = command.opts<{ output?: string }>();
        await deliverResult(context, handle, { operation, to, filesToPipe: true });
        return exitCodes.ok.code;
      }),
    );
}
