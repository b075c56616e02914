import type { Clock } from '../core/clock.ts';
import type { Delivery } from '../core/delivery.ts';
import { gateStands } from '../core/endpoint-health.ts';
import type { Endpoint } from '../core/endpoint.ts';
import type { Store } from '../store/store.ts';
import type { IdMaker } from '../engine/id-maker.ts';
import { testBody } from './event-body.ts';
import type { TestedDelivery } from './webhooks.ts';

type EndpointTestsParts = {
  readonly store: Pick<
    Store,
    'createDeliveries' | 'readDelivery' | 'listDeliveryAttempts' | 'discardDeliveries'
  >;
  readonly clock: Clock;
  readonly ids: IdMaker;
  readonly attemptMs: number;
  /** Called when there is something to send. */
  readonly wrote: () => void;
};

/** Time for the commits around the attempt and for a free slot. */
const patienceMs = 5_000;
/**
 * Another process may make the attempt, which this one hears nothing of, so it looks again after
 * this long.
 */
const lookMs = 500;

/** Sends `webhook.test` to an endpoint and waits for the outcome. */
export class EndpointTests {
  readonly #p: EndpointTestsParts;
  readonly #waiting = new Map<string, AbortController>();

  constructor(p: EndpointTestsParts) {
    this.#p = p;
  }

  /** An attempt of this process has ended. */
  ended(deliveryId: string): void {
    if (this.#waiting.size > 0) this.#waiting.get(deliveryId)?.abort();
  }

  async test(endpoint: Endpoint): Promise<TestedDelivery> {
    const { store, clock, wrote } = this.#p;
    const now = clock.now();
    const id = this.#p.ids.next(now);
    const until = now + this.#p.attemptMs + patienceMs;
    await store.createDeliveries({
      deliveries: [this.#delivery(endpoint, { id, now, until })],
      now,
    });
    wrote();
    const ended = await this.#awaited(id, { until, endpoint });
    if (ended === null) return this.#calledOff(id);
    const attempt = (await store.listDeliveryAttempts({ id })).at(-1) ?? null;
    return { delivery: ended, attempt };
  }

  #delivery(endpoint: Endpoint, p: { id: string; now: number; until: number }) {
    return {
      id: p.id,
      tenant: endpoint.tenant,
      endpointId: endpoint.id,
      endpoint: endpoint.kind === 'request' ? endpoint : null,
      operationId: null,
      event: 'webhook.test',
      url: endpoint.url,
      headers: {},
      secret: null,
      body: testBody(endpoint.id, p.now),
      failuresMax: 1,
      expiresAt: p.until,
    } as const;
  }

  /** The delivery once its attempt has ended; null: it will not end in time. */
  async #awaited(
    id: string,
    p: { readonly until: number; readonly endpoint: Endpoint },
  ): Promise<Delivery | null> {
    const { store, clock } = this.#p;
    const { gateAt } = p.endpoint.health;
    if (gateAt !== null && gateAt > p.until && gateStands(gateAt, clock.now())) return null;
    for (;;) {
      const awake = new AbortController();
      this.#waiting.set(id, awake);
      const stored = await store.readDelivery({ id });
      if (stored === null || stored.delivery.state === 'held') break;
      if (stored.delivery.finishedAt !== null) {
        this.#waiting.delete(id);
        return stored.delivery;
      }
      const leftMs = p.until - clock.now();
      if (leftMs <= 0) break;
      await clock.sleep(Math.min(lookMs, leftMs), awake.signal);
    }
    this.#waiting.delete(id);
    return null;
  }

  async #calledOff(id: string): Promise<TestedDelivery> {
    const { store, clock } = this.#p;
    await store.discardDeliveries({ ids: [id], inBulk: false, now: clock.now() });
    const stored = await store.readDelivery({ id });
    if (stored === null) throw new Error(`The test delivery ${id} was not kept.`);
    return { delivery: stored.delivery, attempt: null };
  }
}
