import type { WriteConnection, WriteStatement } from './connection.ts';

/**
 * Attempts in flight to endpoints that are not removed, by endpoint and by origin, counted from
 * leases. A claim asks for these counts of every endpoint it looks at. They are kept in memory like
 * ledger.ts, and counted again from the rows after a rollback, in O(in flight).
 */
export const countInFlightSql = `
SELECT endpoint_seq, endpoints.origin, count(*)
FROM deliveries INDEXED BY deliveries_sending
CROSS JOIN endpoints ON endpoints.seq = endpoint_seq
WHERE lease_expires_at IS NOT NULL
  AND removed_at IS NULL
GROUP BY endpoint_seq`;

const countOfEndpointSql = `
SELECT count(*)
FROM deliveries INDEXED BY deliveries_sending
WHERE lease_expires_at IS NOT NULL
  AND endpoint_seq = ?`;

export class InFlight {
  readonly #count: WriteStatement;
  readonly #countOf: WriteStatement;
  readonly #byEndpoint = new Map<number, number>();
  readonly #byOrigin = new Map<string, number>();

  constructor(writer: WriteConnection) {
    this.#count = writer.prepare(countInFlightSql);
    this.#countOf = writer.prepare(countOfEndpointSql);
  }

  /** Call it in a transaction. When it throws, everything is as it was. */
  reload(): void {
    const rows = this.#count.all();
    this.#byEndpoint.clear();
    this.#byOrigin.clear();
    for (const [seq, origin, count] of rows) {
      this.change(seq as number, origin as string, count as number);
    }
  }

  /** The number of endpoints with attempts in flight. */
  get endpoints(): number {
    return this.#byEndpoint.size;
  }

  ofEndpoint(seq: number): number {
    return this.#byEndpoint.get(seq) ?? 0;
  }

  ofOrigin(origin: string): number {
    return this.#byOrigin.get(origin) ?? 0;
  }

  change(seq: number, origin: string, by: number): void {
    add(this.#byEndpoint, seq, by);
    add(this.#byOrigin, origin, by);
  }

  /** The endpoint is restored, with the attempts that are still in flight to it. */
  recount(seq: number, origin: string): void {
    this.change(seq, origin, Number(this.#countOf.first(seq)?.[0] ?? 0));
  }

  /** The endpoint was removed: attempts in flight to it no longer count. */
  dropped(seq: number, origin: string): void {
    this.change(seq, origin, -this.ofEndpoint(seq));
  }

  /** The endpoint has another address now, and attempts in flight to it count there. */
  moved(seq: number, from: string, to: string): void {
    const count = this.ofEndpoint(seq);
    add(this.#byOrigin, from, -count);
    add(this.#byOrigin, to, count);
  }
}

function add<Key>(counts: Map<Key, number>, key: Key, by: number): void {
  const count = (counts.get(key) ?? 0) + by;
  if (count === 0) counts.delete(key);
  else counts.set(key, count);
}
