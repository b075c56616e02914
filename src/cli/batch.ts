import { Option, type Command } from 'commander';
import type { Batch } from '../client/batches.ts';
import type { OperationStatus } from '../core/operation.ts';
import type { WireBatchCount } from '../core/wire-operation.ts';
import { canAsk, confirmed } from './confirm.ts';
import { durationArgument, integerArgument, type Context } from './context.ts';
import { exitCodes, UsageError } from './exit-codes.ts';
import { followAndFinish } from './finish.ts';
import { operationFilter, withOperationFilters, type FilterFlags } from './operation-filters.ts';

/** What `cancel` and `retry` share where they are given a filter instead of an operation. */
export type BatchAction = 'cancel' | 'retry';

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
};

export function withBatchOptions(command: Command, action: BatchAction): Command {
  command
    .argument('[operation]', 'id or status address; or else --all or a filter')
    .addOption(new Option('--status <status>', 'only these').choices(statuses[action]));
  if (action === 'retry') {
    command.option('--kind <kind>', 'only failed so, as the command `errors` names it');
  }
  return withOperationFilters(command, { ended: action === 'retry' })
    .option('--all', `all that can be ${past[action]}`)
    .option('-n, --limit <n>', 'the newest so many', integerArgument)
    .option('--dry-run', 'only count what the filter finds')
    .option('-y, --yes', 'do not ask')
    .option(
      '--timeout <time>',
      'stop following after so long (exit code 8); it goes on',
      durationArgument,
    );
}

const past = { cancel: 'cancelled', retry: 'retried' } as const;

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
  const what = countText(counted);
  if (flags.dryRun === true) {
    if (output.json) output.resultJson(counted);
    else output.result(what);
    return exitCodes.ok.code;
  }
  if (counted.count === 0) {
    if (output.json) output.resultJson(counted);
    output.note('No operation matches.');
    return exitCodes.ok.code;
  }
  if (flags.yes !== true && !(await isAgreed(context, action, counted))) {
    output.note('Nothing was done.');
    return exitCodes.ok.code;
  }
  output.note(`${action === 'cancel' ? 'Cancelling' : 'Retrying'}: ${what}.`);
  const handle = await (action === 'cancel' ? client.batchCancel(batch) : client.batchRetry(batch));
  return followAndFinish(context, handle, { timeoutMs: flags.timeout, to: undefined });
}

function countText({ count, count_complete }: WireBatchCount): string {
  const least = count_complete ? '' : 'at least ';
  return `${least}${count.toLocaleString('en')} operation${count === 1 ? '' : 's'}`;
}

function isAgreed(
  { output }: Context,
  action: BatchAction,
  counted: WireBatchCount,
): Promise<boolean> {
  const what = countText(counted);
  const isOne = counted.count === 1;
  const verb = `${action === 'cancel' ? 'Cancel' : 'Retry'} ${isOne ? 'it' : 'them'}`;
  const sentence = `${what.charAt(0).toUpperCase()}${what.slice(1)} match${isOne ? 'es' : ''}.`;
  if (!output.json && canAsk()) return confirmed(`${sentence} ${verb}?`);
  throw new UsageError(
    `${sentence} Not a terminal: pass --yes to ${action} ${isOne ? 'it' : 'them'}, --dry-run to only count.`,
  );
}
