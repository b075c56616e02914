import type { Endpoint } from '../core/endpoint.ts';
import type { WebhookSecret } from '../store/delivery-store.ts';
import type { Row, WriteConnection, WriteStatement } from './connection.ts';
import { DeliveriesAhead } from './deliveries-ahead.ts';
import {
  EndpointPlaces,
  idle,
  isSamePlace,
  mayWait,
  placeValues,
  type EndpointPlace,
} from './endpoint-place.ts';
import { newEntry, type EndpointEntry } from './endpoint-entry.ts';
import {
  selectEndpointBySeqSql,
  selectEndpointSql,
  selectRequestEndpointSql,
  insertEndpointSql,
  updateEndpointSql,
  updateHealthSql,
  reviveEndpointSql,
  updatePlaceSql,
  deleteEndpointSql,
  countParkedSql,
} from './endpoint-statements.ts';
import {
  endpointOf,
  endpointRowColumnCount,
  endpointSeqOf,
  endpointValues,
  healthValues,
} from './endpoint-rows.ts';
import { InFlight } from './in-flight.ts';
import { RegisteredEndpoints } from './registered-endpoints.ts';
import { seqOf } from './rows.ts';
import { UnwrittenDeliveries } from './unwritten-deliveries.ts';

/**
 * Entries kept over commits: enough for the endpoints of a busy store, but not for a million in
 * bulk.
 */
const entriesMax = 1_000;

/**
 * The endpoints that a transaction touches, in memory. Each is written once, however many of its
 * deliveries change, together with its place in the order of claims (endpoint-place.ts).
 *
 * Only this process writes, so what is kept here stays valid over commits; after a rollback
 * everything is read again. Reading costs O(in flight + registered + parked).
 */
export class EndpointLedger {
  readonly inFlight: InFlight;
  readonly ahead = new DeliveriesAhead();
  readonly unwritten: UnwrittenDeliveries;
  /** The secrets that secrets.ts has read, by owner. */
  readonly secrets = new Map<string, readonly WebhookSecret[]>();
  readonly registered: RegisteredEndpoints;
  readonly places: EndpointPlaces;
  /**
   * The instant as of which all places are right (endpoint-time.ts); null: they must be audited.
   */
  placedAt: number | null = null;
  readonly #writer: WriteConnection;
  readonly #selectBySeq: WriteStatement;
  readonly #select: WriteStatement;
  readonly #selectRequest: WriteStatement;
  readonly #insert: WriteStatement;
  readonly #update: WriteStatement;
  readonly #updateHealth: WriteStatement;
  readonly #updatePlace: WriteStatement;
  readonly #revived: WriteStatement;
  readonly #delete: WriteStatement;
  readonly #countParked: WriteStatement;
  readonly #entries = new Map<number, EndpointEntry>();
  readonly #seqs = new Map<string, number>();
  readonly #parked = new Map<string, number>();
  readonly #dirty = new Set<EndpointEntry>();
  /** Endpoints whose row has an outdated place, because they have unwritten deliveries. */
  readonly #unplaced = new Map<number, EndpointEntry>();

