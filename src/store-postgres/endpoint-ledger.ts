import type { Endpoint } from '../core/endpoint.ts';
import { endpointColumnCount, endpointColumns } from '../store/endpoint-rows.ts';
import { booleanArray, numberArray, textArray } from './array-literal.ts';
import type { Row, Transaction, Value } from './connection.ts';
import {
  idle,
  isSamePlace,
  placeOf,
  placeWith,
  readWaiting,
  type EndpointPlace,
  type Planned,
} from './endpoint-place.ts';
import { endpointArrays, endpointArrayTypes, endpointOf } from './endpoint-rows.ts';
import { sqlState } from './postgres-error.ts';

/**
 * The endpoints that one transaction touches, in memory. Each is written once, however many of its
 * deliveries change, together with its place in the order of claims. Every transaction locks an
 * endpoint before it changes anything of it or of its deliveries.
 *
 * Two transactions never wait for each other in a circle: endpoints that are known to be needed
 * when a transaction begins are locked then, ascending by id; those that turn out to be needed
 * later are locked without waiting. If that fails, the transaction begins again, with those
 * endpoints among the first. Claims, sweeps and prunes, which look for work of any endpoint, skip
 * those that others hold.
 */
export type EndpointEntry = {
  readonly id: string;
  endpoint: Endpoint;
  /** When it was removed; it stays until its last delivery is gone. */
  removedAt: number | null;
  /** Whether some of its deliveries are still to be held, released or cancelled. */
  isBehind: boolean;
  place: EndpointPlace;
  /** As the database has it; null: not inserted yet. */
  stored: {
    readonly endpoint: Endpoint;
    readonly removedAt: number | null;
    readonly isBehind: boolean;
    readonly place: EndpointPlace;
  } | null;
  /** Whether its place must be read anew, because this transaction changed rows it follows from. */
  isMisplaced: boolean;
};

/** Which endpoints are needed, by what is known of them. */
export type EndpointNeeds = {
  readonly ids: Set<string>;
  /** The endpoints of these deliveries. */
  readonly deliveryIds: Set<string>;
  /** The endpoints of kind `request` with these addresses. */
  readonly requests: Map<string, RequestAddress>;
};

export type RequestAddress = { readonly tenant: string; readonly url: string };

export function noEndpoints(): EndpointNeeds {
  return { ids: new Set(), deliveryIds: new Set(), requests: new Map() };
}

export function requestName({ tenant, url }: RequestAddress): string {
  return `${tenant}\0${url}`;
}

const lockColumns = `${endpointColumns}, removed_at, is_behind, first_at, first_id, open_at, place_from,
  place_until`;

const lockSql = (how: '' | ' NOWAIT'): string => `
SELECT ${lockColumns}
FROM @endpoints AS endpoints
WHERE id IN (
  SELECT unnest($1::text[])
  UNION
  SELECT endpoint_id
  FROM @deliveries
  WHERE id = ANY($2::text[])
  UNION
  SELECT requested.id
  FROM unnest($3::text[], $4::text[]) AS wanted (tenant, url)
  JOIN @endpoints AS requested ON requested.tenant = wanted.tenant AND requested.url = wanted.url
  WHERE requested.kind = 'request'
    AND requested.removed_at IS NULL
)
ORDER BY id
FOR UPDATE OF endpoints${how}`;

export const lockEndpointsSql = lockSql('');
export const lockMoreEndpointsSql = lockSql(' NOWAIT');

export const lockFreeEndpointsSql = `
SELECT ${lockColumns}
FROM @endpoints
WHERE id = ANY($1::text[])
ORDER BY id
FOR UPDATE SKIP LOCKED`;

const insertEndpointsSql = `
INSERT INTO @endpoints (${endpointColumns})
SELECT *
FROM unnest(${endpointArrayTypes})`;

const changedColumns = endpointColumns
  .split(',')
  .map((column) => column.trim())
  .filter((column) => column !== 'id');

