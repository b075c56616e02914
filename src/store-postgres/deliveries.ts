import { decideAtEndpoint } from '../core/delivery-at-endpoint.ts';
import type { Delivery, DeliveryAttempt, DeliveryTransition } from '../core/delivery.ts';
import {
  attemptStartOf,
  deliveryAttemptColumns,
  deliveryColumns,
  deliveryOf,
} from '../store/delivery-rows.ts';
import type { NewDelivery } from '../store/delivery-store.ts';
import { membersText } from '../store/json-columns.ts';
import { numberArray, textArray } from './array-literal.ts';
import type { Row, Transaction } from './connection.ts';
import { deliveryAttemptArrays } from './delivery-rows.ts';
import { noEndpoints, type EndpointEntry, type EndpointLedger } from './endpoint-ledger.ts';

/**
 * The deliveries that one transaction touches, in memory. Every change takes the same way: the
 * endpoint is locked, the row read, decideAtEndpoint() in core asked, and its decision written with
 * the others, in batches. Rows of deliveries need no lock of their own: each change locks the
 * endpoint.
 */
export const selectDeliveriesSql = `
SELECT ${deliveryColumns}
FROM @deliveries
WHERE id = ANY($1::text[])`;

const insertDeliveriesSql = `
INSERT INTO @deliveries
  (id, endpoint_id, state, version, created_at, attempts, failures, failures_max, next_at, expires_at,
   finished_at, remove_at, trigger, next_reason, tenant, event, operation_id, url, body, headers, secret)
SELECT *
FROM unnest($1::text[], $2::text[], $3::text[], $4::integer[], $5::bigint[], $6::integer[],
  $7::integer[], $8::integer[], $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[], $13::text[],
  $14::text[], $15::text[], $16::text[], $17::text[], $18::text[], $19::text[], $20::text[], $21::text[])`;

export const updateDeliveriesSql = `
UPDATE @deliveries AS deliveries
SET state = changed.state,
    version = changed.version,
    attempts = changed.attempts,
    failures = changed.failures,
    next_at = changed.next_at,
    next_reason = changed.next_reason,
    expires_at = changed.expires_at,
    finished_at = changed.finished_at,
    remove_at = changed.remove_at,
    attempt_started_at = changed.attempt_started_at,
    lease_expires_at = changed.lease_expires_at,
    lease_token = changed.lease_token,
    lease_worker = changed.lease_worker,
    trigger = changed.trigger,
    last_status = changed.last_status,
    last_error = changed.last_error,
    url = changed.url
FROM unnest($1::text[], $2::integer[], $3::text[], $4::integer[], $5::integer[], $6::integer[],
  $7::bigint[], $8::text[], $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[], $13::bigint[],
  $14::text[], $15::text[], $16::text[], $17::integer[], $18::text[], $19::text[])
  AS changed (id, version_before, state, version, attempts, failures, next_at, next_reason, expires_at,
    finished_at, remove_at, attempt_started_at, lease_expires_at, lease_token, lease_worker, trigger,
    last_status, last_error, url)
WHERE deliveries.id = changed.id
  AND deliveries.version = changed.version_before`;

const insertAttemptsSql = `
INSERT INTO @delivery_attempts (delivery_id, ${deliveryAttemptColumns})
SELECT *
FROM unnest($1::text[], $2::integer[], $3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::text[],
  $8::text[], $9::text[], $10::bigint[], $11::text[], $12::text[], $13::text[])`;

type Kept = Pick<NewDelivery, 'body' | 'headers' | 'secret'>;

export type DeliveryEntry = {
  /** As the database has it; null: not inserted yet. */
  stored: Delivery | null;
  delivery: Delivery;
  attemptStartedAt: number | null;
  /** The members that never change, of a delivery that is not inserted yet. */
  readonly kept: Kept | null;
};

export type DeliveryChange = {
  /** The current record, changed or not. */
  readonly delivery: Delivery;
  readonly outcome: 'applied' | 'lost' | 'unchanged';
};

