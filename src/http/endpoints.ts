import { endpointWait } from '../core/delivery-wait.ts';
import { RaincheckError } from '../core/errors.ts';
import { isEndpointId } from '../core/id.ts';
import type {
  WireCreatedEndpoint,
  WireEndpoint,
  WireTestedEndpoint,
} from '../core/wire-webhook.ts';
import { tenant, type WebhookContext } from './context.ts';
import type { ExchangeReply, ExchangeRequest } from './exchange.ts';
import { readJsonBody } from './json-body.ts';
import { jsonReply } from './json-reply.ts';
import { pageAsked, pageReply } from './list-page.ts';
import { parseWord } from './query.ts';
import {
  endpointOrNull,
  endpointUrl,
  shownDelivery,
  wireDelivery,
  wireDeliveryAttempt,
  wireEndpoint,
} from './webhook-wire.ts';

/**
 * `POST /webhooks/endpoints`: 201 with the endpoint and its secret, which is shown only this once.
 */
export async function createEndpoint(
  context: WebhookContext,
  request: ExchangeRequest,
): Promise<ExchangeReply> {
  const body = await readJsonBody(request, context.bodyBytesMax);
  const { endpoint, secret } = await context.webhooks.createEndpoint({
    tenant,
    body: body === null ? {} : body.value,
  });
  const created: WireCreatedEndpoint = { ...wireEndpoint(context, endpoint), secret };
  const reply = jsonReply(created);
  const location = endpointUrl(context, endpoint.id);
  return { ...reply, status: 201, headers: { ...reply.headers, location } };
}

/**
 * `GET /webhooks/endpoints`: ordered by id, so registered ones come newest first. Counts are left
 * out.
 */
export async function listEndpoints(
  context: WebhookContext,
  request: ExchangeRequest,
): Promise<ExchangeReply> {
  const parameters = new URLSearchParams(request.query);
  const page = await context.webhooks.listEndpoints({
    tenant,
    kind: parseWord(parameters, 'kind', ['registered', 'request']),
    ...pageAsked(parameters, 'endpoints'),
  });
  return pageReply(context, {
    kind: 'endpoints',
    path: '/webhooks/endpoints',
    parameters,
    items: page.endpoints.map((one) => JSON.stringify(wireEndpoint(context, one))),
    nextBeforeId: page.nextBeforeId,
  });
}

/** `GET /webhooks/endpoints/{id}` */
export async function readEndpoint(context: WebhookContext, id: string): Promise<ExchangeReply> {
  requireEndpointId(id);
  return endpointReply(context, id);
}

/**
 * `PATCH /webhooks/endpoints/{id}`: replaces the given members. `enabled` holds or releases its
 * deliveries.
 */
export async function updateEndpoint(
  context: WebhookContext,
  request: ExchangeRequest,
  id: string,
): Promise<ExchangeReply> {
  requireEndpointId(id);
  const body = await readJsonBody(request, context.bodyBytesMax);
  await context.webhooks.updateEndpoint({ id, tenant, body: body === null ? {} : body.value });
  return endpointReply(context, id);
}

async function endpointReply(context: WebhookContext, id: string): Promise<ExchangeReply> {
  const { endpoint, ...counts } = await context.webhooks.readEndpoint({ id, tenant });
  const { waiting, held, dead } = counts;
  const wire: WireEndpoint = {
    ...wireEndpoint(context, endpoint),
    counts: { waiting, held, dead },
  };
  return jsonReply(wire);
}

/**
 * `POST /webhooks/endpoints/{id}/validate`: asks for consent; 200 with the endpoint as it is then,
 * whatever it answered.
 */
export async function validateEndpoint(
  context: WebhookContext,
  id: string,
): Promise<ExchangeReply> {
  requireEndpointId(id);
  await context.webhooks.validateEndpoint({ id, tenant });
  return endpointReply(context, id);
}

/** `DELETE /webhooks/endpoints/{id}`: removes it and cancels its pending deliveries. */
export async function removeEndpoint(context: WebhookContext, id: string): Promise<ExchangeReply> {
  requireEndpointId(id);
  await context.webhooks.removeEndpoint({ id, tenant });
  return { status: 204, headers: {}, body: null };
}

/**
 * `POST /webhooks/endpoints/{id}/test`: sends a test event; 200 with the attempt, successful or
 * not.
 */
export async function testEndpoint(context: WebhookContext, id: string): Promise<ExchangeReply> {
  requireEndpointId(id);
  const { delivery, attempt } = await context.webhooks.testEndpoint({ id, tenant });
  return jsonReply({
    delivery: wireDelivery(context, await shownDelivery(context, delivery)),
    attempt: attempt && wireDeliveryAttempt(attempt),
    reason: attempt === null ? await whyNotTested(context, id) : null,
  } satisfies WireTestedEndpoint);
}

async function whyNotTested({ webhooks, engine }: WebhookContext, id: string): Promise<string> {
  const endpoint = await endpointOrNull(webhooks, id);
  const reason = endpoint === null ? null : endpointWait(endpoint, engine.clock.now()).reason;
  return reason ?? 'no attempt could be made in time';
}

/** Malformed ids are refused here and never reach the store. */
export function requireEndpointId(id: string): void {
  if (isEndpointId(id)) return;
  throw new RaincheckError('endpoint_not_found', 'There is no webhook endpoint with this id here.');
}
