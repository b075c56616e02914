import {
  deliveryStates,
  webhookEvents,
  type Delivery,
  type DeliveryEvent,
} from '../core/delivery.ts';
import { deliveryWait } from '../core/delivery-wait.ts';
import { RaincheckError } from '../core/errors.ts';
import { isDeliveryId, isEndpointId, isOperationId } from '../core/id.ts';
import type { WireDelivery, WireDeliveryAttemptList } from '../core/wire-webhook.ts';
import { takeTraceparent } from '../webhooks/event-deliveries.ts';
import type { Webhooks } from '../webhooks/webhooks.ts';
import { tenant, type WebhookContext } from './context.ts';
import type { ExchangeReply, ExchangeRequest } from './exchange.ts';
import { jsonReply } from './json-reply.ts';
import { pageAsked, pageReply } from './list-page.ts';
import { invalid, parseTime, parseWord, parseWords, single } from './query.ts';
import {
  deliveryUrl,
  endpointOrNull,
  shownDeliveries,
  shownDelivery,
  wireDelivery,
  wireDeliveryAttempt,
} from './webhook-wire.ts';

/** `GET /webhooks/deliveries`: newest first, filters ANDed. */
export function listDeliveries(
  context: WebhookContext,
  request: ExchangeRequest,
): Promise<ExchangeReply> {
  const parameters = new URLSearchParams(request.query);
  const states = parseWords(parameters, 'state', deliveryStates);
  return deliveryPage(context, parameters, { path: '/webhooks/deliveries', states });
}

type Filter = Parameters<Webhooks['listDeliveries']>[0]['filter'];

/** A page for the lists of deliveries, with all filters but the state. */
export async function deliveryPage(
  context: WebhookContext,
  parameters: URLSearchParams,
  p: { readonly path: string; readonly states: Filter['states'] },
): Promise<ExchangeReply> {
  const page = await context.webhooks.listDeliveries({
    filter: { ...deliveryFilter(parameters, context.engine.clock.now()), states: p.states },
    ...pageAsked(parameters, 'deliveries'),
  });
  const shown = await shownDeliveries(context, page.deliveries);
  return pageReply(context, {
    kind: 'deliveries',
    path: p.path,
    parameters,
    items: shown.map((one) => JSON.stringify(wireDelivery(context, one))),
    nextBeforeId: page.nextBeforeId,
  });
}

const deliveryEvents: readonly DeliveryEvent[] = [...webhookEvents, 'webhook.test'];

/** The filter of a list of deliveries, without the state. */
export function deliveryFilter(parameters: URLSearchParams, now: number): Filter {
  return {
    tenant,
    endpointId: parseId(parameters, 'endpoint', isEndpointId),
    operationId: parseId(parameters, 'operation', isOperationId),
    event: parseWord(parameters, 'event', deliveryEvents),
    error: parseError(parameters),
    since: parseTime(parameters, 'since', now),
    until: parseTime(parameters, 'until', now),
  };
}

function parseId(
  parameters: URLSearchParams,
  name: string,
  isId: (text: string) => boolean,
): string | undefined {
  const text = single(parameters, name);
  if (text === null || isId(text)) return text ?? undefined;
  throw invalid(`Expected \`${name}\` to be an id.`);
}

/** Error classes are an open set, because newer senders know more of them. */
function parseError(parameters: URLSearchParams): string | undefined {
  const text = single(parameters, 'error');
  if (text === null || /^[a-z0-9_]{1,64}$/.test(text)) return text ?? undefined;
  throw invalid("Expected `error` to be an error class like 'timeout', 'dns' or 'http_500'.");
}

/** `GET /webhooks/deliveries/{id}`: the delivery with the request that it sends. */
export async function readDelivery(context: WebhookContext, id: string): Promise<ExchangeReply> {
  requireDeliveryId(id);
  const { delivery, body, headers } = await context.webhooks.readDelivery({ id, tenant });
  const endpoint = await endpointOrNull(context.webhooks, delivery.endpointId);
  const wait = deliveryWait(delivery, endpoint, context.engine.clock.now());
  const { traceparent, headers: own } = takeTraceparent(headers);
  const names = [...Object.keys(endpoint?.headers ?? {}), ...Object.keys(own)];
  const wire: WireDelivery = {
    ...wireDelivery(context, { delivery, wait }),
    request: {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'webhook-id': delivery.id,
        ...(traceparent === null ? null : { traceparent }),
      },
      header_names: [...new Set(names)],
      body,
    },
  };
  return jsonReply(wire);
}

/** `GET /webhooks/deliveries/{id}/attempts`: the latest attempts, oldest first. */
export async function listDeliveryAttempts(
  context: WebhookContext,
  id: string,
): Promise<ExchangeReply> {
  requireDeliveryId(id);
  const attempts = await context.webhooks.listAttempts({ id, tenant });
  return jsonReply({
    attempts: attempts.map(wireDeliveryAttempt),
  } satisfies WireDeliveryAttemptList);
}

/**
 * `POST /webhooks/deliveries/{id}/redeliver`: 202; the delivery is sent again as soon as its
 * endpoint allows.
 */
export async function redeliver(context: WebhookContext, id: string): Promise<ExchangeReply> {
  requireDeliveryId(id);
  const delivery = await context.webhooks.redeliver({ id, tenant });
  const reply = await deliveryReply(context, delivery);
  const location = deliveryUrl(context, id);
  return { ...reply, status: 202, headers: { ...reply.headers, location } };
}

/** `POST /webhooks/deliveries/{id}/discard`: 200 with the delivery, cancelled. */
export async function discardDelivery(context: WebhookContext, id: string): Promise<ExchangeReply> {
  requireDeliveryId(id);
  return deliveryReply(context, await context.webhooks.discard({ id, tenant }));
}

async function deliveryReply(context: WebhookContext, delivery: Delivery): Promise<ExchangeReply> {
  return jsonReply(wireDelivery(context, await shownDelivery(context, delivery)));
}

/** Malformed ids are refused here and never reach the store. */
function requireDeliveryId(id: string): void {
  if (isDeliveryId(id)) return;
  throw new RaincheckError('delivery_not_found', 'There is no delivery with this id here.');
}
