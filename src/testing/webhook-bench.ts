import assert from 'node:assert/strict';
import {
  type AttemptResult,
  type Delivery,
  type DeliveryAttempt,
  type DeliveryTransition,
  type WebhookTarget,
} from '../core/delivery.ts';
import { decideAtEndpoint } from '../core/delivery-at-endpoint.ts';
import type { Endpoint } from '../core/endpoint.ts';
import { newHealth } from '../core/endpoint-health.ts';
import { deliveryId, endpointId } from '../core/id.ts';
import type {
  ClaimDeliveries,
  ClaimDeliveriesOutcome,
  ClaimedDelivery,
  DeliveryFilter,
  DeliverySettlement,
  EndpointChange,
  NewDelivery,
  Outbox,
  StoredDelivery,
} from '../store/delivery-store.ts';
import type { SettleOutcome, Store } from '../store/store.ts';
import { counterBytes } from './counter-bytes.ts';

export type ClaimPart = Partial<Omit<ClaimDeliveries, 'newToken' | 'now'>>;

/** Every delivery verb with defaults, over the store and the clock of a StoreBench. */
export class WebhookBench {
  readonly #bench: { readonly store: Store; readonly now: number; readonly newToken: () => string };
  readonly leaseMs = 20_000;
  #ids = 0;

  constructor(bench: { readonly store: Store; readonly now: number; newToken(): string }) {
    this.#bench = bench;
  }

