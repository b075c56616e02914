import type { Command } from 'commander';
import type { Redrive } from '../client/webhooks.ts';
import type { WireDeadLetterGroups } from '../core/wire-webhook.ts';
import { commandName } from '../server/command-name.ts';
import { acting, durationArgument, integerArgument, type Context, type Shell } from './context.ts';
import { deliveryFilter, withDeliveryFilters, type DeliveryFlags } from './delivery-filters.ts';
import { showDelivery } from './webhook-text.ts';
import { exitCodes, UsageError } from './exit-codes.ts';
import { incompleteText } from './errors.ts';
import { followAndFinish } from './finish.ts';
import { paged, printListing, type Listing } from './listing.ts';
import { wholeSeconds } from './progress-line.ts';
import { deadLetterListing, deliveryIds, printSteered } from './webhook-deliveries.ts';

/** The dead letters: deliveries that used up their attempts and wait for a person. */
export function addDlq(program: Command, shell: Shell): void {
  const dlq = program
    .command('dlq')
    .description('the dead letters: webhooks that used up their attempts and wait for a person');
  addList(dlq, shell);
  addGroups(dlq, shell);
  addShow(dlq, shell);
  addSteering(dlq, shell, {
    name: 'retry',
    action: 'redrive',
    description:
      'send dead letters again, with the same ids: one by one, or all that a filter finds',
  });
  addSteering(dlq, shell, {
    name: 'discard',
    action: 'discard',
    description: 'give dead letters up: one by one, or all that a filter finds',
  });
}

function addList(dlq: Command, shell: Shell): void {
  withDeliveryFilters(dlq.command('list'))
    .description('list dead letters, newest first')
    .option('-n, --limit <n>', 'at most so many', integerArgument, 20)
    .addHelpText(
      'after',
      '\nIn a pipe: one a line, tab-separated, as `webhooks deliveries` has it.',
    )
    .action(
      acting(shell, async (context, command) => {
        const flags = command.opts<DeliveryFlags & { limit: number }>();
        const filter = deliveryFilter(flags, context.transport.clock.now());
        const found = paged(flags.limit, async (part) => {
          const page = await context.client.webhooks.deadLetters({ ...filter, ...part });
          return { items: page.deliveries, next: page.next_cursor };
        });
        await printListing(context, found, deadLetterListing);
        return exitCodes.ok.code;
      }),
    );
}

function addGroups(dlq: Command, shell: Shell): void {
  withDeliveryFilters(dlq.command('groups'))
    .description('dead letters by endpoint and error, the most frequent first')
    .option('-n, --limit <n>', 'at most so many groups', integerArgument, 20)
    .addHelpText(
      'after',
      `\nIn a pipe: one a line, tab-separated: endpoint, error, count, first, last, a delivery.\nTake one group: ${commandName()} dlq retry --endpoint <id> --error <class>`,
    )
    .action(
      acting(shell, async (context, command) => {
        const { limit, ...flags } = command.opts<DeliveryFlags & { limit: number }>();
        const filter = deliveryFilter(flags, context.transport.clock.now());
        const found = await context.client.webhooks.deadLetterGroups({ ...filter, limit });
        await printListing(context, found.groups, deadLetterGroupListing);
        if (!found.complete) context.output.note(incompleteText('dead letters'));
        return exitCodes.ok.code;
      }),
    );
}

type DeadLetterGroup = WireDeadLetterGroups['groups'][number];

const deadLetterGroupListing: Listing<DeadLetterGroup> = {
  cells: (one) => [
    one.endpoint_id ?? '',
    one.error,
    String(one.count),
    one.first_at,
    one.last_at,
    one.sample_delivery_id,
  ],
  columns: [
    { title: 'COUNT', align: 'right' },
    { title: 'ERROR' },
    { title: 'LAST' },
    { title: 'ENDPOINT' },
  ],
  row: (one, now) => [
    one.count.toLocaleString('en'),
    one.error,
    `${wholeSeconds(now - Date.parse(one.last_at))} ago`,
    one.endpoint_id ?? '',
  ],
  none: 'No dead letters.',
};

