import assert from 'node:assert/strict';
import {
  webhookEvents,
  type AttemptResult,
  type DeliveryEvent,
  type DeliveryState,
  type WebhookTarget,
} from '../core/delivery.ts';
import type { Endpoint } from '../core/endpoint.ts';
import { newHealth } from '../core/endpoint-health.ts';
import { deliveryId, endpointId } from '../core/id.ts';
import { limits } from '../core/limits.ts';
import { isFinal } from '../core/operation.ts';
import type {
  EndpointChange,
  ClaimDeliveriesOutcome,
  DeliveryFilter,
  DeliverySettlement,
  EndpointWithCounts,
  NewDelivery,
  Outbox,
} from '../store/delivery-store.ts';
import type { Store } from '../store/store.ts';
import { tenantOwner } from '../store/webhook-secrets.ts';
import { allDeliveries, delivered, failed } from './webhook-bench.ts';

/** The random commands about webhooks, as data like those of store-command-plans.ts. */
export type WebhookCommand =
  | {
      readonly type: 'create endpoint';
      readonly tenant: number;
      readonly address: number;
      readonly event: DeliveryEvent | null;
      readonly secret: boolean;
    }
  | {
      readonly type: 'change endpoint';
      readonly endpoint: number;
      readonly enabled: boolean | null;
      readonly address: number | null;
      readonly description: string | null;
      readonly handshake: HandshakePlan;
    }
  | { readonly type: 'remove endpoint'; readonly endpoint: number }
  | { readonly type: 'deliver'; readonly deliveries: readonly DeliverPlan[] }
  | ({ readonly type: 'claim deliveries' } & DeliveryClaimPlan)
  | { readonly type: 'settle deliveries'; readonly ends: readonly DeliveryEndPlan[] }
  | { readonly type: 'sweep deliveries'; readonly workerDead: boolean }
  | {
      readonly type: 'redeliver' | 'discard';
      readonly deliveries: readonly number[];
    }
  | { readonly type: 'rotate'; readonly owner: number; readonly graceMs: number }
  | {
      readonly type: 'list deliveries';
      readonly filter: DeliveryFilterPlan;
      readonly limit: number;
    };

export type HandshakePlan = 'as it is' | 'asked' | 'off' | 'given' | 'slow' | 'refused';

export type DeliverPlan = {
  /** An endpoint that exists or existed, or the address of a request. */
  readonly to: number | 'request';
  readonly address: number;
  readonly event: DeliveryEvent;
  /** The operation that the delivery is about. */
  readonly about: number | null;
  readonly failuresMax: number;
  readonly ttlMs: number;
  readonly again: boolean;
};
export type DeliveryClaimPlan = {
  readonly limit: number;
  readonly endpointInFlightMax: number;
  readonly originInFlightMax: number;
};
export type DeliveryEndPlan = {
  readonly lease: number;
  readonly how: 'delivered' | 'failed' | 'mild' | 'wait' | 'gone' | 'abort' | 'no more';
  readonly nextMs: number | null;
};
export type DeliveryFilterPlan = {
  readonly tenant: number | null;
  readonly states: readonly DeliveryState[] | null;
  readonly endpoint: number | null;
  readonly event: DeliveryEvent | null;
  readonly error: string | null;
};

export type KnownEndpoint = Pick<Endpoint, 'id' | 'tenant' | 'kind'>;

/** State of a run: all webhook records that ever existed, stale or not. */
export type WebhookState = {
  deliveries: string[];
  endpoints: KnownEndpoint[];
  deliveryLeases: { id: string; token: string }[];
};

type RunState = WebhookState & { readonly now: number; readonly ids: readonly string[] } & {
  made: number;
};

/** One call to one of the two stores. `newToken` gives both stores the same tokens. */
type Call = (store: Store, newToken: () => string) => Promise<unknown>;

