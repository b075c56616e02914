import { Option, type Command } from 'commander';
import type { Batch, BatchAction } from '../client/batches.ts';
import type { Client } from '../client/client.ts';
import type { OperationFilter } from '../client/operation-filter.ts';
import type { OperationStatus } from '../core/operation.ts';
import { commandName } from '../server/command-name.ts';
import {
  capitalised,
  isBulk,
  runBulk,
  withBulkOptions,
  type BulkFlags,
  type BulkWords,
} from './bulk.ts';
import { integerArgument, type Context } from './context.ts';
import { UsageError } from './exit-codes.ts';
import { operationFilter, withOperationFilters, type FilterFlags } from './operation-filters.ts';
import { unknownTaskText } from './unknown-task.ts';

/** Flags that `cancel`, `retry` and `remove` take in place of an operation. */
export type BatchFlags = BulkFlags &
  FilterFlags & {
    readonly status?: OperationStatus;
    readonly kind?: string;
    readonly limit?: number;
  };

type BatchCommand = {
  readonly statuses: readonly OperationStatus[];
  readonly statusHelp: string;
  readonly allHelp: string;
  readonly words: BulkWords;
};

const commands: Readonly<Record<BatchAction, BatchCommand>> = {
  cancel: {
    statuses: ['pending', 'processing'],
    statusHelp: 'only these',
    allHelp: 'all that can be cancelled',
    words: { verb: 'cancel', doing: 'Cancelling' },
  },
  retry: {
    statuses: ['failed'],
    statusHelp: 'only these',
    allHelp: 'all that can be retried',
    words: { verb: 'retry', doing: 'Retrying' },
  },
  remove: {
    statuses: ['failed', 'completed'],
    statusHelp: 'only these; without it those that failed: completed ones stay',
    allHelp: 'all that failed',
    words: {
      verb: 'remove',
      doing: 'Removing',
      warning: (them) => `Nobody can read ${them} any more then.`,
    },
  },
};

export function withBatchOptions(command: Command, action: BatchAction): Command {
  const { statuses, statusHelp, allHelp } = commands[action];
  command
    .argument('[operation]', 'id or status address; or else --all or a filter')
    .addOption(new Option('--status <status>', statusHelp).choices(statuses));
  if (action !== 'cancel') {
    command.option('--kind <kind>', 'only failed so, as the command `errors` names it');
  }
  withOperationFilters(command, { final: action !== 'cancel' }).option(
    '-n, --limit <n>',
    'the newest so many',
    integerArgument,
  );
  return withBulkOptions(command, { all: allHelp });
}

/** As isBulk: false when `operation` is named. */
export function isBatch(operation: string | undefined, flags: BatchFlags): boolean {
  const names = operation === undefined ? [] : [operation];
  return isBulk(flags, { names, nameable: 'an operation', setting: 'limit' });
}

/** Cancels, retries or removes all that the filter finds; see runBulk. */
export function runBatch(
  context: Context,
  action: BatchAction,
  flags: BatchFlags,
): Promise<number> {
  const { client, transport } = context;
  const filter = operationFilter(flags, transport.clock.now());
  const { status, kind: fingerprint, limit } = flags;
  refuseBadKind(fingerprint);
  const batch: Batch = { filter: { ...filter, status, fingerprint }, limit };
  const which = action === 'remove' ? `${status ?? 'failed'} ` : '';
  return runBulk(context, flags, {
    nouns: { one: `${which}operation`, many: `${which}operations` },
    words: commands[action].words,
    async count() {
      const answer = await client.countBatch(action, batch);
      return { count: answer.count, more: !answer.count_complete, answer };
    },
    async remark(count) {
      const unknown = count === 0 ? await unknownTaskText(context, flags.task) : null;
      if (unknown !== null || action !== 'remove') return unknown;
      return completedLeftText(client, { filter, flags });
    },
    start: () => started(client, action, batch),
  });
}

/** Says how many completed operations a removal leaves because no --status names them. */
async function completedLeftText(
  client: Client,
  { filter, flags }: { readonly filter: OperationFilter; readonly flags: BatchFlags },
): Promise<string | null> {
  const { status, kind, code, error } = flags;
  // What is found by its error has failed.
  if ([status, kind, code, error].some((given) => given !== undefined)) return null;
  const left = await client.countBatch('remove', { filter: { ...filter, status: 'completed' } });
  if (left.count === 0) return null;
  const least = left.count_complete ? '' : 'at least ';
  const ones = left.count === 1 ? 'one stays' : 'ones stay';
  const what = `${least}${left.count.toLocaleString('en')} completed ${ones}`;
  const takes = left.count === 1 ? 'it' : 'those';
  return `${capitalised(what)}; --status completed takes ${takes}.`;
}

/** Here and not at the server, which would name it by its name on the wire. */
function refuseBadKind(kind: string | undefined): void {
  if (kind === undefined || /^[0-9a-f]{16}$/.test(kind)) return;
  throw new UsageError(
    `--kind: expected one that \`${commandName()} errors\` lists (16 hexadecimal digits), got '${kind}'.`,
  );
}

function started(client: Client, action: BatchAction, batch: Batch) {
  if (action === 'cancel') return client.batchCancel(batch);
  return action === 'retry' ? client.batchRetry(batch) : client.batchRemove(batch);
}
