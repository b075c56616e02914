import type { Endpoint } from '../core/endpoint.ts';
import { gateStands } from '../core/endpoint-health.ts';
import { limits } from '../core/limits.ts';
import { isPast } from '../core/transitions.ts';
import { textArray } from './array-literal.ts';
import type { Row, Transaction } from './connection.ts';

/**
 * Where an endpoint stands in the order of claims. This follows from its gate and from its first
 * pending delivery that has not expired, where a plan that is too far ahead to be legal counts as
 * due (isDue in core/delivery.ts):
 *
 *   idle    firstAt null: nothing is pending, or nothing may be sent (disabled, removed)
 *   open    may be claimed from once `firstAt` has come, in the order (firstAt, firstId)
 *   gated   openAt set: its gate is closed; at openAt the gate is open and the first delivery due
 *
 * Time alone changes a place as well: it is right from `from` (inclusive) to `until` (exclusive);
 * null means without end. A claim finds those that are out of date by two indexes, also after the
 * server's clock went back, and places them anew. Differs from store-sqlite, where one process
 * keeps this in memory and audits all places at its start.
 */
export type EndpointPlace = {
  readonly firstAt: number | null;
  readonly firstId: string | null;
  readonly openAt: number | null;
  readonly from: number | null;
  readonly until: number | null;
};

export const idle: EndpointPlace = {
  firstAt: null,
  firstId: null,
  openAt: null,
  from: null,
  until: null,
};

/**
 * Pending deliveries that are looked at in search of an unexpired one; the sweep removes the
 * expired.
 */
const outOfTimeMax = 100;

/**
 * For each endpoint: its first unexpired pending delivery, the last planned instant, the first plan
 * beyond $3, and the latest expiry among the expired deliveries that stand before the first.
 */
export const placesSql = `
SELECT wanted.id, first.next_at, first.id, first.expires_at, last.next_at,
  too_far.next_at, too_far.id, too_far.expires_at, skipped.until
FROM unnest($1::text[]) AS wanted (id)
LEFT JOIN LATERAL (
  SELECT next_at, id, expires_at
  FROM (
    SELECT next_at, id, expires_at
    FROM @deliveries
    WHERE endpoint_id = wanted.id
      AND next_at IS NOT NULL
    ORDER BY next_at, id
    LIMIT ${outOfTimeMax}
  ) AS looked
  WHERE expires_at > $2
  LIMIT 1
) AS first ON TRUE
LEFT JOIN LATERAL (
  SELECT next_at, id, expires_at
  FROM @deliveries
  WHERE endpoint_id = wanted.id
    AND next_at IS NOT NULL
  ORDER BY next_at, id
  LIMIT 1
) AS head ON TRUE
LEFT JOIN LATERAL (
  SELECT next_at
  FROM @deliveries
  WHERE endpoint_id = wanted.id
    AND next_at IS NOT NULL
  ORDER BY next_at DESC
  LIMIT 1
) AS last ON TRUE
LEFT JOIN LATERAL (
  SELECT next_at, id, expires_at
  FROM @deliveries
  WHERE endpoint_id = wanted.id
    AND next_at > $3
    AND expires_at > $2
  ORDER BY next_at, id
  LIMIT 1
) AS too_far ON TRUE
LEFT JOIN LATERAL (
  SELECT max(expires_at) AS until
  FROM (
    SELECT expires_at
    FROM @deliveries
    WHERE head.expires_at <= $2
      AND endpoint_id = wanted.id
      AND next_at IS NOT NULL
    ORDER BY next_at, id
    LIMIT ${outOfTimeMax}
  ) AS looked
  WHERE expires_at <= $2
) AS skipped ON TRUE`;

/** The pending deliveries of an endpoint, as far as its place follows from them. */
export type Waiting = {
  readonly first: Planned | null;
  readonly lastAt: number | null;
  readonly tooFar: Planned | null;
  readonly skippedUntil: number | null;
};

export type Planned = { readonly at: number; readonly id: string; readonly expiresAt: number };