  get #store(): Store {
    return this.#bench.store;
  }

  get #now(): number {
    return this.#bench.now;
  }

  /** Ids ascend even within one millisecond. */
  #bytes(): Uint8Array {
    this.#ids += 1;
    return counterBytes(this.#ids);
  }

  plannedEndpoint(p: Partial<Endpoint> = {}): Endpoint {
    const url = p.url ?? 'https://hooks.example.com/raincheck';
    return {
      id: endpointId(this.#now, this.#bytes()),
      tenant: '',
      kind: 'registered',
      url,
      origin: new URL(url).origin,
      events: ['operation.completed', 'operation.failed'],
      tasks: null,
      headers: {},
      description: null,
      handshake: null,
      disabled: null,
      health: newHealth,
      version: 1,
      createdAt: this.#now,
      ...p,
    };
  }

  /** An endpoint as an outbox makes it for the address that a request named. */
  requestEndpoint(url: string, p: Partial<Endpoint> = {}): Endpoint {
    const { origin, pathname } = new URL(url);
    return this.plannedEndpoint({ kind: 'request', url: origin + pathname, events: [], ...p });
  }

  async endpoint(p: Partial<Endpoint> = {}, secret: string | null = null): Promise<Endpoint> {
    const endpoint = this.plannedEndpoint(p);
    const now = this.#now;
    assert.equal(await this.#store.createEndpoint({ endpoint, secret, now }), 'created');
    return endpoint;
  }

  /** A delivery to a registered endpoint, unless `endpoint` says that it must be made. */
  planned(to: Endpoint, p: Partial<NewDelivery> = {}): NewDelivery {
    return {
      id: deliveryId(this.#now, this.#bytes()),
      tenant: to.tenant,
      endpointId: to.id,
      endpoint: to.kind === 'request' ? to : null,
      operationId: null,
      event: 'webhook.test',
      url: to.url,
      headers: {},
      secret: null,
      body: '{"type":"webhook.test"}',
      failuresMax: 12,
      expiresAt: this.#now + 1_000_000,
      ...p,
    };
  }

  async add(...deliveries: NewDelivery[]): Promise<void> {
    await this.#store.createDeliveries({ deliveries, now: this.#now });
  }

  async create(to: Endpoint, p: Partial<NewDelivery> = {}): Promise<Delivery> {
    const planned = this.planned(to, p);
    await this.add(planned);
    return this.record(planned.id);
  }

  async createMany(to: Endpoint, count: number, p: Partial<NewDelivery> = {}): Promise<string[]> {
    const planned = Array.from({ length: count }, () => this.planned(to, p));
    await this.add(...planned);
    return planned.map(({ id }) => id);
  }

  /**
   * An outbox that makes one delivery of the final event to each registered endpoint and to those
   * given.
   */
  outbox(...requested: Endpoint[]): Outbox {
    return (operation, registered) =>
      [...registered, ...requested].map((to) =>
        this.planned(to, {
          operationId: operation.id,
          event: operation.state === 'completed' ? 'operation.completed' : 'operation.failed',
          body: JSON.stringify({ operation: operation.id, state: operation.state }),
        }),
      );
  }

  async ask(p: ClaimPart = {}): Promise<ClaimDeliveriesOutcome> {
    return this.#store.claimDeliveries({
      worker: 'w1',
      newToken: this.#bench.newToken,
      leaseMs: this.leaseMs,
      limit: 100,
      endpointInFlightMax: 4,
      originInFlightMax: 16,
      now: this.#now,
      ...p,
    });
  }

  async claim(p: ClaimPart = {}): Promise<readonly ClaimedDelivery[]> {
    return (await this.ask(p)).claimed;
  }

  async claimIds(p: ClaimPart = {}): Promise<string[]> {
    return (await this.claim(p)).map(({ delivery }) => delivery.id);
  }

  /** nextDueAt of a claim that must find nothing. */
  async nextDueAt(p: ClaimPart = {}): Promise<number | null> {
    const { claimed, nextDueAt } = await this.ask(p);
    assert.deepStrictEqual(claimed, []);
    return nextDueAt;
  }

  /** Creates and claims a single delivery; returns the record in flight. */
  async sending(to: Endpoint, p: Partial<NewDelivery> = {}): Promise<Delivery> {
    const { id } = await this.create(to, p);
    const claimed = await this.claim();
    assert.deepStrictEqual(
      claimed.map(({ delivery }) => delivery.id),
      [id],
    );
    return claimed[0]!.delivery;
  }

  async settle(...settlements: DeliverySettlement[]): Promise<SettleOutcome[]> {
    return this.#store.settleDeliveries({ settlements, now: this.#now });
  }

  async deliver(sending: Delivery): Promise<Delivery> {
    assert.deepStrictEqual(await this.settle(endedBy(sending, delivered())), ['applied']);
    return this.record(sending.id);
  }

  /** Fails the attempt; `nextAt` null: it was the last. */
  async fail(
    sending: Delivery,
    nextAt: number | null,
    result: Partial<AttemptResult> = {},
  ): Promise<Delivery> {
    const settlement = endedBy(sending, failed(result), nextAt);
    assert.deepStrictEqual(await this.settle(settlement), ['applied']);
    return this.record(sending.id);
  }

  async dead(to: Endpoint, p: Partial<NewDelivery> = {}): Promise<Delivery> {
    return this.fail(await this.sending(to, p), null, { endpointFault: false });
  }

  async sweep(
    p: { limit?: number; workerDead?: boolean } = {},
  ): ReturnType<Store['sweepDeliveries']> {
    return this.#store.sweepDeliveries({ now: this.#now, limit: 1000, workerDead: false, ...p });
  }

  async redeliver(
    ids: readonly string[],
    trigger: 'manual' | 'redrive' = 'manual',
  ): ReturnType<Store['redeliver']> {
    return this.#store.redeliver({ ids, trigger, now: this.#now });
  }

  async discard(...ids: string[]): ReturnType<Store['discardDeliveries']> {
    return this.#store.discardDeliveries({ ids, inBulk: false, now: this.#now });
  }

  async discardInBulk(...ids: string[]): ReturnType<Store['discardDeliveries']> {
    return this.#store.discardDeliveries({ ids, inBulk: true, now: this.#now });
  }

  async change(endpoint: Endpoint, change: EndpointChange): Promise<Endpoint> {
    const { id, tenant } = endpoint;
    const changed = await this.#store.updateEndpoint({ id, tenant, change, now: this.#now });
    assert.ok(changed, `${id} is missing`);
    return changed;
  }

  async remove({ id, tenant }: Endpoint): ReturnType<Store['removeEndpoint']> {
    return this.#store.removeEndpoint({ id, tenant, now: this.#now });
  }

  async stored(id: string): Promise<StoredDelivery> {
    const stored = await this.#store.readDelivery({ id });
    assert.ok(stored, `${id} is missing`);
    return stored;
  }

  async record(id: string): Promise<Delivery> {
    return (await this.stored(id)).delivery;
  }

  async states(...ids: string[]): Promise<Delivery['state'][]> {
    const states: Delivery['state'][] = [];
    for (const id of ids) states.push((await this.record(id)).state);
    return states;
  }

  async attempts(id: string): Promise<DeliveryAttempt[]> {
    return this.#store.listDeliveryAttempts({ id });
  }

  /** The stored endpoint. */
  async kept({ id }: { readonly id: string }): Promise<Endpoint> {
    const read = await this.#store.readEndpoint({ id });
    assert.ok(read, `${id} is missing`);
    return read.endpoint;
  }

  /** All pages, newest first. */
  async list(filter: DeliveryFilter = {}, limit = 200): Promise<Delivery[]> {
    return allDeliveries(this.#store, { filter, limit });
  }

  async listIds(filter: DeliveryFilter = {}, limit = 200): Promise<string[]> {
    return (await this.list(filter, limit)).map(({ id }) => id);
  }

  /** The store returns exactly this record, by id and in the list. */
  async assertRecord(expected: Delivery): Promise<void> {
    assert.deepStrictEqual(await this.record(expected.id), expected);
    const listed = (await this.list({ endpointId: expected.endpointId })).find(
      ({ id }) => id === expected.id,
    );
    assert.deepStrictEqual(listed, expected);
  }

  /**
   * The record became what decideAtEndpoint() makes of `before`, and the attempt with it; returns
   * the record.
   */
  async assertDecided(before: Delivery, event: DeliveryTransition): Promise<Delivery> {
    const read = await this.#store.readEndpoint({ id: before.endpointId });
    const endpoint = read?.endpoint ?? null;
    const decision = decideAtEndpoint(before, event, { endpoint, now: this.#now });
    assert.ok(decision.outcome === 'applied');
    await this.assertRecord(decision.delivery);
    if (decision.attempt !== null) {
      const latest = (await this.attempts(before.id)).at(-1);
      assert.ok(latest, 'the attempt has a row');
      assert.deepStrictEqual(latest, { ...decision.attempt, startedAt: latest.startedAt });
    }
    return decision.delivery;
  }

  /** What must hold for all stored records, whatever happened. */
  async assertSound(): Promise<void> {
    const deliveries = await this.list();
    for (const delivery of deliveries) assertSound(delivery);
    for (const id of new Set(deliveries.map(({ endpointId }) => endpointId))) {
      const own = deliveries.filter(({ endpointId }) => endpointId === id);
      const count = (state: Delivery['state']): number =>
        own.filter((delivery) => delivery.state === state).length;
      const read = await this.#store.readEndpoint({ id });
      if (read === null) {
        assert.equal(count('pending') + count('held'), 0, 'nothing waits for a removed endpoint');
        continue;
      }
      const { endpoint, ...counts } = read;
      const recount = { waiting: count('pending'), held: count('held'), dead: count('dead') };
      assert.deepStrictEqual(counts, recount, `the counts of ${id}`);
      const wrong = endpoint.disabled === null ? recount.held : recount.waiting;
      assert.equal(
        wrong,
        0,
        'an endpoint holds its deliveries while it is disabled, and only then',
      );
    }
  }
}

function assertSound(d: Delivery): void {
  const isOver = ['delivered', 'dead', 'cancelled', 'expired'].includes(d.state);
  assert.equal(d.lease !== null, d.state === 'sending', 'a lease is held while it is sent');
  assert.equal(d.nextAt !== null, d.state === 'pending', 'nextAt while it is pending');
  assert.equal(d.nextReason !== null, d.state === 'pending', 'nextReason while it is pending');
  assert.equal(d.finishedAt !== null, isOver, 'finishedAt when it is over');
  assert.equal(d.removeAt !== null, isOver, 'removeAt when it is over');
  assert.ok(d.failures <= d.attempts, 'no more failures than attempts');
  assert.ok(d.failures <= d.failuresMax, 'failures within their limit');
}

export async function allDeliveries(
  store: Store,
  p: { readonly filter: DeliveryFilter; readonly limit: number },
): Promise<Delivery[]> {
  const deliveries: Delivery[] = [];
  let beforeId: string | null = null;
  do {
    const page = await store.listDeliveries({ ...p, beforeId });
    assert.ok(page.deliveries.length <= p.limit, 'a page holds at most its limit');
    deliveries.push(...page.deliveries);
    assert.ok(beforeId === null || page.nextBeforeId === null || page.nextBeforeId < beforeId);
    beforeId = page.nextBeforeId;
  } while (beforeId !== null);
  return deliveries;
}

export function endedBy(
  sending: Delivery,
  result: AttemptResult,
  nextAt: number | null = null,
): DeliverySettlement {
  assert.ok(sending.lease, `${sending.id} holds no lease`);
  const next = nextAt === null ? null : { at: nextAt, reason: `again at ${nextAt}` };
  return { id: sending.id, token: sending.lease.token, result, next };
}

export function delivered(p: Partial<AttemptResult> = {}): AttemptResult {
  return {
    delivered: true,
    answer: { status: 204, headers: { date: 'today' }, excerpt: null },
    error: null,
    detail: null,
    timings: { dnsMs: null, connectMs: null, tlsMs: null, firstByteMs: 3, totalMs: 4 },
    endpointFault: false,
    retryAfterAt: null,
    disable: null,
    abort: false,
    ...p,
  };
}

export function failed(p: Partial<AttemptResult> = {}): AttemptResult {
  return {
    delivered: false,
    answer: { status: 500, headers: { server: 'x' }, excerpt: { text: 'Sörry' } },
    error: 'http_500',
    detail: 'The answer was 500.',
    timings: { dnsMs: 1, connectMs: 2, tlsMs: 3, firstByteMs: 4, totalMs: 5 },
    endpointFault: true,
    retryAfterAt: null,
    disable: null,
    abort: false,
    ...p,
  };
}

/** A webhook as a request may ask for it. */
export const requestedWebhook: WebhookTarget = {
  url: 'https://r.example.com/cb?op=1',
  events: ['operation.completed', 'operation.failed'],
  headers: {},
  secret: null,
};
