import type { Delivery, DeliveryAttempt, WebhookTarget } from '../core/delivery.ts';
import { deliveryWait, endpointWait, needsEndpoint, type Wait } from '../core/delivery-wait.ts';
import { healthyInFlight } from '../core/endpoint-health.ts';
import type { Endpoint } from '../core/endpoint.ts';
import { RaincheckError } from '../core/errors.ts';
import type { WireOperationWebhook } from '../core/wire-operation.ts';
import type { WireDelivery, WireDeliveryAttempt, WireEndpoint } from '../core/wire-webhook.ts';
import type { Webhooks } from '../webhooks/webhooks.ts';
import { tenant, type HttpContext, type WebhookContext } from './context.ts';
import { iso, isoOrNull } from './iso.ts';

/** Webhooks in their wire form. It never contains signing secrets or values of headers. */

/** A delivery with the reason that it waits, which may lie with its endpoint. */
export type ShownDelivery = { readonly delivery: Delivery; readonly wait: Wait };

/**
 * The deliveries with the reasons that they wait, in order. Each endpoint is read at most once, and
 * only where it can be the reason; a page of finished deliveries reads none.
 */
export async function shownDeliveries(
  context: WebhookContext,
  deliveries: readonly Delivery[],
): Promise<ShownDelivery[]> {
  const now = context.engine.clock.now();
  const asked = deliveries.filter(needsEndpoint).map((one) => one.endpointId);
  const ids = [...new Set(asked)];
  const endpoints = await Promise.all(ids.map((id) => endpointOrNull(context.webhooks, id)));
  const byId = new Map(ids.map((id, i) => [id, endpoints[i] ?? null]));
  return deliveries.map((delivery) => {
    const endpoint = byId.get(delivery.endpointId) ?? null;
    return { delivery, wait: deliveryWait(delivery, endpoint, now) };
  });
}

export async function shownDelivery(
  { webhooks, engine }: WebhookContext,
  delivery: Delivery,
): Promise<ShownDelivery> {
  const now = engine.clock.now();
  const isAsked = needsEndpoint(delivery);
  const endpoint = isAsked ? await endpointOrNull(webhooks, delivery.endpointId) : null;
  return { delivery, wait: deliveryWait(delivery, endpoint, now) };
}

/** null: the endpoint was removed. */
export async function endpointOrNull(webhooks: Webhooks, id: string): Promise<Endpoint | null> {
  try {
    return (await webhooks.readEndpoint({ id, tenant })).endpoint;
  } catch (error) {
    if (error instanceof RaincheckError && error.code === 'endpoint_not_found') return null;
    throw error;
  }
}

/**
 * The delivery of the end of an operation to the address named by its request; null: there is none.
 */
export async function operationDelivery(
  context: HttpContext,
  operationId: string,
): Promise<ShownDelivery | null> {
  const { webhooks } = context;
  if (webhooks === null) return null;
  const delivery = await webhooks.readOperationDelivery({ operationId });
  return delivery === null ? null : shownDelivery({ ...context, webhooks }, delivery);
}

/** `delivery` null: there is none (yet). */
export function wireOperationWebhook(
  context: HttpContext,
  target: WebhookTarget,
  p: { readonly final: boolean; readonly delivery: ShownDelivery | null },
): WireOperationWebhook {
  const { delivery = null, wait = null } = p.delivery ?? {};
  return {
    url: withoutQuery(target.url),
    events: target.events,
    state: delivery?.state ?? (p.final ? 'none' : 'waiting'),
    delivery_id: delivery?.id ?? null,
    attempts: delivery?.attempts ?? 0,
    last_status: delivery?.lastStatus ?? null,
    last_error: delivery?.lastError ?? null,
    next_attempt_at: isoOrNull(wait?.at ?? null),
    next_attempt_reason: wait?.reason ?? null,
    delivery_url: delivery === null ? null : deliveryUrl(context, delivery.id),
  };
}

