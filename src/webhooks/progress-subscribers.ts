import type { Clock } from '../core/clock.ts';
import { isFinalEvent } from '../core/delivery.ts';
import type { Endpoint } from '../core/endpoint.ts';
import { limits } from '../core/limits.ts';
import type { Outage } from '../engine/outage.ts';
import type { Store } from '../store/store.ts';

/**
 * How soon changes made by other processes are seen; changes made by this process are seen at once.
 */
const freshMs = 10_000;
/** Most tenants remembered; beyond that all are read anew. */
const tenantsMax = 1_000;

type ProgressSubscribersParts = {
  readonly store: Pick<Store, 'listEndpoints'>;
  readonly clock: Clock;
  readonly outage: Outage;
};

/**
 * One read under way. A change of the tenant's endpoints forgets it, and the next load is a new
 * object.
 */
type Loading = { readonly endpoints: Promise<readonly Endpoint[]> };
type Known = { readonly endpoints: readonly Endpoint[]; readonly freshUntil: number };

/**
 * The registered endpoints that ask for events of operations that have not ended. Few endpoints do,
 * but every start of an attempt needs to know; so they are kept in memory, and a look-up costs one
 * look into a map. Final events do not use this: the store itself hands their endpoints to the
 * outbox.
 */
export class ProgressSubscribers {
  readonly #p: ProgressSubscribersParts;
  readonly #known = new Map<string, Known>();
  readonly #loading = new Map<string, Loading>();

  constructor(p: ProgressSubscribersParts) {
    this.#p = p;
  }

  /**
   * null: not known yet, see load(). A stale answer is returned all the same, and read anew
   * meanwhile.
   */
  of(tenant: string): readonly Endpoint[] | null {
    const known = this.#known.get(tenant);
    if (known === undefined) return null;
    if (this.#p.clock.now() >= known.freshUntil) void this.load(tenant);
    return known.endpoints;
  }

  /**
   * Reads the endpoints, once for all callers at the same time. Never rejects: when the store
   * fails, it resolves with those known before, or with none.
   */
  load(tenant: string): Promise<readonly Endpoint[]> {
    const loading = this.#loading.get(tenant);
    if (loading !== undefined) return loading.endpoints;
    const started: Loading = {
      endpoints: this.#load(tenant, () => this.#loading.get(tenant) !== started),
    };
    this.#loading.set(tenant, started);
    return started.endpoints;
  }

  /** An endpoint of the tenant was created, changed or removed by this process. */
  changed(tenant: string): void {
    this.#known.delete(tenant);
    this.#loading.delete(tenant);
  }

  /** `isStale`: tells whether an endpoint of the tenant changed since this load began. */
  async #load(tenant: string, isStale: () => boolean): Promise<readonly Endpoint[]> {
    let endpoints = this.#known.get(tenant)?.endpoints ?? [];
    try {
      endpoints = await this.#read(tenant);
      this.#p.outage.ended();
    } catch (error) {
      this.#p.outage.failed(error);
    }
    // It may be older than the change: good enough for its waiting callers, but not to be kept.
    if (isStale()) return endpoints;
    this.#loading.delete(tenant);
    if (this.#known.size >= tenantsMax) this.#known.clear();
    this.#known.set(tenant, { endpoints, freshUntil: this.#p.clock.now() + freshMs });
    return endpoints;
  }

  async #read(tenant: string): Promise<readonly Endpoint[]> {
    const { endpoints } = await this.#p.store.listEndpoints({
      tenant,
      kind: 'registered',
      limit: limits.endpointsMax,
      beforeId: null,
    });
    return endpoints.filter(({ events }) => events.some((event) => !isFinalEvent(event)));
  }
}
