import type { Endpoint } from '../core/endpoint.ts';
import { gateStands } from '../core/endpoint-health.ts';
import { limits } from '../core/limits.ts';
import type { Row, Value, WriteConnection, WriteStatement } from './connection.ts';
import {
  endpointColumnCount,
  endpointColumns,
  endpointOf,
  endpointValues,
} from './endpoint-rows.ts';
import { InFlight } from './in-flight.ts';
import { RegisteredEndpoints } from './registered-endpoints.ts';
import { seqOf } from './rows.ts';

/**
 * The endpoints that a transaction touches, in memory, each written once however many of its deliveries change.
 * With them goes their place in the order of claims, which follows from the first of their pending deliveries:
 *
 *   idle    nothing is pending, or nothing may be sent: disabled, removed
 *   open    may be claimed from once `firstAt` has come; stands in the order (firstAt, firstId)
 *   gated   not before `openAt`: its gate stands until then, or its first delivery is not due earlier
 *   parked  its origin had no slot when a claim looked at it; open again when one is free (delivery-claim.ts)
 *
 * This process alone writes, so that what is kept here holds over commits; after a rollback everything is read
 * again. Reading costs O(in flight + registered + parked).
 */
export type EndpointEntry = {
  readonly seq: number;
  endpoint: Endpoint;
  /** When it was removed: it stays for its last deliveries. */
  removedAt: number | null;
  /** Some of its deliveries are still to be held, released or cancelled. */
  isBehind: boolean;
  place: EndpointPlace;
  /** The record is to be written with this commit. */
  isChanged: boolean;
  /** Its deliveries or its health changed at this instant: its place is to be found anew; null: it is right. */
  touchedAt: number | null;
};

export type EndpointPlace = {
  readonly lane: 'idle' | 'open' | 'gated' | 'parked';
  readonly firstAt: number | null;
  readonly firstId: string | null;
  readonly openAt: number | null;
};

const derivedColumns = 'removed_at, is_behind, lane, first_at, first_id, open_at';

export const selectEndpointBySeqSql = `
SELECT ${endpointColumns}, ${derivedColumns}
FROM endpoints
WHERE seq = ?`;

export const selectEndpointSql = `
SELECT ${endpointColumns}, ${derivedColumns}
FROM endpoints
WHERE id = ?`;

export const selectRequestEndpointSql = `
SELECT seq
FROM endpoints
WHERE kind = 'request'
  AND removed_at IS NULL
  AND tenant = ?
  AND url = ?`;

export const firstPendingSql = `
SELECT next_at, id
FROM deliveries
WHERE endpoint_seq = ?
  AND next_at IS NOT NULL
ORDER BY next_at, id
LIMIT 1`;

const insertEndpointSql = `
INSERT INTO endpoints
  (version, disabled_at, disabled_reason, circuit, failures, first_failed_delivery, several_failed, probes,
   gate_at, gate_reason, in_flight_max, failing_since, last_success_at, last_failure_at, origin, url, events,
   tasks, headers, description, id, kind, tenant, created_at, lane)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'idle')`;

const lastSeqSql = `
SELECT last_insert_rowid()`;

const updateEndpointSql = `
UPDATE endpoints
SET version = ?,
    disabled_at = ?,
    disabled_reason = ?,
    circuit = ?,
    failures = ?,
    first_failed_delivery = ?,
    several_failed = ?,
    probes = ?,
    gate_at = ?,
    gate_reason = ?,
    in_flight_max = ?,
    failing_since = ?,
    last_success_at = ?,
    last_failure_at = ?,
    origin = ?,
    url = ?,
    events = ?,
    tasks = ?,
    headers = ?,
    description = ?,
    removed_at = ?,
    is_behind = ?,
    lane = ?,
    first_at = ?,
    first_id = ?,
    open_at = ?
WHERE seq = ?`;

const updatePlaceSql = `
UPDATE endpoints
SET lane = ?,
    first_at = ?,
    first_id = ?,
    open_at = ?
WHERE seq = ?`;

const deleteEndpointSql = `
DELETE FROM endpoints
WHERE seq = ?`;

export const countParkedSql = `
SELECT origin, count(*)
FROM endpoints
WHERE lane = 'parked'
GROUP BY origin`;

/** Entries kept over commits; a busy store has its endpoints at hand, a bulk one does not keep a million. */
const entriesMax = 1_000;

const idle: EndpointPlace = { lane: 'idle', firstAt: null, firstId: null, openAt: null };

