import type { Command } from 'commander';
import type { GlobalOptions, Shell } from './context.ts';
import { openOutput } from './output.ts';
import { withoutUndefined } from './server-options.ts';

type MigrateFlags = GlobalOptions & { readonly store?: string; readonly config?: string };

export function addMigrate(program: Command, _shell: Shell): void {
  program
    .command('migrate')
    .description('bring the schema of the store up to date and end; a start does the same')
    .option('-c, --config <file>', 'default: raincheck.config.ts (or .mts, .js, .mjs) here')
    .option('--store <store>', 'sqlite:path or postgres://… (RAINCHECK_STORE)')
    .action(async (...args: unknown[]) => {
      const flags = (args.at(-1) as Command).optsWithGlobals<MigrateFlags>();
      const { store, config } = flags;
      const output = openOutput(flags);
      const { migrate } = await import('../server/migrate.ts');
      const done = await migrate(withoutUndefined({ store, config }));
      const { from, to } = done;
      const versions = from === to ? `version ${to} already` : `version ${from} → ${to}`;
      output.done(`${done.store}: ${versions}`, done);
    });
}
