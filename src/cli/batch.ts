import { Option, type Command } from 'commander';
import type { Batch, BatchAction } from '../client/batches.ts';
import type { OperationStatus } from '../core/operation.ts';
import type { WireBatchCount } from '../core/wire-operation.ts';
import type { Client } from '../client/client.ts';
import { canAsk, confirmed } from './confirm.ts';
import { durationArgument, integerArgument, type Context } from './context.ts';
import { exitCodes, UsageError } from './exit-codes.ts';
import { followAndFinish } from './finish.ts';
import { operationFilter, withOperationFilters, type FilterFlags } from './operation-filters.ts';

/** Of what `cancel`, `retry` and `remove` share where they are given a filter instead of an operation. */
export type BatchFlags = FilterFlags & {
  readonly status?: OperationStatus;
  readonly kind?: string;
  readonly all?: boolean;
  readonly limit?: number;
  readonly dryRun?: boolean;
  readonly yes?: boolean;
  readonly timeout?: number;
};

const statuses: Readonly<Record<BatchAction, readonly OperationStatus[]>> = {
  cancel: ['pending', 'processing'],
  retry: ['failed'],
  remove: ['failed', 'completed'],
};

export function withBatchOptions(command: Command, action: BatchAction): Command {
  command
    .argument('[operation]', 'id or status address; or else --all or a filter')
    .addOption(new Option('--status <status>', statusHelp[action]).choices(statuses[action]));
  if (action !== 'cancel') {
    command.option('--kind <kind>', 'only failed so, as the command `errors` names it');
  }
  return withOperationFilters(command, { ended: action !== 'cancel' })
    .option('--all', allHelp[action])
    .option('-n, --limit <n>', 'the newest so many', integerArgument)
    .option('--dry-run', 'only count what the filter finds')
    .option('-y, --yes', 'do not ask')
    .option(
      '--timeout <time>',
      'stop following after so long (exit code 8); it goes on',
      durationArgument,
    );
}

const statusHelp = {
  cancel: 'only these',
  retry: 'only these',
  remove: 'only these; without it those that failed',
} as const;

const allHelp = {
  cancel: 'all that can be cancelled',
  retry: 'all that can be retried',
  remove: 'all that failed',
} as const;

const words = {
  cancel: { verb: 'Cancel', doing: 'Cancelling' },
  retry: { verb: 'Retry', doing: 'Retrying' },
  remove: { verb: 'Remove', doing: 'Removing' },
} as const;

/** Whether a filter is given. Throws a UsageError when an operation is named as well, or nothing is said. */
export function isBatch(operation: string | undefined, flags: BatchFlags): boolean {
  const { dryRun, yes, limit, timeout, ...which } = flags;
  const { all, ...filters } = which;
  const isFiltered = Object.values(filters).some((value) => value !== undefined);
  const others = { dryRun, yes, limit, timeout, ...which };
  if (operation !== undefined) {
    if (Object.values(others).every((value) => value === undefined)) return false;
    throw new UsageError('Name an operation, or say --all or a filter; not both.');
  }
  if (all === true && isFiltered) {
    throw new UsageError('Say --all or a filter, not both: --all is without any.');
  }
  if (all === true || isFiltered) return true;
  throw new UsageError('Name an operation, or say --all or a filter.');
}

/** Counts and asks first; then it is an operation, followed to its end as `run` does. */
export async function runBatch(
  context: Context,
  action: BatchAction,
  flags: BatchFlags,
): Promise<number> {
  const { output, client, transport } = context;
  const filter = operationFilter(flags, transport.clock.now());
  const { status, kind: fingerprint, limit } = flags;
  const batch: Batch = { filter: { ...filter, status, fingerprint }, limit };
  const counted = await client.countBatch(action, batch);
  const which = action === 'remove' ? `${status ?? 'failed'} ` : '';
  const what = countText(counted, which);
  if (flags.dryRun === true) {
    if (output.json) output.resultJson(counted);
    else output.result(what);
    return exitCodes.ok.code;
  }
  if (counted.count === 0) {
    if (output.json) output.resultJson(counted);
    output.note(`No ${which}operation matches.`);
    return exitCodes.ok.code;
  }
  if (
    flags.yes !== true &&
    !(await isAgreed(context, action, { isOne: counted.count === 1, what }))
  ) {
    output.note('Nothing was done.');
    return exitCodes.ok.code;
  }
  output.note(`${words[action].doing}: ${what}.`);
  const handle = await started(client, action, batch);
  return followAndFinish(context, handle, { timeoutMs: flags.timeout, to: undefined });
}

function started(client: Client, action: BatchAction, batch: Batch) {
  if (action === 'cancel') return client.batchCancel(batch);
  return action === 'retry' ? client.batchRetry(batch) : client.batchRemove(batch);
}

/** '1 operation', 'at least 10,000 completed operations'. */
function countText({ count, count_complete }: WireBatchCount, which: string): string {
  const least = count_complete ? '' : 'at least ';
  return `${least}${count.toLocaleString('en')} ${which}operation${count === 1 ? '' : 's'}`;
}

function isAgreed(
  { output }: Context,
  action: BatchAction,
  { isOne, what }: { readonly isOne: boolean; readonly what: string },
): Promise<boolean> {
  const verb = `${words[action].verb} ${isOne ? 'it' : 'them'}`;
  const matches = `${what.charAt(0).toUpperCase()}${what.slice(1)} match${isOne ? 'es' : ''}.`;
  const sentence =
    action === 'remove'
      ? `${matches} Nobody can read ${isOne ? 'it' : 'them'} any more then.`
      : matches;
  if (!output.json && canAsk()) return confirmed(`${sentence} ${verb}?`);
  throw new UsageError(
    `${sentence} Not a terminal: pass --yes to ${action} ${isOne ? 'it' : 'them'}, --dry-run to only count.`,
  );
}
