/**
 * The longest that each wait may take, in ms. A client gets its 503 within some seconds, whatever
 * hangs.
 */
export const waits = {
  connect: 4_000,
  /** For one lock. */
  lock: 2_000,
  /** For all tries together of a transaction that conflicts with others. */
  conflicts: 5_000,
  statement: 5_000,
  /** For an answer, in case the server does not enforce `statement`. */
  answer: 6_000,
  /**
   * A connection that was dead before it was used shows that at once; only within this time is
   * another one tried.
   */
  stale: 1_000,
  /** After this long a process of ours that froze loses its locks. */
  idleInTransaction: 10_000,
} as const;

/**
 * Plans are made when tables may be empty, and kept. So every plan uses an index and nested loops,
 * however large or small the planner believes a table to be.
 */
const plannerSettings = {
  enable_seqscan: 'off',
  enable_bitmapscan: 'off',
  enable_hashjoin: 'off',
  enable_mergejoin: 'off',
  jit: 'off',
} as const;

/** For sessions of tests that look at plans. */
export function setPlanner(): string {
  const statements = Object.entries(plannerSettings).map(
    ([name, value]) => `SET SESSION ${name} = '${value}'`,
  );
  return statements.join('; ');
}

const commonSettings = {
  statement_timeout: String(waits.statement),
  lock_timeout: String(waits.lock),
  idle_in_transaction_session_timeout: String(waits.idleInTransaction),
  ...plannerSettings,
};

/**
 * Writes use the kept plan, which plans.test.ts checks. For arrays the planner always found a plan
 * of its own cheaper, and made it anew for every statement. One operation at a time cost PostgreSQL
 * 3.1 ms of CPU that way and 2.1 with kept plans, and took 8.5 ms instead of 7.6 (medians of 9
 * interleaved pairs, a load of 5 on 2 cores).
 */
const keptPlans = { plan_cache_mode: 'force_generic_plan' } as const;
const writeSettings = { ...keptPlans, ...commonSettings };

/** The two statements that begin a transaction; the second returns the database's clock. */
export type BeginSql = { readonly begin: string; readonly settings: string };

const beginWrite = 'BEGIN ISOLATION LEVEL READ COMMITTED';

export const beginStrictWrite: BeginSql = {
  begin: beginWrite,
  settings: settingsSql({ synchronous_commit: 'on', ...writeSettings }),
};

/** Its COMMIT does not wait for the disk. */
export const beginLooseWrite: BeginSql = {
  begin: beginWrite,
  settings: settingsSql({ synchronous_commit: 'off', ...writeSettings }),
};

export const beginRead: BeginSql = {
  begin: 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY',
  settings: settingsSql(commonSettings),
};

/**
 * For a statement behind it in the same message, which is a transaction without BEGIN; that
 * statement reads one table by one index.
 */
export const keptPlanSql = settingsSql({
  ...keptPlans,
  enable_seqscan: plannerSettings.enable_seqscan,
  enable_bitmapscan: plannerSettings.enable_bitmapscan,
});

/**
 * Settings until the end of the transaction. As a SELECT it can be prepared, and so planned once a
 * session; SET has to be parsed each time.
 */
function settingsSql(settings: Readonly<Record<string, string>>): string {
  const calls = Object.entries(settings).map(
    ([name, value]) => `set_config('${name}', '${value}', TRUE) IS NOT NULL`,
  );
  return `
SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint
WHERE ${calls.join('\n  AND ')}`;
}
