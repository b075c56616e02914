import {
  isFinalEvent,
  isOvertaken,
  type Delivery,
  type DeliveryAttempt,
  type DeliveryDecision,
  type DeliveryTransition,
} from '../core/delivery.ts';
import { decideAtEndpoint } from '../core/delivery-at-endpoint.ts';
import type { Endpoint } from '../core/endpoint.ts';
import { afterAttempt } from '../core/endpoint-health.ts';
import { changedEndpoint } from '../store/changed-endpoint.ts';
import type {
  DeliverySettlement,
  DeliveryStore,
  NewDelivery,
  SteerOutcome,
  StoredDelivery,
} from '../store/delivery-store.ts';
import { newDelivery } from '../store/new-delivery.ts';
import type { SettleOutcome } from '../store/store.ts';
import { DeliveryIndex } from './delivery-index.ts';
import { EndpointBook } from './endpoint-book.ts';
import type { EndpointQueue } from './endpoint-queue.ts';
import { Expiring } from './expiring.ts';
import { frozenCopy } from './frozen-copy.ts';
import { Heap } from './heap.ts';

/** Everything that is kept of one delivery. */
type Kept = {
  delivery: Delivery;
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly secret: string | null;
  /** Whether the request named its endpoint. */
  readonly requested: boolean;
  readonly attempts: DeliveryAttempt[];
};

/**
 * The deliveries with their attempts, and the effects that they and their endpoints have on each
 * other.
 */
export class DeliveryBook {
  readonly #kept = new Map<string, Kept>();
  readonly index = new DeliveryIndex(this.#kept);
  readonly endpoints = new EndpointBook((id) => this.#kept.get(id)?.delivery);
  readonly #ofOperation = new Map<string, Set<string>>();
  readonly #sending = new Set<string>();
  /** pending and held deliveries, by the time at which they expire. */
  readonly #waiting = new Heap<Delivery>(
    (a, b) => a.expiresAt < b.expiresAt,
    (delivery) => this.#kept.get(delivery.id)?.delivery === delivery,
  );
  readonly #removals = new Expiring<null>();

  add(deliveries: readonly NewDelivery[], now: number): void {
    for (const delivery of deliveries) this.#add(delivery, now);
  }

  #add(p: NewDelivery, now: number): void {
    if (this.#kept.has(p.id)) return;
    const siblings = this.#siblings(p.operationId).map(({ delivery }) => delivery);
    if (isOvertaken(p.event) && siblings.some(({ event }) => isFinalEvent(event))) return;
    const queue =
      p.endpoint === null
        ? this.endpoints.get(p.endpointId)
        : this.endpoints.requested({ ...p.endpoint, id: p.endpointId });
    if (queue === undefined) return;
    const delivery = newDelivery(p, queue.endpoint, now);
    const { body, secret } = p;
    const headers = frozenCopy(p.headers);
    const requested = queue.endpoint.kind === 'request';
    const kept: Kept = { delivery, body, headers, secret, requested, attempts: [] };
    this.#kept.set(p.id, kept);
    this.index.add(p.id);
    if (p.operationId !== null) this.#link(p.operationId, p.id);
    this.#replace(kept, null, delivery);
    if (!isFinalEvent(p.event)) return;
    for (const { id, event, state } of siblings) {
      const waits = state === 'pending' || state === 'held';
      if (waits && isOvertaken(event)) this.#apply(id, { type: 'discarded' }, { now });
    }
  }

  #link(operationId: string, id: string): void {
    const ids = this.#ofOperation.get(operationId) ?? new Set();
    this.#ofOperation.set(operationId, ids.add(id));
  }

  claim(
    delivery: Delivery,
    p: { readonly worker: string; readonly token: string; readonly leaseMs: number; now: number },
  ): StoredDelivery | undefined {
    const { worker, token, leaseMs, now } = p;
    const endpoint = this.endpoints.get(delivery.endpointId)?.endpoint;
    const url = endpoint?.kind === 'registered' ? endpoint.url : null;
    this.#apply(delivery.id, { type: 'claimed', worker, token, leaseMs, url }, { now });
    return this.read(delivery.id);
  }

  settle({ id, token, result, next }: DeliverySettlement, now: number): SettleOutcome {
    const delivery = this.#kept.get(id)?.delivery;
    if (delivery === undefined) return 'lost';
    const queue = this.endpoints.get(delivery.endpointId);
    const endpoint = queue && afterAttempt(queue.endpoint, { deliveryId: id, result }, now);
    const event = { type: 'ended', token, result, next } as const;
    if (this.#apply(id, event, { now, endpoint })?.outcome !== 'applied') return 'lost';
    if (queue !== undefined && endpoint !== undefined) this.#changeEndpoint(queue, endpoint, now);
    return 'applied';
  }

  sweep(p: Parameters<DeliveryStore['sweepDeliveries']>[0]): {
    changed: Delivery[];
    more: boolean;
  } {
    const { now, limit, workerDead } = p;
    const changed: Delivery[] = [];
    for (const id of this.#sending) {
      if (changed.length >= limit) return { changed, more: true };
      const decision = this.#apply(id, { type: 'lease_expired', workerDead }, { now });
      if (decision?.outcome === 'applied') changed.push(decision.delivery);
    }
    for (;;) {
      const waiting = this.#waiting.peek();
      if (waiting === undefined || waiting.expiresAt > now) return { changed, more: false };
      if (changed.length >= limit) return { changed, more: true };
      const decision = this.#apply(waiting.id, { type: 'expired' }, { now });
      if (decision?.outcome !== 'applied') throw new Error('A delivery outlived its time.');
      changed.push(decision.delivery);
    }
  }

  steer(
    id: string,
    event: DeliveryTransition & { readonly type: 'redelivered' | 'discarded' },
    now: number,
  ): SteerOutcome {
    const decision = this.#apply(id, event, { now });
    const delivery = this.#kept.get(id)?.delivery;
    if (decision === undefined || delivery === undefined) return { outcome: 'missing' };
    return { outcome: decision.outcome === 'applied' ? 'applied' : 'unchanged', delivery };
  }

  updateEndpoint(p: Parameters<DeliveryStore['updateEndpoint']>[0]): Endpoint | null {
    const queue = this.endpoints.get(p.id);
    if (queue?.endpoint.tenant !== p.tenant) return null;
    this.#changeEndpoint(queue, changedEndpoint(queue.endpoint, p.change, p.now), p.now);
    return queue.endpoint;
  }

  /** Changes an endpoint, and with it its waiting deliveries. */
  #changeEndpoint(queue: EndpointQueue, after: Endpoint, now: number): void {
    const wasDisabled = queue.endpoint.disabled !== null;
    const isDisabled = after.disabled !== null;
    this.endpoints.replace(queue, after);
    if (isDisabled === wasDisabled) return;
    const [from, type] = isDisabled
      ? (['pending', 'held'] as const)
      : (['held', 'released'] as const);
    for (const id of queue.idsOf(from)) this.#apply(id, { type }, { now });
  }

