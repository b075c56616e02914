import type { Operation } from '../core/operation.ts';
import { arrayRowsSql, booleanArray, numberArray, textArray } from './array-literal.ts';
import type { Row, Transaction, Value } from './connection.ts';
import type { Needs, WorkingSet } from './working-set.ts';

/** By how much the database's clock may differ from our estimate of it, in ms. */
const clockOffMsMax = 250;

/**
 * Predicts the rows that this process's next transaction will read, so that the transaction need
 * not read and wait before it writes. It assumes that the operations which run here are as we left
 * them, that the counters changed little, that no endpoint is registered for the tenants, and that
 * the database's clock goes on. The transaction runs on these assumptions and is sent in one
 * message, BEGIN to COMMIT. A guard in front of the writes reads and locks the rows after all, and
 * fails the transaction where they differ. So no decision is ever committed on a wrong assumption.
 * A wrong prediction costs what it would have saved, and the transaction runs again in two
 * messages.
 *
 *   foreseen:   BEGIN · guard · changes · COMMIT                               1 round trip
 *   otherwise:  BEGIN · reads and locks of what is needed | changes · COMMIT   2
 *
 * The counters may differ by a `slack`. Decisions that depend on them (room in the queue, whether
 * an operation waits for a slot) are made as if that many more operations were pending; an outcome
 * that is good with so many is the same with fewer.
 */

type Guard = { readonly sql: string; readonly values: readonly Value[] };

type Guarded = Pick<Foreseen, 'tasks' | 'slack' | 'tenants' | 'now'> & {
  readonly operations: readonly Pick<Operation, 'id' | 'version' | 'lease'>[];
};

/**
 * The guard's statement. It holds only the conditions that this transaction needs, because the
 * server would set up the others for nothing; there are few such combinations, so few statements.
 */
export function guardOf({ operations, tasks, slack, tenants, now }: Guarded): Guard {
  const values: Value[] = [now];
  if (operations.length > 0) {
    values.push(
      textArray(operations.map(({ id }) => id)),
      numberArray(operations.map(({ version }) => version)),
      textArray(operations.map(({ lease }) => lease && lease.token)),
    );
  }
  if (slack !== Infinity) {
    values.push(
      textArray(tasks.map((row) => row[0] as string)),
      booleanArray(tasks.map((row) => row[1] as boolean)),
      numberArray(tasks.map((row) => row[2] as number)),
    );
  }
  if (tenants.length > 0) values.push(textArray(tenants));
  const which = [operations.length > 0, slack !== Infinity, tenants.length > 0] as const;
  return { values, sql: guardSql(which) };
}

type Which = readonly [holds: boolean, counts: boolean, tells: boolean];

const guards = new Map<string, string>();

function guardSql(which: Which): string {
  const name = String(which);
  let sql = guards.get(name);
  if (sql === undefined) {
    sql = newGuardSql(which);
    guards.set(name, sql);
  }
  return sql;
}

/** $1 is the clock, followed by the parameters of the conditions in use. */
function newGuardSql([holds, counts, tells]: Which): string {
  const conditions = [`abs(coalesce($1::bigint, n.now) - n.now) <= ${clockOffMsMax}`];
  if (holds) conditions.push('(SELECT count(*) FROM held) = cardinality($2::text[])');
  const countsFirst = holds ? 5 : 2;
  if (counts) conditions.push(`NOT EXISTS (${otherTasksSql(countsFirst)})`);
  const tellsFirst = countsFirst + (counts ? 3 : 0);
  if (tells) conditions.push(`NOT EXISTS (${registeredSql(tellsFirst)})`);
  return `${holds ? `\nWITH ${heldSql(2)}` : ''}
SELECT CASE
  WHEN ${conditions.join('\n    AND ')}
  THEN 0
  ELSE ('raincheck foresaw something else at ' || n.now || ' and tries again')::integer
END
FROM (SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS now) AS n`;
}

function heldSql(first: number): string {
  return `held AS MATERIALIZED (
  SELECT operations.id
  FROM (${arrayRowsSql('id text, version integer, token text', first)}) AS foreseen
  JOIN @operations AS operations
    ON operations.id = foreseen.id
    AND operations.version = foreseen.version
    AND operations.lease_token = foreseen.token
  ORDER BY operations.id
  FOR UPDATE OF operations
)`;
}

function otherTasksSql(first: number): string {
  return `
      SELECT
      FROM @tasks AS tasks
      LEFT JOIN (${arrayRowsSql('task text, paused boolean, pending_max bigint', first)}) AS foreseen
        ON foreseen.task = tasks.task
      WHERE foreseen.task IS NULL
        OR tasks.paused <> foreseen.paused
        OR tasks.pending > foreseen.pending_max`;
}

function registeredSql(first: number): string {
  return `
      SELECT
      FROM @endpoints
      WHERE kind = 'registered'
        AND removed_at IS NULL
        AND tenant = ANY($${first}::text[])`;
}

/** What a write allows to be foreseen. */
export type Foresee<Outcome> = {
  /** How many more operations may be pending than we believe before the outcome changes. */
  readonly slack: number;
  /**
   * Whether `outcome` may be committed on assumptions; otherwise the write runs again on rows that
   * were read.
   */
  holds(outcome: Outcome): boolean;
};

