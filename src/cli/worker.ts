import type { Command } from 'commander';
import type { Shell } from './context.ts';
import { serving, withWorkerOptions } from './server-options.ts';

export function addWorker(program: Command, shell: Shell): void {
  withWorkerOptions(program.command('worker'))
    .description('run attempts and send webhooks, without an API; needs a postgres:// store')
    .action(serving(shell, 'worker'));
}
