import type { Command } from 'commander';
import { limits } from '../core/limits.ts';
import { commandName } from '../server/command-name.ts';
import { acting, integerArgument, type Context, type Shell } from './context.ts';
import { exitCodes, UsageError } from './exit-codes.ts';
import { instantOf } from './instant.ts';
import { incompleteText, printListing } from './listing.ts';
import { wholeSeconds } from './progress-line.ts';
import { unknownTaskText } from './unknown-task.ts';

type ErrorGroupFlags = { readonly task?: string; readonly since?: string; readonly limit: number };

export function addErrorGroups(program: Command, shell: Shell): void {
  program
    .command('errors')
    .description('what failed, by kind, the most frequent first')
    .option('--task <name>', 'only of this task')
    .option('--since <time>', 'created since: 2h (ago), 2026-01-31 …; default 24h')
    .option('-n, --limit <n>', 'at most so many kinds', integerArgument, 20)
    .addHelpText('after', pipeHelp)
    .action(
      acting(shell, async (context, command) => {
        await printErrorGroups(context, command.opts<ErrorGroupFlags>());
        return exitCodes.ok.code;
      }),
    );
}

const pipeHelp = (): string => `
In a pipe: one kind a line, tab-separated: kind, task, code, count, first, last, an operation, its detail.
Retry one kind: ${commandName()} retry --kind <kind>`;

async function printErrorGroups(context: Context, flags: ErrorGroupFlags): Promise<void> {
  const { client, output, transport } = context;
  const { task, since, limit } = flags;
  if (limit < 1 || limit > limits.pageSizeMax) {
    throw new UsageError(`Expected --limit to be 1 to ${limits.pageSizeMax}.`);
  }
  const now = transport.clock.now();
  const found = await client.errors({
    task,
    limit,
    since: since === undefined ? undefined : instantOf('--since', since, now),
  });
  const count = await printListing(context, found.groups, {
    cells: (one) => [
      one.fingerprint,
      one.task,
      one.code,
      String(one.count),
      one.first_at,
      one.last_at,
      one.sample_operation_id,
      one.sample_detail,
    ],
    columns: [
      { title: 'COUNT', align: 'right' },
      { title: 'TASK' },
      { title: 'CODE', from: 100 },
      { title: 'LAST' },
      { title: 'KIND' },
      { title: 'FOR EXAMPLE' },
    ],
    row: (one, at) => [
      one.count.toLocaleString('en'),
      one.task,
      one.code,
      `${wholeSeconds(at - Date.parse(one.last_at))} ago`,
      one.fingerprint,
      one.sample_detail,
    ],
    none: 'Nothing has failed.',
  });
  const hint = count === 0 ? await unknownTaskText(context, task) : null;
  if (hint !== null) output.note(hint);
  if (!found.complete) output.note(incompleteText('failed operations'));
}
