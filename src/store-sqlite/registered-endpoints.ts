import type { Endpoint } from '../core/endpoint.ts';
import type { WriteConnection, WriteStatement } from './connection.ts';

/**
 * How many registered endpoints each tenant has, and the records of those tenants that were asked
 * for. Every final state asks, and a tenant without endpoints must cost no statement. Kept in
 * memory like ledger.ts: the counts are always known, the records are read when they are first
 * needed.
 */
export const countRegisteredSql = `
SELECT tenant, count(*)
FROM endpoints
WHERE kind = 'registered'
  AND removed_at IS NULL
GROUP BY tenant`;

export const selectRegisteredSql = `
SELECT seq
FROM endpoints
WHERE kind = 'registered'
  AND removed_at IS NULL
  AND tenant = ?
ORDER BY id`;

type Group = { count: number; endpoints: readonly Endpoint[] | null };

/** Most records kept, over all tenants; they take some MB. */
const recordsMax = 10_000;

export class RegisteredEndpoints {
  readonly #count: WriteStatement;
  readonly #select: WriteStatement;
  readonly #groups = new Map<string, Group>();
  #records = 0;

  constructor(writer: WriteConnection) {
    this.#count = writer.prepare(countRegisteredSql);
    this.#select = writer.prepare(selectRegisteredSql);
  }

  /** Call it in a transaction. When it throws, everything is as it was. */
  reload(): void {
    const rows = this.#count.all();
    this.#groups.clear();
    this.#records = 0;
    for (const [tenant, count] of rows) {
      this.#groups.set(tenant as string, { count: count as number, endpoints: null });
    }
  }

  get isEmpty(): boolean {
    return this.#groups.size === 0;
  }

  count(tenant: string): number {
    return this.#groups.get(tenant)?.count ?? 0;
  }

  /** Ascending by id; `bySeq` returns the record as this transaction has it. */
  of(tenant: string, bySeq: (seq: number) => Endpoint): readonly Endpoint[] {
    const group = this.#groups.get(tenant);
    if (group === undefined) return [];
    if (group.endpoints === null) {
      if (this.#records >= recordsMax) this.#forgetRecords();
      group.endpoints = this.#select.all(tenant).map(([seq]) => bySeq(seq as number));
      this.#records += group.endpoints.length;
    }
    return group.endpoints;
  }

  added(endpoint: Endpoint): void {
    this.#recount(endpoint.tenant, 1);
  }

  removed(endpoint: Endpoint): void {
    this.#recount(endpoint.tenant, -1);
  }

  changed(endpoint: Endpoint): void {
    const group = this.#groups.get(endpoint.tenant);
    if (group === undefined || group.endpoints === null) return;
    group.endpoints = group.endpoints.map((one) => (one.id === endpoint.id ? endpoint : one));
  }

  #recount(tenant: string, by: number): void {
    const group = this.#groups.get(tenant) ?? { count: 0, endpoints: null };
    this.#records -= group.endpoints?.length ?? 0;
    const count = group.count + by;
    if (count === 0) this.#groups.delete(tenant);
    else this.#groups.set(tenant, { count, endpoints: null });
  }

  #forgetRecords(): void {
    for (const group of this.#groups.values()) group.endpoints = null;
    this.#records = 0;
  }
}