function addShow(dlq: Command, shell: Shell): void {
  dlq
    .command('show')
    .description('show a dead letter with its attempts')
    .argument('<delivery>', 'id (msg_…)')
    .action(
      acting(shell, async (context, command) => {
        for (const id of deliveryIds(command.args)) await showDelivery(context, id);
        return exitCodes.ok.code;
      }),
    );
}

type Steering = {
  readonly name: string;
  readonly action: 'redrive' | 'discard';
  readonly description: string;
};

type SteeringFlags = DeliveryFlags & {
  readonly all?: boolean;
  readonly expired?: boolean;
  readonly dryRun?: boolean;
  readonly yes?: boolean;
  readonly perSecond?: number;
  readonly timeout?: number;
};

function addSteering(dlq: Command, shell: Shell, p: Steering): void {
  const command = withDeliveryFilters(dlq.command(p.name))
    .description(p.description)
    .argument('[delivery...]', 'ids (msg_…); or else --all or a filter')
    .option('--all', 'all of them')
    .option('--dry-run', 'only count what the filter finds')
    .option('--per-second <n>', 'so many a second, 1 to 1000, default 50', integerArgument)
    .option(
      '--timeout <time>',
      'stop following after so long (exit code 8); it goes on',
      durationArgument,
    );
  if (p.action === 'redrive') {
    command.option(
      '--expired',
      'instead those that waited too long, such as at a disabled endpoint',
    );
  } else {
    command.option('--yes', 'do it: what is discarded by a filter is not sent any more');
  }
  command.action(
    acting(shell, async (context, ran) => {
      const flags = ran.opts<SteeringFlags>();
      return ran.args.length > 0
        ? steerEach(context, { ids: ran.args, action: p.action, flags })
        : steerAll(context, p.action, flags);
    }),
  );
}

async function steerEach(
  context: Context,
  p: {
    readonly ids: readonly string[];
    readonly action: Steering['action'];
    readonly flags: SteeringFlags;
  },
): Promise<number> {
  const { webhooks } = context.client;
  if (Object.keys(p.flags).length > 0) {
    throw new UsageError('Name deliveries, or say --all or a filter; not both.');
  }
  for (const id of deliveryIds(p.ids)) {
    const steered = p.action === 'redrive' ? webhooks.redeliver(id) : webhooks.discard(id);
    printSteered(context, await steered);
  }
  return exitCodes.ok.code;
}

/** Counts first; then it is an operation, followed to its end as `run` does. */
async function steerAll(
  context: Context,
  action: Steering['action'],
  flags: SteeringFlags,
): Promise<number> {
  const { output, client, transport } = context;
  const filter = deliveryFilter(flags, transport.clock.now());
  const isFiltered = Object.values(filter).some((value) => value !== undefined);
  if (flags.all !== true && flags.expired !== true && !isFiltered) {
    throw new UsageError('Name deliveries, or say --all or a filter.');
  }
  if (flags.all === true && isFiltered) {
    throw new UsageError('Say --all or a filter, not both: --all is without any.');
  }
  const state = flags.expired === true ? ('expired' as const) : undefined;
  const redrive: Redrive = { action, filter: { ...filter, state }, perSecond: flags.perSecond };
  const counted = await client.webhooks.countDeadLetters(redrive);
  const { count, more } = counted;
  const what = `${more ? 'at least ' : ''}${count} ${state === undefined ? `dead letter${count === 1 ? '' : 's'}` : 'expired'}`;
  if (flags.dryRun === true) {
    if (output.json) output.resultJson(counted);
    else output.result(what);
    return exitCodes.ok.code;
  }
  if (count === 0) {
    output.note('There are none.');
    return exitCodes.ok.code;
  }
  if (action === 'discard' && flags.yes !== true) {
    throw new UsageError(`This discards ${what}: say --yes to do it, --dry-run to only count.`);
  }
  output.note(`${action === 'redrive' ? 'Sending again' : 'Discarding'}: ${what}.`);
  const handle = await client.webhooks.redrive(redrive);
  return followAndFinish(context, handle, { timeoutMs: flags.timeout, to: undefined });
}