/** All endpoints of these tenants, with their counts. */
export async function allEndpoints(store: Store): Promise<EndpointWithCounts[]> {
  const endpoints: EndpointWithCounts[] = [];
  for (const tenant of tenants) {
    const page = await store.listEndpoints({ tenant, limit: 1000, beforeId: null });
    for (const { id } of page.endpoints) {
      const read = await store.readEndpoint({ id });
      assert.ok(read, `${id} is listed and missing`);
      endpoints.push(read);
    }
  }
  return endpoints;
}

export const deliveryLeaseMs = 10_000;
export const tenants = ['', 'b'] as const;
/** Two paths of one origin, and one of another. */
const addresses = ['https://a.example/1', 'https://a.example/2', 'https://b.example/1'] as const;

export function webhookCall(command: WebhookCommand, s: RunState): Call {
  const { now } = s;
  switch (command.type) {
    case 'create endpoint': {
      const endpoint = newEndpoint(command, s);
      const secret = command.secret ? `whsec_${s.made}` : null;
      return (store) => store.createEndpoint({ endpoint, secret, now });
    }
    case 'change endpoint': {
      const { kind, ...key } = endpointOf(command.endpoint, s);
      // An endpoint of kind `request` is found by its address, so that does not change.
      const address = kind === 'request' ? null : command.address;
      const change = {
        enabled: command.enabled ?? undefined,
        url: address === null ? undefined : addressOf(address),
        description: command.description ?? undefined,
        handshake: handshakeOf(command.handshake, { address: command.endpoint % 3, now }),
      };
      return (store) => store.updateEndpoint({ ...key, change, now });
    }
    case 'remove endpoint': {
      const { id, tenant } = endpointOf(command.endpoint, s);
      return (store) => store.removeEndpoint({ id, tenant, now });
    }
    case 'deliver': {
      const deliveries = command.deliveries.map((plan) => deliveryOf(plan, s));
      return (store) => store.createDeliveries({ deliveries, now });
    }
    case 'claim deliveries':
      return deliveryClaimCall(command, s);
    case 'settle deliveries': {
      const settlements = command.ends.map((end) => settlementOf(end, s));
      return (store) => store.settleDeliveries({ settlements, now });
    }
    case 'sweep deliveries': {
      const p = { now, limit: 1000, workerDead: command.workerDead };
      return async (store) => {
        const { changed, more } = await store.sweepDeliveries(p);
        return { more, changed: changed.toSorted((a, b) => (a.id < b.id ? -1 : 1)) };
      };
    }
    case 'redeliver':
    case 'discard': {
      const ids = command.deliveries.map((n) => newest(s.deliveries, n) ?? 'msg_never');
      const trigger = ids.length > 1 ? 'redrive' : 'manual';
      return command.type === 'discard'
        ? (store) => store.discardDeliveries({ ids, inBulk: ids.length > 1, now })
        : (store) => store.redeliver({ ids, trigger, now });
    }
    case 'rotate': {
      s.made += 1;
      const secret = `whsec_${s.made}`;
      const owner = ownerOf(command.owner, s);
      return (store) => store.rotateSecret({ owner, secret, graceMs: command.graceMs, now });
    }
    case 'list deliveries': {
      const filter = filterOf(command.filter, s);
      return async (store) => ({
        count: await store.countDeliveries({ filter }),
        deliveries: await allDeliveries(store, { filter, limit: command.limit }),
      });
    }
  }
}

export function deliveryClaimCall(p: DeliveryClaimPlan, { now }: RunState): Call {
  const { limit, endpointInFlightMax, originInFlightMax } = p;
  return (store, newToken) =>
    store.claimDeliveries({
      worker: `w-${limit}`,
      newToken,
      leaseMs: deliveryLeaseMs,
      limit,
      endpointInFlightMax,
      originInFlightMax,
      now,
    });
}

/**
 * Makes the same deliveries for the same operation, whoever asks and how often: to every registered
 * endpoint that wants the event, and to the address of its request.
 */
