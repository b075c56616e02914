import { Option, type Command } from 'commander';
import type { ListFilter } from '../client/client.ts';
import { operationStatuses, type OperationStatus } from '../core/operation.ts';
import type { WireOperation } from '../core/wire.ts';
import { labelsFrom } from './arguments.ts';
import { acting, collected, integerArgument, type Context, type Shell } from './context.ts';
import { exitCodes } from './exit-codes.ts';
import { instantOf } from './instant.ts';
import { paged, printListing } from './listing.ts';
import { wholeSeconds } from './progress-line.ts';
import { progressOf } from './status.ts';

type ListFlags = {
  readonly status?: OperationStatus;
  readonly task?: string;
  readonly label?: readonly string[];
  readonly code?: string;
  readonly search?: string;
  readonly since?: string;
  readonly until?: string;
  readonly limit: number;
};

export function addList(program: Command, shell: Shell): void {
  program
    .command('list')
    .description('list operations, newest first')
    .addOption(new Option('--status <status>', 'only these').choices(operationStatuses))
    .option('--task <name>', 'only of this task')
    .option('-l, --label <name=value>', 'only with this label; may be repeated', collected)
    .option('--code <code>', 'only failed with this error code')
    .option('--search <text>', 'only with this in the id, the error or the input')
    .option('--since <time>', 'created since: 2h (ago), 2026-01-31 or 2026-01-31T09:00:00Z')
    .option('--until <time>', 'created before')
    .option('-n, --limit <n>', 'at most so many', integerArgument, 20)
    .addHelpText('after', pipeHelp)
    .action(
      acting(shell, async (context, command) => {
        const flags = command.opts<ListFlags>();
        await printOperations(context, flags);
        return exitCodes.ok.code;
      }),
    );
}

const pipeHelp = `
In a pipe: one operation a line, tab-separated: id, task, status, created, detail.`;

async function printOperations(context: Context, flags: ListFlags): Promise<void> {
  await printListing(context, listed(context, flags), {
    cells: cellsOf,
    columns: ['ID', 'TASK', 'STATUS', 'AGE', 'DETAIL'].map((title) => ({ title })),
    row: (one, now) => cellsOf(one).with(3, wholeSeconds(now - Date.parse(one.created_at))),
    none: 'No operations.',
  });
}

/** Page by page, as far as --limit goes. */
function listed(context: Context, flags: ListFlags): AsyncGenerator<WireOperation> {
  const now = context.transport.clock.now();
  const filter: ListFilter = {
    status: flags.status,
    task: flags.task,
    labels: labelsFrom(flags.label ?? []),
    code: flags.code,
    q: flags.search,
    since: flags.since === undefined ? undefined : instantOf('--since', flags.since, now),
    until: flags.until === undefined ? undefined : instantOf('--until', flags.until, now),
  };
  return paged(flags.limit, async (part) => {
    const page = await context.client.list({ ...filter, ...part });
    return { items: page.operations, next: page.next_cursor };
  });
}

function cellsOf(operation: WireOperation): string[] {
  const progress = operation.status === 'processing' ? progressOf(operation) : null;
  const detail = operation.error?.code ?? progress ?? '';
  return [operation.id, operation.task, operation.status, operation.created_at, detail];
}