export const updateEndpointsSql = `
UPDATE @endpoints AS endpoints
SET ${changedColumns.map((column) => `${column} = changed.${column}`).join(',\n    ')},
    removed_at = changed.removed_at,
    is_behind = changed.is_behind,
    first_at = changed.first_at,
    first_id = changed.first_id,
    open_at = changed.open_at,
    place_from = changed.place_from,
    place_until = changed.place_until
FROM unnest(${endpointArrayTypes},
  $26::bigint[], $27::boolean[], $28::bigint[], $29::text[], $30::bigint[], $31::bigint[], $32::bigint[])
  AS changed (${endpointColumns}, removed_at, is_behind, first_at, first_id, open_at, place_from,
    place_until)
WHERE endpoints.id = changed.id`;

export const updatePlacesSql = `
UPDATE @endpoints AS endpoints
SET first_at = placed.first_at,
    first_id = placed.first_id,
    open_at = placed.open_at,
    place_from = placed.place_from,
    place_until = placed.place_until
FROM unnest($1::text[], $2::bigint[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[])
  AS placed (id, first_at, first_id, open_at, place_from, place_until)
WHERE endpoints.id = placed.id`;

const deleteEndpointsSql = `
DELETE FROM @endpoints
WHERE id = ANY($1::text[])`;

/** lock_not_available */
const lockedByAnother = '55P03';

export class EndpointLedger {
  readonly #tx: Transaction;
  /** What this transaction turned out to need, for when it must begin again. */
  readonly #wanted: EndpointNeeds;
  readonly #entries = new Map<string, EndpointEntry>();
  readonly #absent = new Set<string>();
  readonly #requests = new Map<string, EndpointEntry | null>();
  readonly #dirty = new Set<EndpointEntry>();

  constructor(tx: Transaction, wanted: EndpointNeeds) {
    this.#tx = tx;
    this.#wanted = wanted;
  }

