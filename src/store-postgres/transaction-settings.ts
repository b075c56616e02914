/** How long each wait may take, in ms. A client gets its 503 within some seconds, whatever hangs. */
export const waits = {
  connect: 4_000,
  /** For a lock, each time. */
  lock: 2_000,
  /** For all tries of a transaction that meets others. */
  conflicts: 5_000,
  statement: 5_000,
  /** For an answer, when the server does not keep to `statement`. */
  answer: 6_000,
  /** A connection that was dead before it was used shows it at once; only then another one is tried. */
  stale: 1_000,
  /** A client of ours that froze lets go of its locks. */
  idleInTransaction: 10_000,
} as const;

/**
 * Plans are made when tables may be empty, and kept: everything goes by an index, in a nested loop, however
 * large or small the planner believes a table to be.
 */
const plannerSettings = {
  enable_seqscan: 'off',
  enable_bitmapscan: 'off',
  enable_hashjoin: 'off',
  enable_mergejoin: 'off',
  jit: 'off',
} as const;

/** For a session of a test that looks at plans. */
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
 * Writes take the kept plan, which plans.test.ts looks at: for arrays the planner always found one of its own cheaper, and
 * made it anew for every statement. One operation at a time cost PostgreSQL 3.1 ms of CPU with that, 2.1 without, and
 * took 8.5 ms instead of 7.6 (medians of 9 interleaved pairs, a load of 5 on 2 cores).
 */
const keptPlans = { plan_cache_mode: 'force_generic_plan' } as const;
const writeSettings = { ...keptPlans, ...commonSettings };

/** What begins a transaction: two statements, of which the second yields the database's clock. */
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

/** For a statement behind it in one message, which is a transaction without BEGIN: one table, by one index. */
export const keptPlanSql = settingsSql({
  ...keptPlans,
  enable_seqscan: plannerSettings.enable_seqscan,
  enable_bitmapscan: plannerSettings.enable_bitmapscan,
});

/** Until the end of the transaction. Prepared, so that it is planned once a session; SET has to be parsed each time. */
function settingsSql(settings: Readonly<Record<string, string>>): string {
  const calls = Object.entries(settings).map(
    ([name, value]) => `set_config('${name}', '${value}', TRUE) IS NOT NULL`,
  );
  return `
SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint
WHERE ${calls.join('\n  AND ')}`;
}
