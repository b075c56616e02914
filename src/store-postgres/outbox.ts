import type { Endpoint } from '../core/endpoint.ts';
import { isFinal, type Operation } from '../core/operation.ts';
import type { NewDelivery, Outbox } from '../store/delivery-store.ts';
import { endpointColumns } from '../store/endpoint-rows.ts';
import { textArray } from './array-literal.ts';
import type { Row, Transaction } from './connection.ts';
import type { DeliveryCreation } from './delivery-create.ts';
import {
  noEndpoints,
  requestName,
  type EndpointLedger,
  type EndpointNeeds,
} from './endpoint-ledger.ts';
import { endpointOf } from './endpoint-rows.ts';

/**
 * The deliveries that follow from a final state. Within the transaction that makes an operation
 * final, the caller's outbox says which deliveries follow, and they are created there. When no
 * endpoint wants the event, that costs one more statement in a message that is sent anyway.
 */
const registered = `
SELECT ${endpointColumns}
FROM @endpoints
WHERE kind = 'registered'
  AND removed_at IS NULL`;

export const registeredOfTenantsSql = `${registered}
  AND tenant = ANY($1::text[])
ORDER BY tenant, id`;

/** Asked for together with the operations, whose tenants are not known yet. */
export const registeredOfOperationsSql = `${registered}
  AND tenant IN (
    SELECT tenant
    FROM @operations
    WHERE id = ANY($1::text[])
  )
ORDER BY tenant, id`;

type Parts = { readonly endpoints: EndpointLedger; readonly creation: DeliveryCreation };

export class OutboxQueue {
  readonly #tx: Transaction;
  readonly #p: Parts;
  readonly #registered = new Map<string, Endpoint[]>();
  #ended: { readonly operation: Operation; readonly outbox: Outbox }[] = [];

  constructor(tx: Transaction, p: Parts) {
    this.#tx = tx;
    this.#p = p;
  }

  /** Takes in rows of registeredOfOperationsSql, for the tenants of those operations. */
  load(operations: readonly Operation[], rows: readonly Row[]): void {
    this.#adopt(new Set(operations.map(({ tenant }) => tenant)), rows);
  }

  /** Assumes that no endpoint is registered for these tenants (foresight.ts). */
  assumeNobody(tenants: readonly string[]): void {
    this.#adopt(tenants, []);
  }

  /** The tenants that were looked at, and whether any endpoint is registered for each. */
  *tenants(): Generator<[tenant: string, isTold: boolean]> {
    for (const [tenant, endpoints] of this.#registered) yield [tenant, endpoints.length > 0];
  }

  #adopt(tenants: Iterable<string>, rows: readonly Row[]): void {
    for (const tenant of tenants) this.#registered.set(tenant, []);
    for (const row of rows) {
      const endpoint = endpointOf(row);
      this.#registered.get(endpoint.tenant)?.push(endpoint);
    }
  }

  /**
   * The endpoints that will probably get a delivery when these operations end, so that they are
   * locked with the rest at the beginning. An endpoint missed, or named in vain, costs time and
   * nothing else (endpoint-ledger.ts).
   */
  likely(operations: readonly Operation[]): EndpointNeeds {
    const needs = noEndpoints();
    for (const { tenant, webhook, task } of operations) {
      for (const { id, tasks, events } of this.#registered.get(tenant) ?? []) {
        const isAsked =
          events.includes('operation.completed') || events.includes('operation.failed');
        if (isAsked && (tasks === null || tasks.includes(task))) needs.ids.add(id);
      }
      const parsed = webhook && URL.parse(webhook.url);
      if (parsed === null) continue;
      const request = { tenant, url: parsed.origin + parsed.pathname };
      needs.requests.set(requestName(request), request);
    }
    return needs;
  }

  /** Records a change that may have made the operation final. */
  changed(operation: Operation, outbox: Outbox | undefined): void {
    if (outbox !== undefined && isFinal(operation.state)) this.#ended.push({ operation, outbox });
  }

  /** Creates the deliveries that follow from all operations that ended so far. */
  async drain(now: number): Promise<void> {
    const ended = this.#ended.splice(0);
    if (ended.length === 0) return;
    const tenants = new Set(ended.map(({ operation }) => operation.tenant));
    const missing = [...tenants].filter((tenant) => !this.#registered.has(tenant));
    if (missing.length > 0) {
      this.#adopt(missing, await this.#tx.all(registeredOfTenantsSql, textArray(missing)));
    }
    const plans: NewDelivery[] = [];
    for (const { operation, outbox } of ended) {
      const endpoints = this.#registeredOf(operation.tenant);
      if (operation.webhook === null && endpoints.length === 0) continue;
      plans.push(...outbox(operation, endpoints));
    }
    await this.#p.creation.create(plans, now);
  }

  /** The registered endpoints, as this transaction has them. */
  #registeredOf(tenant: string): Endpoint[] {
    const found = this.#registered.get(tenant) ?? [];
    return found.map((endpoint) => this.#p.endpoints.find(endpoint.id)?.endpoint ?? endpoint);
  }

  reset(): void {
    this.#registered.clear();
  }
}
