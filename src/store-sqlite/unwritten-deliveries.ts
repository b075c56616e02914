import type { Delivery, DeliveryAttempt } from '../core/delivery.ts';
import type { WriteConnection, WriteStatement } from './connection.ts';
import type { DeliveryRow } from './delivery-rows.ts';
import { selectClaimedSql } from './delivery-recovery.ts';
import { SlotMap } from './slot-map.ts';

/**
 * Deliveries whose row says less than is known: they were claimed, and perhaps delivered since.
 * Writing each claim into its row cost as much as writing its end, and the ends of one turn touch
 * almost as many pages as those of eight. So
 *
 * - a claim is one row of delivery_claims, for all deliveries that it took, committed before the
 *   first byte is sent. If the process dies, the next start writes it into their rows
 *   (recoverClaims), as if it had always been there
 * - successful ends are written together with those of the next turns, for at most `roundsMax`
 *   turns or `waitMsMax`, and a settlement is not acknowledged before. Until then the delivery counts
 *   as in flight for everything but the caps, as it would if the process died now
 * - code that needs the present state in the file has it written first (writeOf, writeAll); all
 *   other ends do so by themselves
 *
 * After a rollback a delivery with an unwritten end counts as in flight again, and its settlement
 * is rejected, so that it is repeated. Readers see the state as of the last commit that was
 * reported (`shown`).
 */
export type Unwritten = {
  /** The delivery as it is in flight. */
  readonly row: DeliveryRow;
  readonly claim: ClaimRow;
  /** The successful end; null: there is none yet. */
  end: DeliveredEnd | null;
};

export type DeliveredEnd = { readonly after: Delivery; readonly attempt: DeliveryAttempt };

/** A row of delivery_claims, and how many of its deliveries have not been written. */
type ClaimRow = { seq: number; left: number };

/** Ends that are written together. */
export type EndBatch = {
  /**
   * null: they are not written and reported yet. Otherwise the error because of which they were
   * undone, if they were.
   */
  over: { readonly error: unknown } | null;
  /** Called once each when it is over. */
  readonly listeners: (() => void)[];
};

type WriteRow = (unwritten: Unwritten) => void;

const insertClaimSql = `
INSERT INTO delivery_claims (claimed_at, expires_at, worker, members)
VALUES (?, ?, ?, ?)`;

const deleteClaimSql = `
DELETE FROM delivery_claims
WHERE seq = ?`;

/** Most ends that wait to be written, and most turns that the first of them waits for others. */
const endsMax = 256;
const roundsMax = 8;
/** Longest wait of an end: a turn that syncs takes as long as the disk does. */
const waitMsMax = 50;

export class UnwrittenDeliveries {
  readonly #insertClaim: WriteStatement;
  readonly #deleteClaim: WriteStatement;
  readonly #select: WriteStatement;
  readonly #byId = new SlotMap<Unwritten>();
  readonly #counts = new Map<number, number>();
  readonly #shown = new SlotMap<Unwritten>();
  /**
   * Writes the row of a delivery; #released then hears of its endpoint, whose place can be written.
   */
  #write: WriteRow = () => undefined;
  #released: (endpointSeq: number) => void = () => undefined;
  #ends: Unwritten[] = [];
  #batch: EndBatch | null = null;
  #rounds = 0;
  #firstEndedAt = 0;
  /** What this transaction has done, or is to do. */
  #isAllWanted = false;
  #endedNow = 0;
  #claimedNow: Unwritten[] = [];
  #writtenNow: Unwritten[] = [];
  #batchesNow: EndBatch[] = [];
  /** What is committed, but not reported yet. */
  #claimed: Unwritten[] = [];
  #written: Unwritten[] = [];
  #batches: EndBatch[] = [];

  constructor(writer: WriteConnection) {
    this.#insertClaim = writer.prepare(insertClaimSql);
    this.#deleteClaim = writer.prepare(deleteClaimSql);
    this.#select = writer.prepare(selectClaimedSql);
  }

