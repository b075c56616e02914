import type { Command } from 'commander';
import type { Shell } from './context.ts';
import { serving, withServerOptions } from './server-options.ts';

export function addServe(program: Command, shell: Shell): void {
  withServerOptions(program.command('serve'))
    .description('start a server for production')
    .action(serving(shell, 'serve'));
}
