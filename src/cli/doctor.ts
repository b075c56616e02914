import type { Command } from 'commander';
import type { GlobalOptions, Shell } from './context.ts';
import { exitCodes } from './exit-codes.ts';
import { openOutput } from './output.ts';
import { withoutUndefined } from './server-options.ts';
import { safeText } from './terminal-text.ts';

type DoctorFlags = GlobalOptions & { readonly store?: string; readonly config?: string };

export function addDoctor(program: Command, shell: Shell): void {
  program
    .command('doctor')
    .description('check machine, store, config and server; exit code 1 when something is wrong')
    .option('-c, --config <file>', 'config file to check')
    .option('--store <store>', 'store to check')
    .action(async (...args: unknown[]) => {
      const command = args.at(-1) as Command;
      const flags = command.optsWithGlobals<DoctorFlags>();
      const { store, config } = flags;
      const url = flags.url ?? process.env['RAINCHECK_URL'];
      const output = openOutput(flags);
      const { doctor } = await import('../server/doctor.ts');
      const found = await doctor(withoutUndefined({ store, url, config }));
      if (output.json) output.resultJson(found);
      else {
        for (const { ok, what, detail } of found.lines) {
          if (ok && output.quiet) continue;
          const mark = ok ? output.styleResult('green', '✔') : output.styleResult('red', '✖');
          output.report(`${mark} ${what.padEnd(10)} ${safeText(detail)}`);
        }
      }
      shell.exitCode = found.ok ? exitCodes.ok.code : exitCodes.error.code;
    });
}