export class Deliveries {
  readonly #tx: Transaction;
  readonly #endpoints: EndpointLedger;
  /** By id. undefined: not looked for; null: there is none. */
  readonly #entries = new Map<string, DeliveryEntry | null>();
  readonly #dirty = new Set<DeliveryEntry>();
  readonly #ended: DeliveryAttempt[] = [];
  /** Whether something waits to be sent that did not before. */
  hasWaiting = false;

  constructor(tx: Transaction, endpoints: EndpointLedger) {
    this.#tx = tx;
    this.#endpoints = endpoints;
  }

  /** Reads the deliveries that are not known yet. Their endpoints must be locked. */
  async read(ids: Iterable<string>): Promise<void> {
    const missing = [...ids].filter((id) => !this.#entries.has(id));
    if (missing.length === 0) return;
    this.#adopt(missing, await this.#tx.all(selectDeliveriesSql, textArray(missing)));
  }

  /** Locks the endpoints of the deliveries that are not known yet, and reads these. */
  async load(ids: Iterable<string>): Promise<void> {
    const missing = new Set([...ids].filter((id) => !this.#entries.has(id)));
    if (missing.size === 0) return;
    const needs = { ...noEndpoints(), deliveryIds: missing };
    await Promise.all([this.#endpoints.lockMore(needs), this.read(missing)]);
  }

  #adopt(wanted: readonly string[], rows: readonly Row[]): void {
    for (const row of rows) this.adopt(row);
    for (const id of wanted) if (!this.#entries.has(id)) this.#entries.set(id, null);
  }

  /** Takes in a row of deliveryColumns, whose endpoint is locked. */
  adopt(row: Row): DeliveryEntry {
    const known = this.#entries.get(row[0] as string);
    if (known !== undefined && known !== null) return known;
    const delivery = deliveryOf(row);
    const attemptStartedAt = attemptStartOf(row);
    const entry = { stored: delivery, delivery, attemptStartedAt, kept: null };
    this.#entries.set(delivery.id, entry);
    return entry;
  }

  /** The delivery must have been looked for. */
  find(id: string): DeliveryEntry | undefined {
    return this.#entries.get(id) ?? undefined;
  }

  insert(delivery: Delivery, kept: Kept): void {
    const entry = { stored: null, delivery, attemptStartedAt: null, kept };
    this.#entries.set(delivery.id, entry);
    this.#dirty.add(entry);
    const { nextAt, id, expiresAt } = delivery;
    if (nextAt === null) return;
    this.hasWaiting = true;
    const endpoint = this.#endpoints.get(delivery.endpointId);
    this.#endpoints.added(endpoint, { at: nextAt, id, expiresAt }, delivery.createdAt);
  }

  /** Applies `event` to the delivery and marks its endpoint as changed, which must be locked. */
  apply(entry: DeliveryEntry, event: DeliveryTransition, now: number): DeliveryChange {
    const before = entry.delivery;
    const to = this.#endpoints.get(before.endpointId);
    const decision = decideAtEndpoint(before, event, { endpoint: endpointOf(to), now });
    if (decision.outcome !== 'applied') return { delivery: before, outcome: decision.outcome };
    const { delivery: after, attempt } = decision;
    entry.delivery = after;
    if (attempt !== null && attempt.endedAt !== null) {
      this.#ended.push({ ...attempt, startedAt: entry.attemptStartedAt ?? attempt.startedAt });
    }
    entry.attemptStartedAt = after.lease === null || attempt === null ? null : attempt.startedAt;
    if (after.nextAt !== null) this.hasWaiting = true;
    this.#dirty.add(entry);
    this.#endpoints.touch(to);
    return { delivery: after, outcome: 'applied' };
  }

  /** Sends what has changed, after the new endpoints. */
  post(): void {
    const dirty = [...this.#dirty];
    this.#dirty.clear();
    postInserts(this.#tx, dirty);
    postUpdates(this.#tx, dirty);
    const ended = this.#ended.splice(0);
    if (ended.length > 0) this.#tx.post(insertAttemptsSql, deliveryAttemptArrays(ended));
    for (const entry of dirty) entry.stored = entry.delivery;
  }

  /**
   * Forgets everything, after post(): statements outside of this set changed rows, so they are read
   * anew.
   */
  reset(): void {
    this.#entries.clear();
  }

  /** As reset(), for the deliveries of one endpoint. */
  forget(endpointId: string): void {
    for (const [id, entry] of this.#entries) {
      if (entry?.delivery.endpointId === endpointId) this.#entries.delete(id);
    }
  }
}

function endpointOf({ removedAt, endpoint }: EndpointEntry) {
  return removedAt === null ? endpoint : null;
}

function postInserts(tx: Transaction, dirty: readonly DeliveryEntry[]): void {
  const added = dirty.filter(({ stored }) => stored === null);
  if (added.length === 0) return;
  const made = added.map(({ delivery }) => delivery);
  const values = [
    textArray(made.map(({ id }) => id)),
    textArray(made.map(({ endpointId }) => endpointId)),
    textArray(made.map(({ state }) => state)),
    numberArray(made.map(({ version }) => version)),
    numberArray(made.map(({ createdAt }) => createdAt)),
    numberArray(made.map(({ attempts }) => attempts)),
    numberArray(made.map(({ failures }) => failures)),
    numberArray(made.map(({ failuresMax }) => failuresMax)),
    numberArray(made.map(({ nextAt }) => nextAt)),
    numberArray(made.map(({ expiresAt }) => expiresAt)),
    numberArray(made.map(({ finishedAt }) => finishedAt)),
    numberArray(made.map(({ removeAt }) => removeAt)),
    textArray(made.map(({ trigger }) => trigger)),
    textArray(made.map(({ nextReason }) => nextReason)),
    textArray(made.map(({ tenant }) => tenant)),
    textArray(made.map(({ event }) => event)),
    textArray(made.map(({ operationId }) => operationId)),
    textArray(made.map(({ url }) => url)),
    textArray(added.map(({ kept }) => kept?.body ?? '')),
    textArray(added.map(({ kept }) => membersText(kept?.headers ?? {}))),
    textArray(added.map(({ kept }) => kept?.secret ?? null)),
  ];
  tx.post(insertDeliveriesSql, values, added.length);
}

function postUpdates(tx: Transaction, dirty: readonly DeliveryEntry[]): void {
  const changed = dirty.flatMap(({ stored, delivery, attemptStartedAt }) =>
    stored === null ? [] : { before: stored, after: delivery, attemptStartedAt },
  );
  if (changed.length === 0) return;
  const after = changed.map((change) => change.after);
  const values = [
    textArray(after.map(({ id }) => id)),
    numberArray(changed.map(({ before }) => before.version)),
    textArray(after.map(({ state }) => state)),
    numberArray(after.map(({ version }) => version)),
    numberArray(after.map(({ attempts }) => attempts)),
    numberArray(after.map(({ failures }) => failures)),
    numberArray(after.map(({ nextAt }) => nextAt)),
    textArray(after.map(({ nextReason }) => nextReason)),
    numberArray(after.map(({ expiresAt }) => expiresAt)),
    numberArray(after.map(({ finishedAt }) => finishedAt)),
    numberArray(after.map(({ removeAt }) => removeAt)),
    numberArray(changed.map(({ attemptStartedAt }) => attemptStartedAt)),
    numberArray(after.map(({ lease }) => lease && lease.expiresAt)),
    textArray(after.map(({ lease }) => lease && lease.token)),
    textArray(after.map(({ lease }) => lease && lease.worker)),
    textArray(after.map(({ trigger }) => trigger)),
    numberArray(after.map(({ lastStatus }) => lastStatus)),
    textArray(after.map(({ lastError }) => lastError)),
    textArray(after.map(({ url }) => url)),
  ];
  tx.post(updateDeliveriesSql, values, changed.length);
}
