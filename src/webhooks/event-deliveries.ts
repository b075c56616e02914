import { isFinalEvent, type WebhookEvent, type WebhookTarget } from '../core/delivery.ts';
import { newHealth } from '../core/endpoint-health.ts';
import type { Endpoint } from '../core/endpoint.ts';
import { limits } from '../core/limits.ts';
import type { Operation } from '../core/operation.ts';
import { isOwnTask } from '../engine/own-tasks.ts';
import type { NewDelivery } from '../store/delivery-store.ts';
import type { IdMaker } from '../engine/id-maker.ts';
import { requestEndpointId } from './request-endpoint-id.ts';
import { eventBody, happenedAt, type Describe } from './event-body.ts';

/**
 * Carries the trace context of the operation among the headers of a delivery (see takeTraceparent).
 */
const traceHeader = 'traceparent';

type EventDeliveriesParts = {
  readonly ids: IdMaker;
  readonly describe: Describe;
  /** Attempts of a final event, including the first. */
  readonly failuresMax: number;
};

const none: readonly NewDelivery[] = [];

/**
 * Makes the deliveries of an event, one for each endpoint that asked for it, all with the same
 * body.
 */
export class EventDeliveries {
  readonly #p: EventDeliveriesParts;

  constructor(p: EventDeliveriesParts) {
    this.#p = p;
  }

  /**
   * `registered` are endpoints of the operation's tenant. Must not throw: a store calls it in its
   * commit.
   */
  of(
    event: WebhookEvent,
    operation: Operation,
    registered: readonly Endpoint[],
  ): readonly NewDelivery[] {
    const { webhook } = operation;
    const isTold = webhook !== null && webhook.events.includes(event);
    // Most operations end this way: nobody asked for the event.
    if (!isTold && registered.length === 0) return none;
    const subscribers = registered.filter((endpoint) =>
      this.isSubscribed(endpoint, event, operation),
    );
    if (!isTold && subscribers.length === 0) return none;
    const common = this.#common(event, operation);
    const deliveries = subscribers.map((endpoint) => this.#toRegistered(endpoint, common));
    const own = isTold ? this.#toRequested(webhook, common) : null;
    return own === null ? deliveries : [own, ...deliveries];
  }

  isSubscribed(endpoint: Endpoint, event: WebhookEvent, { task }: Operation): boolean {
    if (!endpoint.events.includes(event)) return false;
    // Endpoints get events of Raincheck's own tasks only when they name these tasks.
    return endpoint.tasks === null ? !isOwnTask(task) : endpoint.tasks.includes(task);
  }

  #common(event: WebhookEvent, operation: Operation): Common {
    const at = happenedAt(event, operation);
    const isFinal = isFinalEvent(event);
    const { id: operationId, tenant, traceparent } = operation;
    return {
      at,
      tenant,
      operationId,
      event,
      traceHeaders: traceparent === null ? {} : { [traceHeader]: traceparent },
      body: eventBody(event, operation, this.#p.describe(operation)),
      // An event that is not final is never retried, because it is soon out of date.
      failuresMax: isFinal ? this.#p.failuresMax : 1,
      expiresAt: at + (isFinal ? limits.deliveryTtlMs : limits.progressEventTtlMs),
    };
  }

  #toRegistered(endpoint: Endpoint, common: Common): NewDelivery {
    const { at, traceHeaders, ...rest } = common;
    return {
      ...rest,
      id: this.#p.ids.next(at),
      endpointId: endpoint.id,
      endpoint: null,
      url: endpoint.url,
      headers: traceHeaders,
      secret: null,
    };
  }

  /** null: the address cannot be parsed, which the check at accept rules out. */
  #toRequested(webhook: WebhookTarget, common: Common): NewDelivery | null {
    const { at, traceHeaders, ...rest } = common;
    const endpoint = requestEndpoint({ url: webhook.url, tenant: common.tenant, now: at });
    if (endpoint === null) return null;
    return {
      ...rest,
      id: this.#p.ids.next(at),
      endpointId: endpoint.id,
      endpoint,
      url: webhook.url,
      headers: { ...webhook.headers, ...traceHeaders },
      secret: webhook.secret,
    };
  }
}

type Common = Pick<
  NewDelivery,
  'tenant' | 'operationId' | 'event' | 'body' | 'failuresMax' | 'expiresAt'
> & { readonly at: number; readonly traceHeaders: Readonly<Record<string, string>> };

/** The endpoint that stands for the address that a request names; null: it is no address. */
export function requestEndpoint(p: {
  readonly url: string;
  readonly tenant: string;
  readonly now: number;
}): Endpoint | null {
  const parsed = URL.parse(p.url);
  if (parsed === null) return null;
  const { origin, pathname: path } = parsed;
  return {
    id: requestEndpointId({ tenant: p.tenant, origin, path }),
    tenant: p.tenant,
    kind: 'request',
    url: origin + path,
    origin,
    events: [],
    tasks: null,
    headers: {},
    description: null,
    handshake: null,
    disabled: null,
    health: newHealth,
    version: 1,
    createdAt: p.now,
  };
}

/** Separates the trace context of a delivery from its other headers. */
export function takeTraceparent(headers: Readonly<Record<string, string>>): {
  readonly traceparent: string | null;
  readonly headers: Readonly<Record<string, string>>;
} {
  if (headers[traceHeader] === undefined) return { traceparent: null, headers };
  const { [traceHeader]: traceparent, ...rest } = headers;
  return { traceparent, headers: rest };
}