/** The result is by endpoint id. */
export async function readWaiting(
  tx: Transaction,
  ids: readonly string[],
  now: number,
): Promise<Map<string, Waiting>> {
  if (ids.length === 0) return new Map();
  const rows = await tx.all(placesSql, textArray(ids), now, now + limits.deliveryTtlMs);
  return new Map(rows.map((row) => [row[0] as string, waitingOf(row)]));
}

function waitingOf(row: Row): Waiting {
  return {
    first: plannedOf(row, 1),
    lastAt: row[4] as number | null,
    tooFar: plannedOf(row, 5),
    skippedUntil: row[8] as number | null,
  };
}

function plannedOf(row: Row, at: number): Planned | null {
  if (row[at] === null) return null;
  return { at: row[at] as number, id: row[at + 1] as string, expiresAt: row[at + 2] as number };
}

/** The place of an endpoint that is not removed. */
export function placeOf(endpoint: Endpoint, waiting: Waiting, now: number): EndpointPlace {
  const { first, lastAt, tooFar, skippedUntil } = waiting;
  if (endpoint.disabled !== null) return idle;
  const range = new Range();
  if (skippedUntil !== null) range.from(skippedUntil);
  if (first === null) return { ...idle, ...range.ends };
  let chosen = first;
  range.until(first.expiresAt);
  if (tooFar !== null) {
    range.from(now);
    range.until(tooFar.at - limits.deliveryTtlMs);
    if (first.at > now) {
      range.until(first.at > tooFar.at ? Infinity : first.at);
      chosen = tooFar;
      range.until(tooFar.expiresAt);
    }
  } else if (lastAt !== null) range.from(lastAt - limits.deliveryTtlMs);
  const openAt = gateOf(endpoint, range, { chosen, now });
  return { firstAt: chosen.at, firstId: chosen.id, openAt, ...range.ends };
}

/** When the gate is open and the first delivery due; null: the gate is open now. */
function gateOf(
  { health: { gateAt } }: Endpoint,
  range: Range,
  { chosen, now }: { readonly chosen: Planned; readonly now: number },
): number | null {
  if (gateAt === null) return null;
  if (gateAt <= now) {
    range.from(gateAt);
    return null;
  }
  const standsFrom = gateAt - limits.retryAfterGateMsMax;
  if (!gateStands(gateAt, now)) {
    range.until(standsFrom);
    return null;
  }
  range.from(standsFrom);
  range.until(gateAt);
  return isPast(chosen.at, now, limits.deliveryTtlMs) ? gateAt : Math.max(gateAt, chosen.at);
}

/** The time in which a place is right. */
class Range {
  #from = -Infinity;
  #until = Infinity;

  from(instant: number): void {
    this.#from = Math.max(this.#from, instant);
  }

  until(instant: number): void {
    this.#until = Math.min(this.#until, instant);
  }

  get ends(): { readonly from: number | null; readonly until: number | null } {
    return {
      from: this.#from === -Infinity ? null : this.#from,
      until: this.#until === Infinity ? null : this.#until,
    };
  }
}

/** The place once `added`, which is due now, waits as well; null: it must be read anew. */
export function placeWith(
  endpoint: Endpoint,
  p: { readonly place: EndpointPlace; readonly added: Planned },
  now: number,
): EndpointPlace | null {
  const { place, added } = p;
  if (place.from !== null && now < place.from) return null;
  if (place.until !== null && now >= place.until) return null;
  const { firstAt, firstId } = place;
  if (added.at > now || added.expiresAt <= now) return null;
  const isFirst =
    firstAt === null || added.at < firstAt || (added.at === firstAt && added.id < (firstId ?? ''));
  // The expiry of the present first delivery is part of `place.until` already.
  const first = isFirst ? added : { at: firstAt, id: firstId ?? '', expiresAt: Infinity };
  const waiting = { first, lastAt: added.at, tooFar: null, skippedUntil: place.from };
  const alone = placeOf(endpoint, waiting, now);
  const until = Math.min(alone.until ?? Infinity, place.until ?? Infinity);
  return { ...alone, until: until === Infinity ? null : until };
}

export function isSamePlace(a: EndpointPlace, b: EndpointPlace): boolean {
  return (
    a.firstAt === b.firstAt &&
    a.firstId === b.firstId &&
    a.openAt === b.openAt &&
    a.from === b.from &&
    a.until === b.until
  );
}