export class EndpointLedger {
  readonly inFlight: InFlight;
  readonly registered: RegisteredEndpoints;
  /** Endpoints that may have a delivery planned further ahead than any legal pause: it is due (isPast). */
  readonly tooFar = new Set<number>();
  /** The clock may have been set back since the file was written: only while the store was closed, so once. */
  mayBeTooFar = true;
  readonly #writer: WriteConnection;
  readonly #selectBySeq: WriteStatement;
  readonly #select: WriteStatement;
  readonly #selectRequest: WriteStatement;
  readonly #firstPending: WriteStatement;
  readonly #insert: WriteStatement;
  readonly #lastSeq: WriteStatement;
  readonly #update: WriteStatement;
  readonly #updatePlace: WriteStatement;
  readonly #delete: WriteStatement;
  readonly #countParked: WriteStatement;
  readonly #entries = new Map<number, EndpointEntry>();
  readonly #seqs = new Map<string, number>();
  readonly #parked = new Map<string, number>();
  readonly #dirty = new Set<EndpointEntry>();

  constructor(writer: WriteConnection) {
    this.#writer = writer;
    this.inFlight = new InFlight(writer);
    this.registered = new RegisteredEndpoints(writer);
    this.#selectBySeq = writer.prepare(selectEndpointBySeqSql);
    this.#select = writer.prepare(selectEndpointSql);
    this.#selectRequest = writer.prepare(selectRequestEndpointSql);
    this.#firstPending = writer.prepare(firstPendingSql);
    this.#insert = writer.prepare(insertEndpointSql);
    this.#lastSeq = writer.prepare(lastSeqSql);
    this.#update = writer.prepare(updateEndpointSql);
    this.#updatePlace = writer.prepare(updatePlaceSql);
    this.#delete = writer.prepare(deleteEndpointSql);
    this.#countParked = writer.prepare(countParkedSql);
    this.reload();
  }

  bySeq(seq: number): EndpointEntry {
    const known = this.#entries.get(seq);
    if (known !== undefined) return known;
    const row = this.#selectBySeq.first(seq);
    if (row === undefined)
      throw new Error(`A delivery goes to endpoint ${seq}, which is not there.`);
    return this.#keep(row);
  }