export type Foreseen = {
  readonly needs: Needs;
  readonly operations: readonly Operation[];
  /** Rows of selectTasksSql, with `slack` added to the pending count of each. */
  readonly tasks: readonly Row[];
  /** How far the pending count of each task may exceed what we believe. */
  readonly slack: number;
  readonly tenants: readonly string[];
  /** By the database's clock; null: the caller's decides. */
  readonly now: number | null;
};

/**
 * Nothing is foreseen with more tasks than this: the guard may compare each row of the table with
 * each expected row.
 */
const tasksMax = 50;

const operationsMax = 20_000;
const tenantsMax = 1_000;

/**
 * Nothing is foreseen for this long after a wrong prediction: other nodes are at work, and what
 * they do is not known here.
 */
const pauseMs = 50;

/**
 * For this long a quicker answer's reading of the clock is preferred to a later one; clocks drift
 * slowly.
 */
const clockMsMax = 5_000;

export class Foresight {
  readonly #usesOwnClock: boolean;
  readonly #running = new Map<string, Operation>();
  /** By tenant: whether an endpoint is registered. */
  readonly #tenants = new Map<string, boolean>();
  #tasks: readonly Row[] = [];
  #clock = { offsetMs: -Infinity, at: -Infinity };
  #latest = 0;
  #pausedUntil = -Infinity;

  constructor(p: { readonly usesOwnClock: boolean }) {
    this.#usesOwnClock = p.usesOwnClock;
  }

  /** null: something cannot be foreseen. `slack` is the smallest of the writes. */
  foresee(needs: Needs, slack: number): Foreseen | null {
    const { ids, keys, loggingIds, toldIds, endpoints, deliveryIds } = needs;
    const others = [
      loggingIds,
      endpoints.ids,
      endpoints.deliveryIds,
      endpoints.requests,
      deliveryIds,
    ];
    if (keys.length > 0 || others.some(({ size }) => size > 0)) return null;
    if (this.#tasks.length === 0 || this.#tasks.length > tasksMax) return null;
    if (performance.now() < this.#pausedUntil) return null;
    const operations: Operation[] = [];
    const tenants = new Set<string>();
    for (const id of ids) {
      const operation = this.#running.get(id);
      if (operation === undefined) return null;
      operations.push(operation);
      if (!toldIds.has(id)) continue;
      if (operation.webhook !== null || this.#tenants.get(operation.tenant) !== false) return null;
      tenants.add(operation.tenant);
    }
    const now = this.#now();
    if (this.#usesOwnClock && now === null) return null;
    const each = slack === Infinity ? Infinity : Math.floor(slack / this.#tasks.length);
    const tasks =
      each === Infinity ? this.#tasks : this.#tasks.map((row) => withPending(row, each));
    return { needs, operations, tasks, slack: each, tenants: [...tenants], now };
  }

  #now(): number | null {
    const at = performance.now();
    if (!this.#usesOwnClock || at - this.#clock.at > 2 * clockMsMax) return null;
    const now = Math.floor(this.#clock.offsetMs + at);
    // The time never goes back, unless the database's clock was set back.
    if (now > this.#latest || now < this.#latest - clockOffMsMax) this.#latest = now;
    return this.#latest;
  }

  /** The prediction was wrong. */
  missed(): void {
    this.#pausedUntil = performance.now() + pauseMs;
  }

  /**
   * Learns what the transaction of `set` read and wrote, now that it is committed. `slack` is what
   * was added to each pending count when it was foreseen.
   */
  learn(set: WorkingSet, slack: number): void {
    const added = slack === Infinity ? 0 : slack;
    this.#tasks = set.ledger.rows().map((row) => withPending(row, -added));
    this.#ran(set.operations());
    for (const [tenant, isTold] of set.webhooks.outbox.tenants()) {
      if (this.#tenants.size >= tenantsMax) this.#tenants.clear();
      this.#tenants.set(tenant, isTold);
    }
    const { begun } = set.tx;
    if (begun === null) return;
    const offsetMs = begun.now - begun.at;
    // The answer that came quickest gives the best estimate.
    if (offsetMs < this.#clock.offsetMs && begun.at - this.#clock.at < clockMsMax) return;
    this.#clock = { offsetMs, at: begun.at };
  }

  /** A claim was committed in which these operations left the queue. */
  claimed(operations: readonly Operation[]): void {
    this.#tasks = this.#tasks.map((row) => {
      const left = operations.filter(({ task }) => task === row[0]).length;
      return left === 0 ? row : withPending(row, -left);
    });
    this.#ran(operations);
  }

  /** Remembers operations as they were committed. */
  #ran(operations: Iterable<Operation>): void {
    for (const operation of operations) {
      this.#running.delete(operation.id);
      if (operation.state === 'running') this.#running.set(operation.id, operation);
    }
    for (const id of this.#running.keys()) {
      if (this.#running.size <= operationsMax) return;
      this.#running.delete(id);
    }
  }
}

export function postGuard(tx: Transaction, foreseen: Foreseen): void {
  const { sql, values } = guardOf(foreseen);
  tx.post(sql, values);
}

function withPending(row: Row, more: number): Row {
  return [row[0], row[1], (row[2] as number) + more, row[3], row[4], row[5]];
}