  /** Sets how a row is written, and what is called after that. */
  connect(p: { readonly write: WriteRow; readonly released: (endpointSeq: number) => void }): void {
    this.#write = p.write;
    this.#released = p.released;
  }

  get(id: string): Unwritten | undefined {
    return this.#byId.get(id);
  }

  /** The delivery as readers see it. */
  shown(id: string): Unwritten | undefined {
    return this.#shown.get(id);
  }

  /**
   * How many deliveries of the endpoint readers see in flight although their rows say that they
   * wait.
   */
  shownOf(endpointSeq: number): number {
    let count = 0;
    for (const { row } of this.#shown.values()) if (row.endpointSeq === endpointSeq) count += 1;
    return count;
  }

  /** Deliveries in flight, without those whose end is recorded. */
  *inFlight(): Generator<DeliveryRow> {
    for (const { row, end } of this.#byId.values()) if (end === null) yield row;
  }

  of(endpointSeq: number): number {
    return this.#counts.get(endpointSeq) ?? 0;
  }

  /** Whether all rows say what is known, and what readers see. */
  get isEmpty(): boolean {
    return this.#byId.size === 0 && this.#shown.size === 0;
  }

  /** Has the next commit write all that is unwritten, what it claims itself included. */
  writeAllWithCommit(): void {
    this.#isAllWanted = true;
  }

  /** From now on the delivery is in flight; claimed() writes its claim. */
  add(row: DeliveryRow, claim: ClaimRow): void {
    const unwritten = { row, claim, end: null };
    claim.left += 1;
    this.#keep(unwritten);
    this.#claimedNow.push(unwritten);
  }

  /** Writes a claim that is complete, with the deliveries that were added under `claim`. */
  claimed(claim: ClaimRow, now: number): void {
    if (claim.left === 0) return; // All of them were written meanwhile, or there are none.
    const members: string[] = [];
    let first: Delivery | undefined;
    for (const { row, claim: own } of this.#claimedNow) {
      if (own !== claim) continue;
      first ??= row.delivery;
      members.push(`${row.seq} ${row.delivery.version}`);
    }
    if (first === undefined || first.lease === null) return;
    const { expiresAt, worker } = first.lease;
    claim.seq = this.#insertClaim.insert(now, expiresAt, worker, members.join());
  }

  /** Records a successful end. */
  ended(unwritten: Unwritten, end: DeliveredEnd): EndBatch {
    if (this.#ends.length === 0) this.#firstEndedAt = performance.now();
    unwritten.end = end;
    this.#ends.push(unwritten);
    this.#endedNow += 1;
    return (this.#batch ??= { over: null, listeners: [] });
  }

  /** Call before each commit: writes recorded ends when no more come, enough have, or this `isLast`. */
  round({ isLast }: { readonly isLast: boolean }): void {
    if (this.#isAllWanted) this.writeAll();
    if (this.#ends.length === 0) return;
    const { length } = this.#ends;
    const isLonely = isLast || this.#endedNow === 0 || this.#byId.size === length;
    this.#rounds += 1;
    const isEnough = length >= endsMax || this.#rounds >= roundsMax;
    if (isLonely || isEnough || performance.now() - this.#firstEndedAt > waitMsMax)
      this.writeEnds();
  }

  writeEnds(): void {
    const ends = this.#ends;
    this.#ends = [];
    this.#rounds = 0;
    if (this.#batch !== null) this.#batchesNow.push(this.#batch);
    this.#batch = null;
    for (const unwritten of ends) this.#writeOne(unwritten);
  }

  /** Writes all that is unwritten of an endpoint. */
  writeOf(endpointSeq: number): void {
    if (this.of(endpointSeq) === 0) return;
    this.writeEnds();
    for (const unwritten of this.#byId.values()) {
      if (unwritten.row.endpointSeq === endpointSeq) this.#writeOne(unwritten);
    }
  }

  /** Writes those for which `isMeant` holds, given the delivery as it is in flight. */
  writeWhere(isMeant: (delivery: Delivery) => boolean): void {
    for (const unwritten of this.#byId.values()) {
      if (!isMeant(unwritten.row.delivery)) continue;
      if (unwritten.end === null) this.#writeOne(unwritten);
      else this.writeEnds();
    }
  }

  writeAll(): void {
    this.writeWhere(() => true);
  }

  /** Writes the claim of a delivery that has not ended. */
  write(unwritten: Unwritten): void {
    this.#writeOne(unwritten);
  }

  committed(): void {
    this.#claimed.push(...this.#claimedNow);
    this.#written.push(...this.#writtenNow);
    this.#batches.push(...this.#batchesNow);
    this.#beginAnew();
  }

  /** From now on readers see what is committed. */
  shownToReaders(): void {
    for (const unwritten of this.#claimed) this.#shown.set(unwritten.row.delivery.id, unwritten);
    for (const unwritten of this.#written) {
      const { id } = unwritten.row.delivery;
      // Claimed again since, perhaps.
      if (this.#shown.get(id) === unwritten) this.#shown.delete(id);
    }
    for (const batch of this.#batches) endBatch(batch, null);
    this.#claimed = [];
    this.#written = [];
    this.#batches = [];
  }

  rolledBack(error: unknown): void {
    for (const unwritten of this.#claimedNow) this.#forget(unwritten);
    for (const unwritten of this.#writtenNow) {
      if (this.#claimedNow.includes(unwritten)) continue;
      unwritten.claim.left += 1;
      this.#keep(unwritten);
    }
    for (const unwritten of this.#byId.values()) unwritten.end = null;
    for (const batch of this.#batchesNow) endBatch(batch, error);
    if (this.#batch !== null) endBatch(this.#batch, error);
    this.#batch = null;
    this.#ends = [];
    this.#rounds = 0;
    this.#beginAnew();
  }

  /** After a rollback, in a transaction: forgets what the rows know better, as a commit that failed may have been stored. */
  reload(): void {
    for (const unwritten of this.#byId.values()) {
      const { seq, delivery } = unwritten.row;
      const [version, , state] = this.#select.first(seq) ?? [];
      if (state === 'pending' && version === delivery.version - 1) continue;
      this.#forget(unwritten);
      unwritten.claim.left -= 1;
      this.#written.push(unwritten);
    }
  }

  #beginAnew(): void {
    this.#claimedNow = [];
    this.#writtenNow = [];
    this.#batchesNow = [];
    this.#endedNow = 0;
    this.#isAllWanted = false;
  }

  #writeOne(unwritten: Unwritten): void {
    const { row, claim } = unwritten;
    this.#write(unwritten);
    // Before any other statement can fail: rolledBack() knows it from here on.
    this.#writtenNow.push(unwritten);
    this.#forget(unwritten);
    claim.left -= 1;
    if (claim.left === 0) this.#deleteClaim.run(claim.seq);
    this.#released(row.endpointSeq);
  }

  #keep(unwritten: Unwritten): void {
    const { row } = unwritten;
    this.#byId.set(row.delivery.id, unwritten);
    this.#count(row.endpointSeq, 1);
  }

  #forget(unwritten: Unwritten): void {
    const { row } = unwritten;
    if (this.#byId.get(row.delivery.id) !== unwritten) return;
    this.#byId.delete(row.delivery.id);
    this.#count(row.endpointSeq, -1);
  }

  #count(endpointSeq: number, by: number): void {
    const count = this.of(endpointSeq) + by;
    if (count === 0) this.#counts.delete(endpointSeq);
    else this.#counts.set(endpointSeq, count);
  }
}

/** `error`: null, or why the ends are undone. */
export function endBatch(batch: EndBatch, error: unknown): void {
  batch.over = { error };
  for (const listener of batch.listeners.splice(0)) listener();
}
