import type { Row } from './connection.ts';

/**
 * Attempts in flight to endpoints that are not removed, over all nodes, by endpoint and by origin,
 * counted from leases. A claim reads them once it holds the lock of claims. From then on only this
 * claim adds to them, so the limits are exact.
 */
export const countInFlightSql = `
SELECT endpoints.id, endpoints.origin, count(*)
FROM @deliveries AS deliveries
JOIN @endpoints AS endpoints ON endpoints.id = deliveries.endpoint_id
WHERE lease_expires_at IS NOT NULL
  AND removed_at IS NULL
GROUP BY endpoints.id, endpoints.origin`;

export class InFlight {
  readonly #byEndpoint = new Map<string, number>();
  readonly #byOrigin = new Map<string, number>();

  /** Rows of countInFlightSql. */
  load(rows: readonly Row[]): void {
    for (const [id, origin, count] of rows) {
      this.add(id as string, origin as string, count as number);
    }
  }

  /** The number of endpoints with attempts in flight. */
  get endpoints(): number {
    return this.#byEndpoint.size;
  }

  ofEndpoint(id: string): number {
    return this.#byEndpoint.get(id) ?? 0;
  }

  ofOrigin(origin: string): number {
    return this.#byOrigin.get(origin) ?? 0;
  }

  fullOrigins(max: number): string[] {
    return [...this.#byOrigin].filter(([, count]) => count >= max).map(([origin]) => origin);
  }

  fullEndpoints(max: number): string[] {
    return [...this.#byEndpoint].filter(([, count]) => count >= max).map(([id]) => id);
  }

  add(id: string, origin: string, count: number): void {
    this.#byEndpoint.set(id, this.ofEndpoint(id) + count);
    this.#byOrigin.set(origin, this.ofOrigin(origin) + count);
  }
}