  /** Locks what is needed at the beginning, when no endpoint is locked yet. */
  async lockFirst(needs: EndpointNeeds): Promise<void> {
    await this.#lock(lockEndpointsSql, {
      ids: union(needs.ids, this.#wanted.ids),
      deliveryIds: union(needs.deliveryIds, this.#wanted.deliveryIds),
      requests: new Map([...needs.requests, ...this.#wanted.requests]),
    });
  }

  /** Locks what is not known yet, without waiting for another transaction. */
  async lockMore(needs: EndpointNeeds): Promise<void> {
    const missing = {
      ids: new Set([...needs.ids].filter((id) => !this.#entries.has(id) && !this.#absent.has(id))),
      deliveryIds: needs.deliveryIds,
      requests: new Map([...needs.requests].filter(([name]) => !this.#requests.has(name))),
    };
    try {
      await this.#lock(lockMoreEndpointsSql, missing);
    } catch (error) {
      if (sqlState(error) === lockedByAnother) {
        for (const id of missing.ids) this.#wanted.ids.add(id);
        for (const id of missing.deliveryIds) this.#wanted.deliveryIds.add(id);
        for (const [name, one] of missing.requests) this.#wanted.requests.set(name, one);
      }
      throw error;
    }
  }

  async #lock(sql: string, { ids, deliveryIds, requests }: EndpointNeeds): Promise<void> {
    if (ids.size + deliveryIds.size + requests.size === 0) return;
    const addresses = [...requests.values()];
    this.adopt(
      await this.#tx.all(
        sql,
        textArray([...ids]),
        textArray([...deliveryIds]),
        textArray(addresses.map(({ tenant }) => tenant)),
        textArray(addresses.map(({ url }) => url)),
      ),
    );
    for (const id of ids) if (!this.#entries.has(id)) this.#absent.add(id);
    for (const name of requests.keys()) {
      if (!this.#requests.has(name)) this.#requests.set(name, null);
    }
  }

  /** Locks those of the endpoints that no other transaction holds, and returns them. */
  async lockFree(ids: readonly string[]): Promise<EndpointEntry[]> {
    if (ids.length === 0) return [];
    return this.adopt(await this.#tx.all(lockFreeEndpointsSql, textArray(ids)));
  }

  /** Takes in rows of lockColumns. */
  adopt(rows: readonly Row[]): EndpointEntry[] {
    return rows.map((row) => {
      const known = this.#entries.get(row[0] as string);
      return known ?? this.#keep(entryOf(row));
    });
  }

  #keep(entry: EndpointEntry): EndpointEntry {
    this.#entries.set(entry.id, entry);
    this.#absent.delete(entry.id);
    const { endpoint, removedAt } = entry;
    if (endpoint.kind === 'request' && removedAt === null) {
      this.#requests.set(requestName(endpoint), entry);
    }
    return entry;
  }

  /** Finds removed endpoints as well. The endpoint must have been locked. */
  find(id: string): EndpointEntry | undefined {
    return this.#entries.get(id);
  }

  get(id: string): EndpointEntry {
    const entry = this.#entries.get(id);
    if (entry === undefined) throw new Error(`A delivery goes to ${id}, which is not there.`);
    return entry;
  }

  /** The endpoint of kind `request` that the tenant has for this address. */
  findRequest(address: RequestAddress): EndpointEntry | undefined {
    return this.#requests.get(requestName(address)) ?? undefined;
  }

  /** A removed endpoint of the same id, kept for its last deliveries, is restored with them. */
  insert(endpoint: Endpoint): EndpointEntry {
    const removed = this.#entries.get(endpoint.id);
    if (removed !== undefined && removed.removedAt === null) {
      throw new Error(`A second endpoint ${endpoint.id}.`);
    }
    const entry = removed ?? {
      id: endpoint.id,
      endpoint,
      removedAt: null,
      isBehind: false,
      place: idle,
      stored: null,
      isMisplaced: false,
    };
    entry.endpoint = endpoint;
    entry.removedAt = null;
    if (entry === removed) entry.isMisplaced = true;
    this.#dirty.add(entry);
    return this.#keep(entry);
  }

  /** Replaces the record. */
  change(entry: EndpointEntry, endpoint: Endpoint): void {
    const before = entry.endpoint;
    entry.endpoint = endpoint;
    if (before.kind === 'request' && before.url !== endpoint.url) {
      this.#requests.set(requestName(before), null);
      this.#requests.set(requestName(endpoint), entry);
    }
    this.touch(entry);
  }

  /** Marks that deliveries of the endpoint changed, so that its place is read anew. */
  touch(entry: EndpointEntry): void {
    entry.isMisplaced = true;
    this.#dirty.add(entry);
  }

  /**
   * Records that one more delivery waits. Where the place follows from what is known, this saves a
   * read of the rows.
   */
  added(entry: EndpointEntry, added: Planned, now: number): void {
    const { endpoint, place, isMisplaced } = entry;
    this.#dirty.add(entry);
    const placed = isMisplaced ? null : placeWith(endpoint, { place, added }, now);
    if (placed === null) entry.isMisplaced = true;
    else entry.place = placed;
  }

  behind(entry: EndpointEntry, isBehind: boolean): void {
    entry.isBehind = isBehind;
    this.#dirty.add(entry);
  }

  /** Removes it from sight; its row stays for its last deliveries. */
  remove(entry: EndpointEntry, now: number): void {
    entry.removedAt = now;
    if (entry.endpoint.kind === 'request') this.#requests.set(requestName(entry.endpoint), null);
    this.touch(entry);
  }

  /** Deletes endpoints that have no deliveries left. */
  forget(entries: readonly EndpointEntry[]): void {
    if (entries.length === 0) return;
    this.#tx.post(deleteEndpointsSql, [textArray(entries.map(({ id }) => id))], entries.length);
    for (const entry of entries) {
      this.#dirty.delete(entry);
      this.#entries.delete(entry.id);
      this.#absent.add(entry.id);
      if (entry.endpoint.kind === 'request') this.#requests.set(requestName(entry.endpoint), null);
    }
  }

  /** Sends new endpoints, before their deliveries, so that a place can be read from these. */
  postInserts(): void {
    const added = [...this.#dirty].filter(({ stored }) => stored === null).sort(byId);
    if (added.length === 0) return;
    const endpoints = added.map(({ endpoint }) => endpoint);
    this.#tx.post(insertEndpointsSql, endpointArrays(endpoints), added.length);
    for (const entry of added) {
      entry.stored = { endpoint: entry.endpoint, removedAt: null, isBehind: false, place: idle };
    }
  }

  /**
   * Writes what has changed; the deliveries must have been sent before. Its last statements are
   * sent, not answered, when this resolves.
   */
  async flush(now: number): Promise<void> {
    const dirty = [...this.#dirty].sort(byId);
    this.#dirty.clear();
    const misplaced = dirty.filter((entry) => entry.isMisplaced);
    const read = misplaced.filter(({ removedAt }) => removedAt === null).map(({ id }) => id);
    const waiting = await readWaiting(this.#tx, read, now);
    for (const entry of misplaced) {
      const found = waiting.get(entry.id);
      entry.place = found === undefined ? idle : placeOf(entry.endpoint, found, now);
      entry.isMisplaced = false;
    }
    const changed = dirty.filter(isRecordChanged);
    const placed = dirty.filter(
      (entry) => !isRecordChanged(entry) && !isSamePlace(entry.place, entry.stored?.place ?? idle),
    );
    if (changed.length > 0) {
      this.#tx.post(updateEndpointsSql, recordValues(changed), changed.length);
    }
    if (placed.length > 0) this.#tx.post(updatePlacesSql, placeValues(placed), placed.length);
    for (const entry of [...changed, ...placed]) {
      const { endpoint, removedAt, isBehind, place } = entry;
      entry.stored = { endpoint, removedAt, isBehind, place };
    }
  }

  /**
   * Forgets everything, after flush(): statements outside of this ledger changed rows, so they are
   * read anew.
   */
  reset(): void {
    this.#entries.clear();
    this.#absent.clear();
    this.#requests.clear();
  }
}

function union(a: ReadonlySet<string>, b: ReadonlySet<string>): Set<string> {
  return new Set([...a, ...b]);
}

function byId(a: EndpointEntry, b: EndpointEntry): number {
  return a.id < b.id ? -1 : 1;
}

function isRecordChanged({ stored, endpoint, removedAt, isBehind }: EndpointEntry): boolean {
  return (
    stored?.endpoint !== endpoint || stored.removedAt !== removedAt || stored.isBehind !== isBehind
  );
}

function recordValues(changed: readonly EndpointEntry[]): Value[] {
  return [
    ...endpointArrays(changed.map(({ endpoint }) => endpoint)),
    numberArray(changed.map(({ removedAt }) => removedAt)),
    booleanArray(changed.map(({ isBehind }) => isBehind)),
    ...placeValues(changed).slice(1),
  ];
}

function placeValues(placed: readonly EndpointEntry[]): Value[] {
  const places = placed.map(({ place }) => place);
  return [
    textArray(placed.map(({ id }) => id)),
    numberArray(places.map(({ firstAt }) => firstAt)),
    textArray(places.map(({ firstId }) => firstId)),
    numberArray(places.map(({ openAt }) => openAt)),
    numberArray(places.map(({ from }) => from)),
    numberArray(places.map(({ until }) => until)),
  ];
}

function entryOf(row: Row): EndpointEntry {
  const at = endpointColumnCount;
  const endpoint = endpointOf(row);
  const removedAt = row[at] as number | null;
  const isBehind = row[at + 1] as boolean;
  const place = {
    firstAt: row[at + 2] as number | null,
    firstId: row[at + 3] as string | null,
    openAt: row[at + 4] as number | null,
    from: row[at + 5] as number | null,
    until: row[at + 6] as number | null,
  };
  const stored = { endpoint, removedAt, isBehind, place };
  return { id: endpoint.id, ...stored, stored, isMisplaced: false };
}
