import type { Command } from 'commander';
import type { Shell } from './context.ts';
import { serving, withServerOptions } from './server-options.ts';

export function addDev(program: Command, shell: Shell): void {
  withServerOptions(program.command('dev'))
    .description('start a server to develop with, on this machine only')
    .option('--ephemeral', 'forget everything at the end')
    .option('--no-reload', 'do not start again when a file of the tasks is saved')
    .action(serving(shell, 'dev'));
}