/** Receivers put their own secrets into queries. */
function withoutQuery(url: string): string {
  return url.split(/[?#]/, 1)[0] ?? '';
}

export function deliveryUrl(context: HttpContext, id: string): string {
  return `${context.basePath}/webhooks/deliveries/${id}`;
}

export function endpointUrl(context: HttpContext, id: string): string {
  return `${context.basePath}/webhooks/endpoints/${id}`;
}

export function wireDelivery(
  context: HttpContext,
  { delivery, wait }: ShownDelivery,
): WireDelivery {
  const url = deliveryUrl(context, delivery.id);
  const { operationId } = delivery;
  return {
    id: delivery.id,
    event: delivery.event,
    state: delivery.state,
    operation_id: operationId,
    endpoint_id: delivery.endpointId,
    url: withoutQuery(delivery.url),
    created_at: iso(delivery.createdAt),
    attempts: delivery.attempts,
    failures: delivery.failures,
    failures_max: delivery.failuresMax,
    last_status: delivery.lastStatus,
    last_error: delivery.lastError,
    next_attempt_at: isoOrNull(wait.at),
    next_attempt_reason: wait.reason,
    trigger: delivery.trigger,
    expires_at: iso(delivery.expiresAt),
    finished_at: isoOrNull(delivery.finishedAt),
    kept_until: isoOrNull(delivery.removeAt),
    delivery_url: url,
    attempts_url: `${url}/attempts`,
    operation_url: operationId === null ? null : `${context.basePath}/operations/${operationId}`,
  };
}

export function wireDeliveryAttempt(attempt: DeliveryAttempt): WireDeliveryAttempt {
  const { answer, error } = attempt;
  // The reason and even the time of a blocked attempt would reveal the network behind us.
  const isBlocked = error === 'blocked_address';
  const timings = isBlocked ? null : attempt.timings;
  return {
    number: attempt.number,
    trigger: attempt.trigger,
    started_at: iso(attempt.startedAt),
    ended_at: isoOrNull(attempt.endedAt),
    outcome: attempt.outcome,
    status: answer?.status ?? null,
    error,
    detail: isBlocked ? null : attempt.detail,
    timings: timings && {
      dns_ms: timings.dnsMs,
      connect_ms: timings.connectMs,
      tls_ms: timings.tlsMs,
      first_byte_ms: timings.firstByteMs,
      total_ms: timings.totalMs,
    },
    answer: answer && { headers: answer.headers, excerpt: answer.excerpt },
    next_attempt_at: isoOrNull(attempt.nextAt),
    next_attempt_reason: attempt.nextReason,
  };
}

export function wireEndpoint(context: HttpContext, endpoint: Endpoint): WireEndpoint {
  const { disabled, handshake, health } = endpoint;
  const wait = endpointWait(endpoint, context.engine.clock.now());
  return {
    id: endpoint.id,
    kind: endpoint.kind,
    url: endpoint.url,
    events: endpoint.events,
    tasks: endpoint.tasks,
    header_names: Object.keys(endpoint.headers),
    description: endpoint.description,
    enabled: disabled === null,
    disabled_reason: disabled?.reason ?? null,
    disabled_at: isoOrNull(disabled?.at ?? null),
    created_at: iso(endpoint.createdAt),
    handshake: handshake && {
      state: handshake.state,
      asked_at: isoOrNull(handshake.askedAt),
      detail: handshake.detail,
      per_minute: handshake.perMinute,
    },
    health: {
      circuit: health.circuit,
      failures: health.failures,
      in_flight_max: health.inFlightMax < healthyInFlight ? health.inFlightMax : null,
      failing_since: isoOrNull(health.failingSince),
      last_success_at: isoOrNull(health.lastSuccessAt),
      last_failure_at: isoOrNull(health.lastFailureAt),
    },
    next_attempt_at: isoOrNull(wait.at),
    next_attempt_reason: wait.reason,
    endpoint_url: endpointUrl(context, endpoint.id),
    deliveries_url: `${context.basePath}/webhooks/deliveries?endpoint=${endpoint.id}`,
  };
}