  removeEndpoint(p: Parameters<DeliveryStore['removeEndpoint']>[0]): 'removed' | 'missing' {
    const queue = this.endpoints.get(p.id);
    if (queue?.endpoint.tenant !== p.tenant) return 'missing';
    for (const state of ['pending', 'held'] as const) {
      for (const id of queue.idsOf(state)) this.#apply(id, { type: 'discarded' }, p);
    }
    this.endpoints.remove(queue);
    return 'removed';
  }

  /**
   * Removes expired deliveries. An endpoint of kind `request` is removed with its last delivery.
   */
  prune(now: number, limit: number): { deliveries: number; endpoints: number } {
    const ids = this.#removals.takeExpired(now, limit);
    let endpoints = 0;
    for (const id of ids) {
      const delivery = this.#kept.get(id)?.delivery;
      if (delivery === undefined) continue;
      this.#kept.delete(id);
      if (delivery.operationId !== null) this.#unlink(delivery.operationId, id);
      this.endpoints.follow(delivery, null);
      if (this.endpoints.forgetEmpty(delivery.endpointId)) endpoints += 1;
    }
    return { deliveries: ids.length, endpoints };
  }

  #unlink(operationId: string, id: string): void {
    const ids = this.#ofOperation.get(operationId);
    ids?.delete(id);
    if (ids?.size === 0) this.#ofOperation.delete(operationId);
  }

  read(id: string): StoredDelivery | undefined {
    const kept = this.#kept.get(id);
    if (kept === undefined) return undefined;
    const { delivery, body, headers, secret } = kept;
    return { delivery, body, headers, secret };
  }

  attempts(id: string): readonly DeliveryAttempt[] {
    return this.#kept.get(id)?.attempts ?? [];
  }

  /** The latest delivery of the final state to the address of the request. */
  ofOperation(operationId: string): Delivery | undefined {
    return this.#siblings(operationId)
      .filter(({ requested, delivery }) => requested && isFinalEvent(delivery.event))
      .map(({ delivery }) => delivery)
      .reduce<Delivery | undefined>((a, b) => (a === undefined || a.id < b.id ? b : a), undefined);
  }

  #siblings(operationId: string | null): Kept[] {
    const ids = [...(this.#ofOperation.get(operationId ?? '') ?? [])];
    return ids.flatMap((id) => this.#kept.get(id) ?? []);
  }

  /** Endpoints with attempts in flight, one entry for each attempt. */
  inFlight(): EndpointQueue[] {
    return [...this.#sending].flatMap((id) => {
      const endpointId = this.#kept.get(id)?.delivery.endpointId ?? '';
      return this.endpoints.get(endpointId) ?? [];
    });
  }

  /**
   * undefined: there is no such delivery. `endpoint`: the endpoint after the event, when the event
   * changes it.
   */
  #apply(
    id: string,
    event: DeliveryTransition,
    p: { readonly now: number; readonly endpoint?: Endpoint | undefined },
  ): DeliveryDecision | undefined {
    const kept = this.#kept.get(id);
    if (kept === undefined) return undefined;
    const before = kept.delivery;
    const endpoint = p.endpoint ?? this.endpoints.get(before.endpointId)?.endpoint ?? null;
    const decision = decideAtEndpoint(before, event, { endpoint, now: p.now });
    if (decision.outcome !== 'applied') return decision;
    if (decision.attempt !== null) record(kept.attempts, decision.attempt);
    this.#replace(kept, before, decision.delivery);
    return decision;
  }

  /** The only place where a record changes: it keeps all indexes in step. */
  #replace(kept: Kept, before: Delivery | null, after: Delivery): void {
    Object.freeze(after.lease);
    kept.delivery = Object.freeze(after);
    const { id, state } = after;
    if (state === 'sending') this.#sending.add(id);
    else this.#sending.delete(id);
    if (state === 'pending' || state === 'held') this.#waiting.push(after);
    if (after.removeAt === null) this.#removals.delete(id);
    else this.#removals.set(id, null, after.removeAt);
    this.endpoints.follow(before, after);
  }
}

/** Records an attempt. One that ends keeps the start that its row has. */
function record(attempts: DeliveryAttempt[], attempt: DeliveryAttempt): void {
  const begun = attempts.at(-1);
  if (begun?.number !== attempt.number) attempts.push(frozenCopy(attempt));
  else attempts[attempts.length - 1] = frozenCopy({ ...attempt, startedAt: begun.startedAt });
}