  constructor(writer: WriteConnection) {
    this.#writer = writer;
    this.inFlight = new InFlight(writer);
    this.registered = new RegisteredEndpoints(writer);
    this.unwritten = new UnwrittenDeliveries(writer);
    this.places = new EndpointPlaces(writer, { ahead: this.ahead, unwritten: this.unwritten });
    this.#selectBySeq = writer.prepare(selectEndpointBySeqSql);
    this.#select = writer.prepare(selectEndpointSql);
    this.#selectRequest = writer.prepare(selectRequestEndpointSql);
    this.#insert = writer.prepare(insertEndpointSql);
    this.#update = writer.prepare(updateEndpointSql);
    this.#updateHealth = writer.prepare(updateHealthSql);
    this.#updatePlace = writer.prepare(updatePlaceSql);
    this.#revived = writer.prepare(reviveEndpointSql);
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

  /** Finds removed endpoints as well. */
  find(id: string): EndpointEntry | undefined {
    const seq = this.#seqs.get(id);
    if (seq !== undefined) return this.bySeq(seq);
    const row = this.#select.first(id);
    return row && (this.#entries.get(endpointSeqOf(row)) ?? this.#keep(row));
  }

  /** The endpoint of kind `request` that the tenant has for this address. */
  findRequest(tenant: string, url: string): EndpointEntry | undefined {
    const row = this.#selectRequest.first(tenant, url);
    return row && this.bySeq(seqOf(row));
  }

  registeredOf(tenant: string): readonly Endpoint[] {
    return this.registered.of(tenant, (seq) => this.bySeq(seq).endpoint);
  }

  /** A removed endpoint of the same id, kept for its last deliveries, is restored with them. */
  insert(endpoint: Endpoint, now: number): EndpointEntry {
    const { id, kind, tenant, createdAt } = endpoint;
    const removed = this.find(id);
    if (removed !== undefined && removed.removedAt !== null) {
      return this.#revive(removed, endpoint, now);
    }
    const seq = this.#insert.insert(...endpointValues(endpoint), id, kind, tenant, createdAt);
    const entry = newEntry(seq, endpoint);
    this.#entries.set(entry.seq, entry);
    this.#seqs.set(id, entry.seq);
    this.ahead.nothingElse(entry.seq);
    if (kind === 'registered') this.registered.added(endpoint);
    return entry;
  }

  /**
   * Replaces the record. With the same version only its health differs; if `isLater`, that is
   * written with the endpoint's unwritten deliveries.
   */
  change(entry: EndpointEntry, { endpoint, now, isLater = false }: EndpointRecordChange): void {
    const { origin } = entry.endpoint;
    if (endpoint.origin !== origin) {
      // A slot at the former origin says nothing about the new one.
      if (entry.place.lane === 'parked') this.#move(entry, { ...entry.place, lane: 'open' });
      this.inFlight.moved(entry.seq, origin, endpoint.origin);
    }
    const before = entry.endpoint;
    entry.endpoint = endpoint;
    if (endpoint.kind === 'registered' && entry.removedAt === null) {
      this.registered.changed(endpoint);
    }
    if (endpoint.version !== before.version) {
      entry.isChanged = true;
      this.touch(entry, now);
      return;
    }
    if (isLater) entry.isHealthBehind = true;
    else {
      entry.isHealthChanged = true;
      this.#dirty.add(entry);
    }
    if (endpoint.health.gateAt !== before.health.gateAt) this.touch(entry, now);
  }

  /** Marks that deliveries of the endpoint changed, so that its place is found anew. */
  touch(entry: EndpointEntry, now: number): void {
    entry.touchedAt = now;
    this.#dirty.add(entry);
  }

  /** One of its unwritten deliveries has been written. */
  released(entry: EndpointEntry): void {
    if (entry.isHealthBehind) entry.isHealthChanged = true;
    entry.isHealthBehind = false;
    this.#dirty.add(entry);
  }

  /**
   * Endpoints that may be claimed from, whose present place differs from their row; the place given
   * here counts.
   */
  *unplaced(): Generator<{ entry: EndpointEntry; firstAt: number; firstId: string }> {
    for (const entry of this.#unplaced.values()) {
      const { lane, firstAt, firstId } = entry.place;
      if (lane === 'open' && firstAt !== null && firstId !== null)
        yield { entry, firstAt, firstId };
    }
  }

  isUnplaced(seq: number): boolean {
    return this.#unplaced.has(seq);
  }

  get unplacedCount(): number {
    return this.#unplaced.size;
  }

  /** Sets `isBehind`. */
  behind(entry: EndpointEntry, isBehind: boolean): void {
    if (entry.isBehind === isBehind) return;
    entry.isBehind = isBehind;
    entry.isChanged = true;
    this.#dirty.add(entry);
  }

  /**
   * Removes it from sight, for statements that find endpoints as well; its row stays for its last
   * deliveries.
   */
  remove(entry: EndpointEntry, now: number): void {
    entry.removedAt = now;
    this.inFlight.dropped(entry.seq, entry.endpoint.origin);
    if (entry.endpoint.kind === 'registered') this.registered.removed(entry.endpoint);
    entry.isChanged = true;
    this.touch(entry, now);
    this.#write(entry);
  }

  /** Deletes an endpoint that has no deliveries left. */
  forget(entry: EndpointEntry): void {
    if (entry.removedAt === null && entry.endpoint.kind === 'registered') {
      this.registered.removed(entry.endpoint);
    }
    this.#move(entry, idle);
    this.#delete.run(entry.seq);
    this.#entries.delete(entry.seq);
    this.#seqs.delete(entry.endpoint.id);
    this.#dirty.delete(entry);
    this.#unplaced.delete(entry.seq);
    this.ahead.drop(entry.seq);
    this.places.tooFar.delete(entry.seq);
  }

  /** Parks an endpoint whose origin has no free slot. */
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

  /** Writes what this transaction has touched. */
  flush(): void {
    for (const entry of this.#dirty) this.#write(entry);
  }

  /**
   * Writes what decides who is claimed from, so that statements see it; the health can wait for
   * flush().
   */
  place(): void {
    for (const entry of this.#dirty) {
      if (entry.isChanged) this.#write(entry);
      else this.#place(entry);
    }
  }

  /** What flush() wrote is committed. */
  committed(): void {
    if (this.#entries.size <= entriesMax) return;
    // Entries with unwritten deliveries hold what is stored nowhere else.
    for (const [seq, { endpoint }] of this.#entries) {
      if (this.unwritten.of(seq) > 0) continue;
      this.#entries.delete(seq);
      this.#seqs.delete(endpoint.id);
    }
  }

  /**
   * Reads everything anew, through the writer as Ledger.reload() does. When it throws, call it
   * again.
   */
  reload(): void {
    this.#writer.beginRead();
    try {
      this.registered.reload();
      const parked = this.#countParked.all();
      this.#entries.clear();
      this.#seqs.clear();
      this.#dirty.clear();
      this.#parked.clear();
      this.#unplaced.clear();
      this.places.tooFar.clear();
      this.ahead.clear();
      this.secrets.clear();
      this.placedAt = null;
      for (const [origin, count] of parked) this.#parked.set(origin as string, count as number);
      this.inFlight.reload();
      this.unwritten.reload();
      for (const { endpointSeq } of this.unwritten.inFlight()) {
        const { removedAt, endpoint } = this.bySeq(endpointSeq);
        if (removedAt === null) this.inFlight.change(endpointSeq, endpoint.origin, 1);
      }
    } finally {
      this.#writer.rollback();
    }
  }

  #revive(entry: EndpointEntry, endpoint: Endpoint, now: number): EndpointEntry {
    const { kind, tenant, createdAt } = endpoint;
    this.#revived.run(kind, tenant, createdAt, entry.seq);
    entry.removedAt = null;
    if (kind === 'registered') this.registered.added(endpoint);
    entry.endpoint = endpoint;
    entry.isChanged = true;
    this.inFlight.recount(entry.seq, endpoint.origin);
    this.touch(entry, now);
    this.#write(entry);
    return entry;
  }

  #keep(row: Row): EndpointEntry {
    const at = endpointRowColumnCount;
    const entry = newEntry(endpointSeqOf(row), endpointOf(row));
    entry.removedAt = row[at] as number | null;
    entry.isBehind = row[at + 1] === 1;
    entry.placeWritten = entry.place = {
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
    const { isChanged, isHealthChanged } = entry;
    entry.isChanged = false;
    entry.isHealthChanged = false;
    if (isChanged) {
      const place = this.#placeNow(entry);
      this.#parkedBy(entry, place);
      entry.place = place;
      entry.placeWritten = place;
      this.#unplaced.delete(entry.seq);
      const { removedAt, isBehind, endpoint, seq } = entry;
      const kept = [...endpointValues(endpoint), removedAt, isBehind ? 1 : 0];
      this.#update.run(...kept, ...placeValues(place), seq);
      return;
    }
    this.#place(entry);
    if (isHealthChanged) this.#updateHealth.run(...healthValues(entry.endpoint.health), entry.seq);
  }

  #place(entry: EndpointEntry): void {
    const place = this.#placeNow(entry);
    const isWritten = isSamePlace(place, entry.placeWritten);
    if (!isWritten && !(this.unwritten.of(entry.seq) > 0 && mayWait(place, entry.placeWritten))) {
      this.#move(entry, place);
      return;
    }
    entry.place = place;
    if (isWritten) this.#unplaced.delete(entry.seq);
    else this.#unplaced.set(entry.seq, entry);
  }

  /** Finds the place anew if the endpoint was touched. */
  #placeNow(entry: EndpointEntry): EndpointPlace {
    const { touchedAt } = entry;
    entry.touchedAt = null;
    return touchedAt === null ? entry.place : this.#placeOf(entry, touchedAt);
  }

  #move(entry: EndpointEntry, place: EndpointPlace): void {
    this.#parkedBy(entry, place);
    entry.place = place;
    entry.placeWritten = place;
    this.#unplaced.delete(entry.seq);
    this.#updatePlace.run(...placeValues(place), entry.seq);
  }

  #parkedBy({ place, endpoint: { origin } }: EndpointEntry, next: EndpointPlace): void {
    const by = Number(next.lane === 'parked') - Number(place.lane === 'parked');
    if (by === 0) return;
    const count = (this.#parked.get(origin) ?? 0) + by;
    if (count === 0) this.#parked.delete(origin);
    else this.#parked.set(origin, count);
  }

  #placeOf({ seq, endpoint, removedAt, place: before }: EndpointEntry, now: number): EndpointPlace {
    return removedAt === null ? this.places.of({ seq, endpoint, before }, now) : idle;
  }
}

type EndpointRecordChange = {
  readonly endpoint: Endpoint;
  readonly now: number;
  readonly isLater?: boolean;
};
