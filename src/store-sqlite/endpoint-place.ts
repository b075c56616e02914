import type { Endpoint } from '../core/endpoint.ts';
import { gateStands } from '../core/endpoint-health.ts';
import { limits } from '../core/limits.ts';
import { isPast } from '../core/transitions.ts';
import type { Row, Value, WriteConnection, WriteStatement } from './connection.ts';
import type { DeliveriesAhead } from './deliveries-ahead.ts';
import type { UnwrittenDeliveries } from './unwritten-deliveries.ts';

/**
 * Where an endpoint stands in the order of claims at an instant. This follows from its first
 * pending delivery that has not expired, where a plan that is too far ahead to be legal counts as
 * due (isDue in core/delivery.ts):
 *
 *   idle    nothing is pending, or nothing may be sent (disabled, removed)
 *   open    may be claimed from once `firstAt` has come, in the order (firstAt, firstId)
 *   gated   its gate is closed; at `openAt` the gate is open and the first delivery due
 *   parked  is due, but its origin had no slot when a claim looked at it; open again when one is free
 *
 * Time alone changes a place as well: endpoint-time.ts handles that.
 */
export type EndpointPlace = {
  readonly lane: 'idle' | 'open' | 'gated' | 'parked';
  readonly firstAt: number | null;
  readonly firstId: string | null;
  readonly openAt: number | null;
};

/**
 * Pending deliveries that are looked at in search of an unexpired one; the sweep removes the
 * expired.
 */
export const outOfTimeMax = 100;

const firstSql = (range: string): string => `
SELECT next_at, id
FROM (
  SELECT next_at, id, expires_at
  FROM deliveries
  WHERE endpoint_seq = ?
    AND ${range}
  ORDER BY next_at, id
  LIMIT ${outOfTimeMax}
)
WHERE expires_at > ?
LIMIT 1`;

export const firstPendingSql = firstSql('next_at >= ? AND (next_at, id) > (?, ?)');
export const firstTooFarSql = firstSql('next_at > ?');

/** How many are planned up to an instant behind a position, at most as many as are looked at. */
export const lookedAtSql = `
SELECT count(*)
FROM (
  SELECT 1
  FROM deliveries
  WHERE endpoint_seq = ?
    AND next_at <= ?
    AND (next_at, id) > (?, ?)
  LIMIT ${outOfTimeMax}
)`;

export const idle: EndpointPlace = { lane: 'idle', firstAt: null, firstId: null, openAt: null };

const fromTheFirst = [Number.MIN_SAFE_INTEGER, ''] as const;

export class EndpointPlaces {
  /** Endpoints that may have a plan further ahead than any legal one. */
  readonly tooFar = new Set<number>();
  readonly #first: WriteStatement;
  readonly #firstTooFar: WriteStatement;
  readonly #lookedAt: WriteStatement;
  readonly #ahead: DeliveriesAhead;
  readonly #unwritten: UnwrittenDeliveries;

  constructor(
    writer: WriteConnection,
    p: { readonly ahead: DeliveriesAhead; readonly unwritten: UnwrittenDeliveries },
  ) {
    this.#ahead = p.ahead;
    this.#unwritten = p.unwritten;
    this.#first = writer.prepare(firstPendingSql);
    this.#firstTooFar = writer.prepare(firstTooFarSql);
    this.#lookedAt = writer.prepare(lookedAtSql);
  }

  /** A delivery of the endpoint was planned for `nextAt`. */
  planned(seq: number, { id, nextAt }: { id: string; nextAt: number }, now: number): void {
    this.#ahead.planned(seq, nextAt, id);
    if (nextAt > now + limits.deliveryTtlMs) this.tooFar.add(seq);
  }

  /** The place at `now` of an endpoint that is not removed; `before`: its place until now. */
  of(p: { seq: number; endpoint: Endpoint; before: EndpointPlace }, now: number): EndpointPlace {
    const { disabled, health } = p.endpoint;
    const first = disabled === null ? this.#firstOf(p.seq, now) : undefined;
    if (first === undefined) return idle;
    const [firstAt, firstId] = first as [number, string];
    const due = isPast(firstAt, now, limits.deliveryTtlMs);
    const { gateAt } = health;
    if (gateAt !== null && gateStands(gateAt, now)) {
      return { lane: 'gated', firstAt, firstId, openAt: due ? gateAt : Math.max(gateAt, firstAt) };
    }
    const lane = due && p.before.lane === 'parked' ? 'parked' : 'open';
    return { lane, firstAt, firstId, openAt: null };
  }

  /**
   * A position in the order of the endpoint's deliveries. All of its waiting deliveries come after
   * this position, and all deliveries after it wait.
   */
  waitsAfter(seq: number): readonly [at: number, id: string] {
    const after = this.#ahead.after(seq);
    // Deliveries with unwritten states would be among the others, so they are written first.
    if (after === undefined) this.#unwritten.writeOf(seq);
    return after ?? fromTheFirst;
  }

  /**
   * Whether a search for unexpired deliveries behind `after` has seen all that are planned up to
   * `bound`. With too many expired ones in front it has not, and what it did not see must not be
   * overtaken.
   */
  sawAll(seq: number, bound: number, after: readonly [at: number, id: string]): boolean {
    return Number(this.#lookedAt.first(seq, bound, ...after)?.[0]) < outOfTimeMax;
  }

  #firstOf(seq: number, now: number): Row | undefined {
    if (this.tooFar.has(seq)) this.#ahead.drop(seq);
    const known = this.#ahead.first(seq, now);
    if (known !== undefined) return [known.row.delivery.nextAt, known.row.delivery.id];
    if (this.#ahead.isWholeBefore(seq, Infinity)) return undefined;
    const [afterAt, afterId] = this.waitsAfter(seq);
    const first = this.#first.first(seq, afterAt, afterAt, afterId, now);
    if (first === undefined && this.sawAll(seq, Number.MAX_SAFE_INTEGER, [afterAt, afterId])) {
      this.#ahead.nothingElse(seq);
    }
    if (first === undefined || !this.tooFar.has(seq) || Number(first[0]) <= now) return first;
    return this.#firstTooFar.first(seq, now + limits.deliveryTtlMs, now) ?? first;
  }
}

export function placeValues({ lane, firstAt, firstId, openAt }: EndpointPlace): Value[] {
  return [lane, firstAt, firstId, openAt];
}

export function isSamePlace(a: EndpointPlace, b: EndpointPlace): boolean {
  return (
    a.lane === b.lane && a.firstAt === b.firstAt && a.firstId === b.firstId && a.openAt === b.openAt
  );
}

/**
 * Whether the place can be written later, because neither claims nor the passing of time look for
 * it by statement.
 */
export function mayWait({ lane }: EndpointPlace, written: EndpointPlace): boolean {
  return (
    (lane === 'open' || lane === 'idle') && (written.lane === 'open' || written.lane === 'idle')
  );
}
