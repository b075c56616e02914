import { Option, type Command } from 'commander';
import type { ListFilter } from '../client/client.ts';
import { limits } from '../core/limits.ts';
import { operationStatuses, type OperationStatus } from '../core/operation.ts';
import type { WireOperation } from '../core/wire.ts';
import { labelsFrom } from './arguments.ts';
import { acting, collected, integerArgument, type Context, type Shell } from './context.ts';
import { exitCodes, UsageError } from './exit-codes.ts';
import { instantOf } from './instant.ts';
import { wholeSeconds } from './progress-line.ts';
import { progressOf } from './status.ts';
import { safeLine, table } from './terminal-text.ts';

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
  const { output } = context;
  const found: WireOperation[] = [];
  for await (const operation of listed(context, flags)) {
    if (output.json) output.resultJson(operation);
    else if (output.resultIsSeen) found.push(operation);
    else output.result(cellsOf(operation).join('\t'));
  }
  if (!output.resultIsSeen || output.json) return;
  if (found.length === 0) return output.note('No operations.');
  const columns = ['ID', 'TASK', 'STATUS', 'AGE', 'DETAIL'].map((title) => ({ title }));
  const now = context.transport.serverNow();
  const rows = found.map((operation) => {
    const cells = cellsOf(operation);
    return cells.with(3, wholeSeconds(now - Date.parse(operation.created_at)));
  });
  const [head = '', ...lines] = table(columns, rows, process.stdout.columns || 80);
  output.report(output.styleResult('dim', head));
  for (const line of lines) output.result(line);
}

/** Page by page, as far as --limit goes. */
async function* listed(context: Context, flags: ListFlags): AsyncGenerator<WireOperation> {
  if (flags.limit < 1) throw new UsageError('Expected --limit to be 1 or more.');
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
  let left = flags.limit;
  let cursor: string | undefined;
  do {
    const limit = Math.min(left, limits.pageSizeMax);
    const page = await context.client.list({ ...filter, limit, cursor });
    yield* page.operations;
    left -= page.operations.length;
    cursor = page.next_cursor ?? undefined;
  } while (left > 0 && cursor !== undefined);
}

function cellsOf(operation: WireOperation): string[] {
  const progress = operation.status === 'processing' ? progressOf(operation) : null;
  const detail = operation.error?.code ?? progress ?? '';
  const cells = [operation.id, operation.task, operation.status, operation.created_at, detail];
  return cells.map(safeLine);
}
