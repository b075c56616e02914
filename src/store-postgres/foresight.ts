import type { Operation } from '../core/operation.ts';
import { arrayRowsSql, booleanArray, numberArray, textArray } from './array-literal.ts';
import type { Row, Transaction, Value } from './connection.ts';
import type { Needs, WorkingSet } from './working-set.ts';

/** By how much the database's clock may differ from what is believed of it. */
const clockOffMsMax = 250;

/**
 * What this process has reason to believe of the rows that its next transaction will read: the operations that it runs
 * are as it left them, the counters nearly so, nobody is to be told, the database's clock goes on. Then the transaction
 * need not read and wait before it writes: it is run on what is believed and sent in one message, BEGIN to COMMIT, with
 * a guard in front of the writes that reads and locks the rows after all and fails the transaction where they are
 * otherwise. So nothing is ever decided by a belief that does not hold; a guess that fails costs what it would have
 * saved, and the transaction runs again in two messages.
 *
 *   foreseen:  BEGIN · guard · what changed · COMMIT                               1 round trip
 *   else:      BEGIN · what is needed, read and locked | what changed · COMMIT     2
 *
 * The counters may differ by a `slack`: what is decided by them (room in the queue, whether anybody waits for a slot)
 * is decided as if that many more waited, and what comes out well then does so with fewer.
 */

type Guard = { readonly sql: string; readonly values: readonly Value[] };

type Guarded = Pick<Foreseen, 'tasks' | 'slack' | 'tenants' | 'now'> & {
  readonly operations: readonly Pick<Operation, 'id' | 'version' | 'lease'>[];
};

/** Of what is there to guard alone, so few statements in all: the rest would be set up for nothing. */
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

/** By $1 the clock, then by what there is of the others. */
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

/** What a write lets be foreseen. */
export type Foresee<Outcome> = {
  /** How many more may wait than is believed, without another outcome. */
  readonly slack: number;
  /** Another outcome needs the truth. */
  holds(outcome: Outcome): boolean;
};

export type Foreseen = {
  readonly needs: Needs;
  readonly operations: readonly Operation[];
  /** Rows of selectTasksSql, with as many more pending as may be. */
  readonly tasks: readonly Row[];
  /** Of each task. */
  readonly slack: number;
  readonly tenants: readonly string[];
  /** By the database's clock; null: the caller's decides. */
  readonly now: number | null;
};

/** Of these many more the guard would compare each with each. */
const tasksMax = 50;

const operationsMax = 20_000;
const tenantsMax = 1_000;

/** After a guess that failed: others are at work, and what they do is not known here. */
const pauseMs = 50;

/** The clocks of two machines part slowly. */
const clockMsMax = 5_000;

export class Foresight {
  readonly #usesOwnClock: boolean;
  readonly #running = new Map<string, Operation>();
  /** Whether anybody is registered to be told. */
  readonly #tenants = new Map<string, boolean>();
  #tasks: readonly Row[] = [];
  #clock = { offsetMs: -Infinity, at: -Infinity };
  #latest = 0;
  #pausedUntil = -Infinity;

  constructor(p: { readonly usesOwnClock: boolean }) {
    this.#usesOwnClock = p.usesOwnClock;
  }

  /** null: something of it cannot be foreseen. `slack`: the least of the writes. */
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
    // Never back, but where the database's clock was put back.
    if (now > this.#latest || now < this.#latest - clockOffMsMax) this.#latest = now;
    return this.#latest;
  }

  /** It was otherwise. */
  missed(): void {
    this.#pausedUntil = performance.now() + pauseMs;
  }

  /** What the transaction of `set` read and wrote, now that it is committed; `slack`: it was foreseen with that. */
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
    // The answer that came quickest tells best.
    if (offsetMs < this.#clock.offsetMs && begun.at - this.#clock.at < clockMsMax) return;
    this.#clock = { offsetMs, at: begun.at };
  }

  /** A claim was committed, in which these left the queue. */
  claimed(operations: readonly Operation[]): void {
    this.#tasks = this.#tasks.map((row) => {
      const left = operations.filter(({ task }) => task === row[0]).length;
      return left === 0 ? row : withPending(row, -left);
    });
    this.#ran(operations);
  }

  /** As they were committed. */
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
