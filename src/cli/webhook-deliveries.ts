import { InvalidArgumentError, type Command } from 'commander';
import { deliveryStates, type DeliveryState } from '../core/delivery.ts';
import { isDeliveryId, isEndpointId } from '../core/id.ts';
import { suggestion } from '../core/suggest.ts';
import type { WireDelivery } from '../core/wire-webhook.ts';
import { acting, integerArgument, type Context, type Shell } from './context.ts';
import { deliveryFilter, withDeliveryFilters, type DeliveryFlags } from './delivery-filters.ts';
import {
  ageText,
  briefly,
  deliveryStateText,
  eventName,
  lastText,
  nextText,
  shortUrl,
  showDelivery,
} from './webhook-text.ts';
import { showEndpoint } from './endpoint-text.ts';
import { exitCodes, UsageError } from './exit-codes.ts';
import { paged, printListing, type Listing } from './listing.ts';

/** The commands of `raincheck webhooks` that are about deliveries. */
export function addDeliveryCommands(webhooks: Command, shell: Shell): void {
  withDeliveryFilters(webhooks.command('deliveries'))
    .description('list deliveries, newest first')
    .option('--state <state>', 'only these; several by commas', statesArgument)
    .option('-n, --limit <n>', 'at most so many', integerArgument, 20)
    .addHelpText('after', pipeHelp)
    .action(
      acting(shell, async (context, command) => {
        const flags = command.opts<DeliveryFlags & { state?: DeliveryState[]; limit: number }>();
        const filter = deliveryFilter(flags, context.transport.clock.now());
        const found = paged(flags.limit, async (part) => {
          const { state } = flags;
          const page = await context.client.webhooks.deliveries({ ...filter, state, ...part });
          return { items: page.deliveries, next: page.next_cursor };
        });
        await printListing(context, found, deliveryListing);
        return exitCodes.ok.code;
      }),
    );
  webhooks
    .command('show')
    .description('show an endpoint with its health, or a delivery with its attempts')
    .argument('<id>', 'of an endpoint (ep_…) or a delivery (msg_…)')
    .action(
      acting(shell, async (context, command) => {
        const [id = ''] = command.args;
        if (isDeliveryId(id)) await showDelivery(context, id);
        else if (isEndpointId(id)) await showEndpoint(context, id);
        else throw noSuchId(id, 'the id of an endpoint (ep_…) or of a delivery (msg_…)');
        return exitCodes.ok.code;
      }),
    );
  webhooks
    .command('resend')
    .description('send deliveries again, whatever became of them, with the same ids')
    .argument('<delivery...>', 'ids (msg_…)')
    .action(
      acting(shell, async (context, command) => {
        for (const id of deliveryIds(command.args)) {
          printSteered(context, await context.client.webhooks.redeliver(id));
        }
        return exitCodes.ok.code;
      }),
    );
}

const pipeHelp = `
In a pipe: one delivery a line, tab-separated: id, event, state, attempts, created, last outcome,
next attempt and why, address, operation.`;

const deliveryListing: Listing<WireDelivery> = {
  cells: (one) => [
    one.id,
    one.event,
    one.state,
    String(one.attempts),
    one.created_at,
    lastText(one),
    [one.next_attempt_at, one.next_attempt_reason].filter((part) => part !== null).join(' '),
    one.url,
    one.operation_id ?? '',
  ],
  columns: [
    { title: 'ID' },
    { title: 'EVENT' },
    { title: 'STATE' },
    { title: 'AGE' },
    { title: 'NEXT' },
    { title: 'LAST' },
    { title: 'OPERATION', from: 150 },
    { title: 'URL', from: 110 },
  ],
  row: (one, now) => [
    one.id,
    eventName(one.event),
    one.state,
    briefly(ageText(one.created_at, now)),
    briefly(nextText(one, now)),
    lastText(one),
    one.operation_id ?? '',
    shortUrl(one.url),
  ],
  none: 'No deliveries.',
};

/** How `dlq list` shows dead letters: none of them has a next attempt. */
export const deadLetterListing: Listing<WireDelivery> = {
  cells: deliveryListing.cells,
  columns: [
    { title: 'ID' },
    { title: 'EVENT' },
    { title: 'TRIES', align: 'right' },
    { title: 'AGE' },
    { title: 'ERROR' },
    { title: 'URL' },
  ],
  row: (one, now) => [
    one.id,
    eventName(one.event),
    String(one.attempts),
    briefly(ageText(one.created_at, now)),
    lastText(one),
    shortUrl(one.url),
  ],
  none: 'No dead letters.',
};

/** Tells what a resend, a retry or a discard has made of the delivery. */
export function printSteered({ output, transport }: Context, delivery: WireDelivery): void {
  output.done(`${delivery.id} ${deliveryStateText(delivery, transport.serverNow())}`, delivery);
}

export function deliveryIds(words: readonly string[]): readonly string[] {
  const wrong = words.find((word) => !isDeliveryId(word));
  if (wrong !== undefined) throw noSuchId(wrong, 'a delivery id (msg_ and 26 letters and digits)');
  return words;
}

export function noSuchId(text: string, what: string): UsageError {
  return new UsageError(`'${text}' is not ${what}.`);
}

function statesArgument(text: string): readonly DeliveryState[] {
  return text.split(',').map((word) => {
    const state = deliveryStates.find((one) => one === word);
    if (state !== undefined) return state;
    const meant = suggestion(word, deliveryStates);
    throw new InvalidArgumentError(
      meant === null
        ? `Expected some of ${deliveryStates.join(', ')}.`
        : `There is no state '${word}'. Did you mean ${meant}?`,
    );
  });
}