  /** Also one that was removed. */
  find(id: string): EndpointEntry | undefined {
    const seq = this.#seqs.get(id);
    if (seq !== undefined) return this.bySeq(seq);
    const row = this.#select.first(id);
    return row && (this.#entries.get(seqOf(row)) ?? this.#keep(row));
  }

  /** The one of kind `request` that the tenant has for this address. */
  findRequest(tenant: string, url: string): EndpointEntry | undefined {
    const row = this.#selectRequest.first(tenant, url);
    return row && this.bySeq(seqOf(row));
  }

  registeredOf(tenant: string): readonly Endpoint[] {
    return this.registered.of(tenant, (seq) => this.bySeq(seq).endpoint);
  }

  insert(endpoint: Endpoint): EndpointEntry {
    const { id, kind, tenant, createdAt } = endpoint;
    this.#insert.run(...endpointValues(endpoint), id, kind, tenant, createdAt);
    const entry = newEntry(Number(this.#lastSeq.first()?.[0]), endpoint);
    this.#entries.set(entry.seq, entry);
    this.#seqs.set(id, entry.seq);
    if (kind === 'registered') this.registered.added(endpoint);
    return entry;
  }

  /** The record is another now. */
  change(entry: EndpointEntry, endpoint: Endpoint, now: number): void {
    const { origin } = entry.endpoint;
    if (endpoint.origin !== origin) {
      // A slot at the former origin says nothing about the new one.
      if (entry.place.lane === 'parked') this.#move(entry, { ...entry.place, lane: 'open' });
      this.inFlight.moved(entry.seq, origin, endpoint.origin);
    }
    entry.endpoint = endpoint;
    entry.isChanged = true;
    if (endpoint.kind === 'registered' && entry.removedAt === null) {
      this.registered.changed(endpoint);
    }
    this.touch(entry, now);
  }

  /** Its deliveries are other ones now, or in other states. */
  touch(entry: EndpointEntry, now: number): void {
    entry.touchedAt = now;
    this.#dirty.add(entry);
  }

  /** From now on `isBehind` is this. */
  behind(entry: EndpointEntry, isBehind: boolean): void {
    if (entry.isBehind === isBehind) return;
    entry.isBehind = isBehind;
    entry.isChanged = true;
    this.#dirty.add(entry);
  }

  /** Out of sight from now on; what finds endpoints by statement sees it at once. */
  remove(entry: EndpointEntry, now: number): void {
    entry.removedAt = now;
    if (entry.endpoint.kind === 'registered') this.registered.removed(entry.endpoint);
    entry.isChanged = true;
    this.touch(entry, now);
    this.#write(entry);
  }

  /** A removed one that is asked for again under its id. */
  revive(entry: EndpointEntry, endpoint: Endpoint, now: number): void {
    entry.removedAt = null;
    if (endpoint.kind === 'registered') this.registered.added(endpoint);
    this.change(entry, endpoint, now);
    this.#write(entry);
  }

  /** For good: it has no delivery left. */
  forget(entry: EndpointEntry): void {
    if (entry.removedAt === null && entry.endpoint.kind === 'registered') {
      this.registered.removed(entry.endpoint);
    }
    this.#move(entry, idle);
    this.#delete.run(entry.seq);
    this.#entries.delete(entry.seq);
    this.#seqs.delete(entry.endpoint.id);
    this.#dirty.delete(entry);
    this.tooFar.delete(entry.seq);
  }

  /** Its origin has no slot left. */
  park(entry: EndpointEntry): void {
    this.#move(entry, { ...entry.place, lane: 'parked', openAt: null });
  }

  unpark(entry: EndpointEntry): void {
    if (entry.place.lane === 'parked') this.#move(entry, { ...entry.place, lane: 'open' });
  }

  /** Origins that have parked endpoints. */
  parkedOrigins(): string[] {
    return [...this.#parked.keys()];
  }

  /** A delivery of it was planned for `nextAt`. */
  planned(entry: EndpointEntry, nextAt: number, now: number): void {
    if (nextAt > now + limits.deliveryTtlMs) this.tooFar.add(entry.seq);
  }

  /** Writes what this transaction has touched, so that statements see it. */
  flush(): void {
    for (const entry of this.#dirty) this.#write(entry);
  }

  /** What flush() wrote is committed. */
  committed(): void {
    if (this.#entries.size <= entriesMax) return;
    this.#entries.clear();
    this.#seqs.clear();
  }

  /** Reads everything anew, as Ledger.reload() does and for its reason. When it throws, call it again. */
  reload(): void {
    this.#writer.beginRead();
    try {
      this.inFlight.reload();
      this.registered.reload();
      const parked = this.#countParked.all();
      this.#entries.clear();
      this.#seqs.clear();
      this.#dirty.clear();
      this.#parked.clear();
      this.tooFar.clear();
      this.mayBeTooFar = true;
      for (const [origin, count] of parked) this.#parked.set(origin as string, count as number);
    } finally {
      this.#writer.rollback();
    }
  }

  #keep(row: Row): EndpointEntry {
    const at = endpointColumnCount;
    const entry = newEntry(seqOf(row), endpointOf(row));
    entry.removedAt = row[at] as number | null;
    entry.isBehind = row[at + 1] === 1;
    entry.place = {
      lane: row[at + 2] as EndpointPlace['lane'],
      firstAt: row[at + 3] as number | null,
      firstId: row[at + 4] as string | null,
      openAt: row[at + 5] as number | null,
    };
    this.#entries.set(entry.seq, entry);
    this.#seqs.set(entry.endpoint.id, entry.seq);
    return entry;
  }

  #write(entry: EndpointEntry): void {
    this.#dirty.delete(entry);
    const { touchedAt, isChanged } = entry;
    const place = touchedAt === null ? entry.place : this.#placeOf(entry, touchedAt);
    entry.touchedAt = null;
    entry.isChanged = false;
    if (isChanged) {
      this.#parkedBy(entry, place);
      entry.place = place;
      const { removedAt, isBehind, endpoint, seq } = entry;
      const kept = [...endpointValues(endpoint), removedAt, isBehind ? 1 : 0];
      this.#update.run(...kept, ...placeValues(place), seq);
    } else if (!isSamePlace(place, entry.place)) {
      this.#move(entry, place);
    }
  }

  #move(entry: EndpointEntry, place: EndpointPlace): void {
    this.#parkedBy(entry, place);
    entry.place = place;
    this.#updatePlace.run(...placeValues(place), entry.seq);
  }

  #parkedBy({ place, endpoint: { origin } }: EndpointEntry, next: EndpointPlace): void {
    const by = Number(next.lane === 'parked') - Number(place.lane === 'parked');
    if (by === 0) return;
    const count = (this.#parked.get(origin) ?? 0) + by;
    if (count === 0) this.#parked.delete(origin);
    else this.#parked.set(origin, count);
  }

  #placeOf({ seq, endpoint, removedAt, place }: EndpointEntry, now: number): EndpointPlace {
    if (removedAt !== null || endpoint.disabled !== null) return idle;
    const first = this.#firstPending.first(seq);
    if (first === undefined) return idle;
    const firstAt = first[0] as number;
    const firstId = first[1] as string;
    const { gateAt } = endpoint.health;
    if (gateAt !== null && gateStands(gateAt, now)) {
      return { lane: 'gated', firstAt, firstId, openAt: Math.max(gateAt, firstAt) };
    }
    const lane = place.lane === 'parked' && firstAt <= now ? 'parked' : 'open';
    return { lane, firstAt, firstId, openAt: null };
  }
}

function newEntry(seq: number, endpoint: Endpoint): EndpointEntry {
  return {
    seq,
    endpoint,
    removedAt: null,
    isBehind: false,
    place: idle,
    isChanged: false,
    touchedAt: null,
  };
}

function placeValues({ lane, firstAt, firstId, openAt }: EndpointPlace): Value[] {
  return [lane, firstAt, firstId, openAt];
}

function isSamePlace(a: EndpointPlace, b: EndpointPlace): boolean {
  return (
    a.lane === b.lane && a.firstAt === b.firstAt && a.firstId === b.firstId && a.openAt === b.openAt
  );
}
