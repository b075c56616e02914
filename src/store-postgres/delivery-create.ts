import { isFinalEvent, isOvertaken, type DeliveryEvent } from '../core/delivery.ts';
import type { NewDelivery } from '../store/delivery-store.ts';
import { newDelivery } from '../store/new-delivery.ts';
import { textArray } from './array-literal.ts';
import type { Transaction } from './connection.ts';
import type { Deliveries } from './deliveries.ts';
import {
  noEndpoints,
  requestName,
  type EndpointEntry,
  type EndpointLedger,
  type EndpointNeeds,
} from './endpoint-ledger.ts';

export const thereSql = `
SELECT id
FROM @deliveries
WHERE id = ANY($1::text[])`;

/**
 * The stored deliveries of operations that matter to a new one: final events, and events that a
 * final one makes obsolete. One that is being sent goes on, unless its end stands in this very
 * transaction, before what creates the new one.
 */
export const siblingsSql = `
SELECT operation_id, id, event, state
FROM @deliveries
WHERE operation_id = ANY($1::text[])
  AND (
    event IN ('operation.completed', 'operation.failed')
    OR (event IN ('operation.started', 'operation.progress') AND state IN ('pending', 'held', 'sending'))
  )`;

type Siblings = { hasFinal: boolean; readonly overtaken: string[] };

type Parts = { readonly endpoints: EndpointLedger; readonly deliveries: Deliveries };

/**
 * Creates deliveries, and endpoints where they are missing. A delivery that is dropped, or stored
 * already, changes nothing.
 */
export class DeliveryCreation {
  readonly #tx: Transaction;
  readonly #p: Parts;
  readonly #there = new Map<string, boolean>();
  readonly #siblings = new Map<string, Siblings>();

  constructor(tx: Transaction, p: Parts) {
    this.#tx = tx;
    this.#p = p;
  }

  async create(plans: readonly NewDelivery[], now: number): Promise<void> {
    if (plans.length === 0) return;
    await this.#read(plans);
    for (const plan of plans) this.#createOne(plan, now);
  }

  /**
   * Reads all that creating these needs, in one round trip, or two when they make others obsolete.
   */
  async #read(plans: readonly NewDelivery[]): Promise<void> {
    const ids = plans.map(({ id }) => id).filter((id) => !this.#there.has(id));
    const told = plans.flatMap(({ event, operationId }) =>
      operationId !== null && (isFinalEvent(event) || isOvertaken(event)) ? operationId : [],
    );
    const operationIds = [...new Set(told)].filter((id) => !this.#siblings.has(id));
    const [, there, siblings] = await Promise.all([
      this.#p.endpoints.lockMore(endpointsOf(plans)),
      ids.length === 0 ? [] : this.#tx.all(thereSql, textArray(ids)),
      operationIds.length === 0 ? [] : this.#tx.all(siblingsSql, textArray(operationIds)),
    ]);
    for (const id of ids) this.#there.set(id, false);
    for (const [id] of there) this.#there.set(id as string, true);
    for (const id of operationIds) this.#siblings.set(id, { hasFinal: false, overtaken: [] });
    for (const [operationId, id, event, state] of siblings) {
      const isSent = state === 'sending' && this.#p.deliveries.find(id as string) === undefined;
      if (isSent && !isFinalEvent(event as DeliveryEvent)) continue;
      this.#remember(operationId as string, id as string, event as DeliveryEvent);
    }
    const overtaken = plans.flatMap(({ event, operationId }) =>
      isFinalEvent(event) ? (this.#siblings.get(operationId ?? '')?.overtaken ?? []) : [],
    );
    await this.#p.deliveries.load(overtaken);
  }

  #remember(operationId: string, id: string, event: DeliveryEvent): void {
    const siblings = this.#siblings.get(operationId);
    if (siblings === undefined) return;
    if (isFinalEvent(event)) siblings.hasFinal = true;
    if (isOvertaken(event)) siblings.overtaken.push(id);
  }

  #createOne(plan: NewDelivery, now: number): void {
    const { deliveries } = this.#p;
    const { id, operationId, event } = plan;
    const siblings = operationId === null ? undefined : this.#siblings.get(operationId);
    if (isOvertaken(event) && siblings?.hasFinal === true) return;
    const entry = this.#endpointOf(plan);
    if (entry === undefined || this.#there.get(id) === true) return;
    deliveries.insert(newDelivery(plan, entry.endpoint, now), plan);
    this.#there.set(id, true);
    if (operationId === null) return;
    const overtaken = isFinalEvent(event) ? (siblings?.overtaken.splice(0) ?? []) : [];
    this.#remember(operationId, id, event);
    for (const one of overtaken) {
      const delivery = deliveries.find(one);
      const state = delivery?.delivery.state;
      if (delivery === undefined || (state !== 'pending' && state !== 'held')) continue;
      deliveries.apply(delivery, { type: 'discarded' }, now);
    }
  }

  /** undefined: there is no endpoint, so nobody to send to. */
  #endpointOf(plan: NewDelivery): EndpointEntry | undefined {
    const { endpoints } = this.#p;
    const known = endpoints.find(plan.endpointId);
    const there = known?.removedAt === null ? known : undefined;
    if (plan.endpoint === null) return there;
    const kept = endpoints.findRequest(plan.endpoint);
    // A delivery that is stored already needs no endpoint, and must not create one that stays
    // without deliveries.
    if (kept !== undefined || this.#there.get(plan.id) === true) return kept;
    return there ?? endpoints.insert({ ...plan.endpoint, id: plan.endpointId });
  }

  reset(): void {
    this.#there.clear();
    this.#siblings.clear();
  }
}

/** The endpoints that creating these deliveries may change. */
export function endpointsOf(plans: readonly NewDelivery[]): EndpointNeeds {
  const needs = noEndpoints();
  for (const { endpointId, endpoint } of plans) {
    needs.ids.add(endpointId);
    if (endpoint !== null) needs.requests.set(requestName(endpoint), endpoint);
  }
  return needs;
}
