import type { Delivery } from '../core/delivery.ts';
import type { Endpoint } from '../core/endpoint.ts';
import { limits } from '../core/limits.ts';
import type { DeliveryStore, EndpointPage, WebhookSecret } from '../store/delivery-store.ts';
import { liveSecrets, rotatedSecrets, tenantOwner } from '../store/webhook-secrets.ts';
import { EndpointQueue } from './endpoint-queue.ts';
import { frozenCopy } from './frozen-copy.ts';
import { OrderedIds } from './ordered-ids.ts';

/** All endpoints with their waiting deliveries, and the secrets. */
export class EndpointBook {
  readonly #current: (id: string) => Delivery | undefined;
  readonly #queues = new Map<string, EndpointQueue>();
  /**
   * Removed endpoints, until their last delivery is pruned: one made again under its id owns its
   * deliveries again.
   */
  readonly #removed = new Map<string, EndpointQueue>();
  /** Endpoints with a pending delivery. */
  readonly waiting = new Set<EndpointQueue>();
  readonly #ids = new OrderedIds(this.#queues);
  /** Ids of each tenant's registered endpoints, ascending: at most limits.endpointsMax. */
  readonly #registered = new Map<string, string[]>();
  /** Endpoints of kind `request`, by tenant and url. */
  readonly #requests = new Map<string, EndpointQueue>();
  /** Secrets by owner, newest first. */
  readonly #secrets = new Map<string, readonly WebhookSecret[]>();

  /** `current` returns the present record of a delivery. */
  constructor(current: (id: string) => Delivery | undefined) {
    this.#current = current;
  }

  get(id: string): EndpointQueue | undefined {
    return this.#queues.get(id);
  }

  registered(tenant: string): Endpoint[] {
    const ids = this.#registered.get(tenant) ?? [];
    return ids.flatMap((id) => this.#queues.get(id)?.endpoint ?? []);
  }

  create(p: Parameters<DeliveryStore['createEndpoint']>[0]): 'created' | 'full' {
    const registered = this.#registered.get(p.endpoint.tenant) ?? [];
    if (registered.length >= limits.endpointsMax) return 'full';
    this.#add(p.endpoint);
    this.#registered.set(p.endpoint.tenant, [...registered, p.endpoint.id].sort());
    if (p.secret !== null) {
      this.rotate({ owner: p.endpoint.id, secret: p.secret, graceMs: 0, now: p.now });
    }
    return 'created';
  }

  /** The endpoint of kind `request` for the address of `endpoint`, made when there is none. */
  requested(endpoint: Endpoint): EndpointQueue {
    const name = requestName(endpoint);
    let queue = this.#requests.get(name) ?? this.#queues.get(endpoint.id);
    if (queue === undefined) {
      queue = this.#add(endpoint);
      this.#requests.set(name, queue);
    }
    return queue;
  }

  #add(endpoint: Endpoint): EndpointQueue {
    const { id } = endpoint;
    if (this.#queues.has(id)) throw new Error(`A second endpoint ${id}.`);
    const queue = this.#removed.get(id) ?? new EndpointQueue(endpoint, this.#current);
    queue.endpoint = frozenCopy(endpoint);
    this.#removed.delete(id);
    this.#queues.set(id, queue);
    this.#ids.add(id);
    return queue;
  }

  /** A delivery changed, was made (`before` null) or was pruned (`after` null). */
  follow(before: Delivery | null, after: Delivery | null): void {
    const id = (after ?? before)?.endpointId ?? '';
    const queue = this.#queues.get(id) ?? this.#removed.get(id);
    if (queue === undefined) return;
    queue.replaced(before, after);
    if (queue.count('pending') > 0) this.waiting.add(queue);
    else this.waiting.delete(queue);
  }

  /**
   * Removes an endpoint of kind `request`, or what is left of a removed one, once it has no
   * deliveries. Returns whether it existed.
   */
  forgetEmpty(id: string): boolean {
    if (this.#removed.get(id)?.isEmpty === true) {
      this.#removed.delete(id);
      this.#secrets.delete(id); // Rotated after it was removed.
    }
    const queue = this.#queues.get(id);
    if (queue?.endpoint.kind !== 'request' || !queue.isEmpty) return false;
    this.remove(queue);
    return true;
  }

  replace(queue: EndpointQueue, after: Endpoint): void {
    const before = queue.endpoint;
    queue.endpoint = frozenCopy(after);
    if (before.kind !== 'request' || before.url === after.url) return;
    this.#requests.delete(requestName(before));
    this.#requests.set(requestName(after), queue);
  }

  remove(queue: EndpointQueue): void {
    const { endpoint } = queue;
    const { id, tenant } = endpoint;
    this.#queues.delete(id);
    if (!queue.isEmpty) this.#removed.set(id, queue);
    this.#secrets.delete(id);
    if (endpoint.kind === 'request') this.#requests.delete(requestName(endpoint));
    const registered = this.#registered.get(tenant)?.filter((other) => other !== id);
    if (registered !== undefined) this.#registered.set(tenant, registered);
  }

  page(p: Parameters<DeliveryStore['listEndpoints']>[0]): EndpointPage {
    const { values, nextBeforeId } = this.#ids.page({
      limit: p.limit,
      scanMax: Infinity,
      before: [p.beforeId],
      find: (id) => {
        const endpoint = this.#queues.get(id)?.endpoint;
        if (endpoint?.tenant !== p.tenant) return null;
        return p.kind === undefined || endpoint.kind === p.kind ? endpoint : null;
      },
    });
    return { endpoints: values, nextBeforeId };
  }

  secrets(owner: string, now: number): WebhookSecret[] {
    return liveSecrets(this.#secrets.get(owner) ?? [], now);
  }

  rotate(p: Parameters<DeliveryStore['rotateSecret']>[0]): WebhookSecret[] {
    const secrets = rotatedSecrets(this.#secrets.get(p.owner) ?? [], p);
    this.#secrets.set(p.owner, frozenCopy(secrets));
    return secrets;
  }

  /** The secrets that sign for the endpoint, newest first. */
  signing(endpoint: Endpoint, now: number): string[] {
    const own = this.secrets(endpoint.id, now);
    const secrets = own.length > 0 ? own : this.secrets(tenantOwner(endpoint.tenant), now);
    return secrets.map(({ value }) => value);
  }
}

function requestName({ tenant, url }: Endpoint): string {
  return JSON.stringify([tenant, url]);
}
