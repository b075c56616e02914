import { Option, type Command } from 'commander';
import { operationStatuses, type OperationStatus } from '../core/operation.ts';
import type { WireOperation } from '../core/wire-operation.ts';
import { acting, integerArgument, type Context, type Shell } from './context.ts';
import { exitCodes } from './exit-codes.ts';
import { paged, printListing } from './listing.ts';
import { operationFilter, withOperationFilters, type FilterFlags } from './operation-filters.ts';
import { wholeSeconds } from './progress-line.ts';
import { progressOf } from './status.ts';
import { unknownTaskText } from './unknown-task.ts';

type ListFlags = FilterFlags & {
  readonly status?: OperationStatus;
  readonly limit: number;
};

export function addList(program: Command, shell: Shell): void {
  const command = program
    .command('list')
    .description('list operations, newest first')
    .addOption(new Option('--status <status>', 'only these').choices(operationStatuses));
  withOperationFilters(command)
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
  const count = await printListing(context, listed(context, flags), {
    cells: cellsOf,
    columns: ['ID', 'TASK', 'STATUS', 'AGE', 'DETAIL'].map((title) => ({ title })),
    row: (one, now) => cellsOf(one).with(3, wholeSeconds(now - Date.parse(one.created_at))),
    none: 'No operations.',
  });
  const hint = count === 0 ? await unknownTaskText(context, flags.task) : null;
  if (hint !== null) context.output.note(hint);
}

/** Reads page by page, as far as --limit goes. */
function listed(context: Context, flags: ListFlags): AsyncGenerator<WireOperation> {
  const now = context.transport.clock.now();
  const filter = { status: flags.status, ...operationFilter(flags, now) };
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