export function outboxOf(s: RunState): Outbox {
  const { now, ids } = s;
  return (operation, registered) => {
    if (!isFinal(operation.state)) throw new Error(`Asked about ${operation.state}.`);
    const event = operation.state === 'completed' ? 'operation.completed' : 'operation.failed';
    const index = ids.indexOf(operation.id);
    const wanted = registered.filter(({ events }) => events.includes(event));
    const address = addresses.findIndex((url) => operation.webhook?.url.startsWith(url));
    // The same id for one address, because each store may choose which of two operations a sweep
    // ends first.
    const p = { now, tenant: '', made: 2_000_000 + address };
    const requested = address < 0 ? [] : [requestEndpoint(address, p)];
    return [...wanted, ...requested].map((to, i) => ({
      id: deliveryId(now, scattered(1_000_000 + index * 100 + i)),
      tenant: operation.tenant,
      endpointId: to.id,
      endpoint: to.kind === 'request' ? to : null,
      operationId: operation.id,
      event,
      url: `${to.url}?index=${index}`,
      headers: {},
      secret: null,
      body: JSON.stringify({ id: operation.id, code: operation.error?.code }),
      failuresMax: 3,
      expiresAt: now + 100_000,
    }));
  };
}

export function targetOf(address: number, made: number): WebhookTarget {
  return {
    url: `${addressOf(address).url}?made=${made}`,
    events: address === 2 ? webhookEvents : ['operation.completed', 'operation.failed'],
    headers: { 'x-made': `ü ${made}` },
    secret: address === 1 ? `whsec_${made}` : null,
  };
}

/** Remembers what later commands can refer to. */
export function rememberClaimed(outcome: unknown, s: WebhookState): void {
  const { claimed } = (outcome ?? {}) as Partial<ClaimDeliveriesOutcome>;
  for (const { delivery } of claimed ?? []) {
    if (delivery?.lease) s.deliveryLeases.push({ id: delivery.id, token: delivery.lease.token });
  }
}

export function ownersOf({ endpoints }: WebhookState): string[] {
  return [...tenants.map(tenantOwner), ...endpoints.map(({ id }) => id)];
}

/** An answer that comes from an address the endpoint may have. */
function handshakeOf(
  plan: HandshakePlan,
  { address, now: askedAt }: { readonly address: number; readonly now: number },
): EndpointChange['handshake'] {
  const { url } = addressOf(address);
  switch (plan) {
    case 'as it is':
      return undefined;
    case 'asked':
      return 'asked';
    case 'off':
      return null;
    case 'given':
      return { url, consents: true, askedAt, detail: null, perMinute: null };
    case 'slow':
      return { url, consents: true, askedAt, detail: null, perMinute: 10_000 };
    case 'refused':
      return { url, consents: false, askedAt, detail: 'ü', perMinute: null };
  }
}

function newEndpoint(
  p: WebhookCommand & { readonly type: 'create endpoint' },
  s: RunState,
): Endpoint {
  s.made += 1;
  const events = ['operation.completed', 'operation.failed'] as const;
  const wanted = p.event === null ? events : events.filter((event) => event === p.event);
  return {
    ...requestEndpoint(p.address, { now: s.now, tenant: tenantOf(p.tenant), made: s.made }),
    kind: 'registered',
    events: wanted,
    headers: { 'x-made': `${s.made}` },
  };
}

