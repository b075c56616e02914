import type { Command } from 'commander';
import type { Redrive } from '../client/webhooks.ts';
import type { WireDeadLetterGroups } from '../core/wire-webhook.ts';
import { commandName } from '../server/command-name.ts';
import { isBulk, runBulk, withBulkOptions, type BulkFlags, type BulkWords } from './bulk.ts';
import { acting, integerArgument, type Context, type Shell } from './context.ts';
import { deliveryFilter, withDeliveryFilters, type DeliveryFlags } from './delivery-filters.ts';
import { showDelivery } from './webhook-text.ts';
import { exitCodes } from './exit-codes.ts';
import { incompleteText, paged, printListing, type Listing } from './listing.ts';
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
  addSteering(dlq, shell, 'redrive');
  addSteering(dlq, shell, 'discard');
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
    .addHelpText('after', groupsHelp)
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

const groupsHelp = (): string => `
In a pipe: one a line, tab-separated: endpoint, error, count, first, last, a delivery.
Take one group: ${commandName()} dlq retry --endpoint <id> --error <class>`;

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

type Action = 'redrive' | 'discard';

type Steering = {
  readonly name: string;
  readonly description: string;
  readonly words: BulkWords;
};

const steerings: Readonly<Record<Action, Steering>> = {
  redrive: {
    name: 'retry',
    description:
      'send dead letters again, with the same ids: one by one, or all that a filter finds',
    words: { verb: 'retry', doing: 'Sending again' },
  },
  discard: {
    name: 'discard',
    description: 'give dead letters up: one by one, or all that a filter finds',
    words: {
      verb: 'discard',
      doing: 'Discarding',
      warning: (them) => `Nobody is sent ${them} any more then.`,
    },
  },
};

type SteeringFlags = BulkFlags &
  DeliveryFlags & {
    readonly expired?: boolean;
    readonly perSecond?: number;
  };

function addSteering(dlq: Command, shell: Shell, action: Action): void {
  const { name, description } = steerings[action];
  const command = withDeliveryFilters(dlq.command(name))
    .description(description)
    .argument('[delivery...]', 'ids (msg_…); or else --all or a filter')
    .option('--per-second <n>', 'so many a second, 1 to 1000, default 50', integerArgument);
  withBulkOptions(command, { all: 'all of them' });
  if (action === 'redrive') {
    command.option(
      '--expired',
      'instead those that waited too long, such as at a disabled endpoint',
    );
  }
  command.action(
    acting(shell, async (context, ran) => {
      const flags = ran.opts<SteeringFlags>();
      const names = ran.args;
      return isBulk(flags, { names, nameable: 'deliveries', setting: 'perSecond' })
        ? steerAll(context, action, flags)
        : steerEach(context, action, names);
    }),
  );
}

async function steerEach(
  context: Context,
  action: Action,
  names: readonly string[],
): Promise<number> {
  const { webhooks } = context.client;
  for (const id of deliveryIds(names)) {
    const steered = action === 'redrive' ? webhooks.redeliver(id) : webhooks.discard(id);
    printSteered(context, await steered);
  }
  return exitCodes.ok.code;
}

function steerAll(context: Context, action: Action, flags: SteeringFlags): Promise<number> {
  const { webhooks } = context.client;
  const filter = deliveryFilter(flags, context.transport.clock.now());
  const state = flags.expired === true ? ('expired' as const) : undefined;
  const redrive: Redrive = { action, filter: { ...filter, state }, perSecond: flags.perSecond };
  return runBulk(context, flags, {
    nouns:
      state === undefined
        ? { one: 'dead letter', many: 'dead letters' }
        : { one: 'expired delivery', many: 'expired deliveries' },
    words: steerings[action].words,
    async count() {
      const answer = await webhooks.countDeadLetters(redrive);
      return { count: answer.count, more: answer.more, answer };
    },
    start: () => webhooks.redrive(redrive),
  });
}
