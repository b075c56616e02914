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

/** `scope` LOCAL: until the end of the transaction. */
export function setPlanner(scope: 'LOCAL' | 'SESSION'): string {
  return setAll(scope, plannerSettings);
}

/** SET costs a transaction 50 µs, the same by SELECT set_config(…) 150. */
function setAll(scope: 'LOCAL' | 'SESSION', settings: Readonly<Record<string, string>>): string {
  const statements = Object.entries(settings).map(
    ([name, value]) => `SET ${scope} ${name} = '${value}'`,
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
const writeSettings = { plan_cache_mode: 'force_generic_plan', ...commonSettings };

const strictSettings = setAll('LOCAL', { synchronous_commit: 'on', ...writeSettings });
const looseSettings = setAll('LOCAL', { synchronous_commit: 'off', ...writeSettings });
const readSettings = setAll('LOCAL', commonSettings);

const nowSql = 'SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint';

export const beginWriteSql = `
BEGIN ISOLATION LEVEL READ COMMITTED;
${strictSettings};
${nowSql}`;

export const beginLooseWriteSql = `
BEGIN ISOLATION LEVEL READ COMMITTED;
${looseSettings};
${nowSql}`;

export const beginReadSql = `
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
${readSettings};
${nowSql}`;