/** With a new id each time, because the endpoint is found by its address. */
function requestEndpoint(
  address: number,
  p: { readonly now: number; readonly tenant: string; readonly made: number },
): Endpoint {
  return {
    id: endpointId(p.now, scattered(p.made)),
    tenant: p.tenant,
    kind: 'request',
    ...addressOf(address),
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

/** Sometimes with another tenant, which must not find the endpoint. */
function endpointOf(n: number, { endpoints }: WebhookState): KnownEndpoint {
  const known = newest(endpoints, n) ?? { id: 'ep_never', tenant: '', kind: 'registered' };
  return n === 6 ? { ...known, tenant: 'nobody' } : known;
}

function deliveryOf(p: DeliverPlan, s: RunState): NewDelivery {
  s.made += 1;
  const { now, made } = s;
  const again = p.again ? s.deliveries.at(-1) : undefined;
  const tenant = p.event === 'webhook.test' ? tenantOf(p.address) : '';
  const endpoint = p.to === 'request' ? requestEndpoint(p.address, { now, tenant, made }) : null;
  const { url } = addressOf(p.address);
  return {
    id: again ?? deliveryId(now, scattered(made)),
    tenant,
    endpointId: endpoint?.id ?? endpointOf(Number(p.to), s).id,
    endpoint,
    operationId: p.about === null ? null : (newest(s.ids, p.about) ?? 'op_never'),
    event: p.event,
    url: `${url}?made=${made}`,
    headers: { 'x-made': `${made} ü` },
    secret: made % 3 === 0 ? `whsec_${made}` : null,
    body: JSON.stringify({ made, text: 'ü' }),
    failuresMax: p.failuresMax,
    expiresAt: now + p.ttlMs,
  };
}

function settlementOf({ lease, how, nextMs }: DeliveryEndPlan, s: RunState): DeliverySettlement {
  const held = newest(s.deliveryLeases, lease) ?? { id: 'msg_never', token: 'never' };
  const next = nextMs === null ? null : { at: s.now + nextMs, reason: `step ${nextMs}` };
  return { ...held, result: resultOf(how, s.now), next };
}

function resultOf(how: DeliveryEndPlan['how'], now: number): AttemptResult {
  switch (how) {
    case 'delivered':
      return delivered();
    case 'failed':
      return failed({ answer: null, error: 'timeout', timings: null });
    case 'mild':
      return failed({ error: 'http_404', endpointFault: false });
    case 'wait':
      return failed({ error: 'http_429', retryAfterAt: now + 5_000 });
    case 'gone':
      return failed({ error: 'http_410', endpointFault: false, disable: 'gone' });
    case 'abort':
      return failed({ abort: true });
    case 'no more':
      return delivered({ disable: 'requested' });
  }
}

function filterOf(p: DeliveryFilterPlan, s: RunState): DeliveryFilter {
  return {
    tenant: p.tenant === null ? undefined : tenantOf(p.tenant),
    states: p.states ?? undefined,
    endpointId: p.endpoint === null ? undefined : endpointOf(p.endpoint, s).id,
    event: p.event ?? undefined,
    error: p.error ?? undefined,
    since: p.tenant === 1 ? s.now - 1_000 : undefined,
  };
}

function ownerOf(n: number, s: WebhookState): string {
  const owners = ownersOf(s);
  return owners[n % owners.length] ?? '';
}

function tenantOf(n: number): string {
  return tenants[n % tenants.length] ?? '';
}

function addressOf(n: number): { readonly url: string; readonly origin: string } {
  const url = addresses[n % addresses.length] ?? addresses[0];
  return { url, origin: new URL(url).origin };
}

/** 0 is the newest item, so that small numbers, which shrinking prefers, mean recent ones. */
export function newest<Item>(items: readonly Item[], n: number): Item | undefined {
  return items[items.length - 1 - (n % Math.max(1, items.length))];
}

/** Ids of one millisecond sort at random, as real ones do, but the same in every run. */
export function scattered(n: number): Uint8Array {
  const bytes = new Uint8Array(10);
  new DataView(bytes.buffer).setUint32(0, Math.imul(n, 2_654_435_761));
  new DataView(bytes.buffer).setUint32(6, n);
  return bytes;
}

/** Ages at which deliveries are removed. */
export const deliveryAgesMs = [limits.deliveryMs, limits.deadLetterMs] as const;
