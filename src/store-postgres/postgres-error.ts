import { RaincheckError } from '../core/errors.ts';

/**
 * The SQLSTATE of an error (appendix A of PostgreSQL's manual), which node-postgres puts into
 * `code`; it tells what became of a transaction that failed. An error without one comes from the
 * connection, not from the server. EPIPE has five letters as well, but every SQLSTATE has a digit.
 */
export function sqlState(error: unknown): string | null {
  if (!(error instanceof Error) || !('code' in error)) return null;
  return typeof error.code === 'string' && /^(?=.*\d)[\dA-Z]{5}$/.test(error.code)
    ? error.code
    : null;
}

/** serialization_failure, deadlock_detected, lock_not_available: an immediate retry may succeed. */
const conflicts: ReadonlySet<string> = new Set(['40001', '40P01', '55P03']);

/** Whether the transaction collided with another one; nothing of it is stored. */
export function isConflict(error: unknown): boolean {
  if (error instanceof LostRace || conflicts.has(sqlState(error) ?? '')) return true;
  if (isForeseenOtherwise(error)) return true;
  // Another node created the same endpoint or delivery. The retry reads what is there before it
  // creates anything.
  const constraint = error instanceof Error && 'constraint' in error ? error.constraint : null;
  return sqlState(error) === '23505' && madeByAnother.has(String(constraint));
}

/**
 * The guard of foresight.ts failed. The value that it could not cast identifies it, in whatever
 * language the rest of the message is.
 */
function isForeseenOtherwise(error: unknown): boolean {
  return sqlState(error) === '22P02' && String(error).includes('raincheck foresaw');
}

const madeByAnother: ReadonlySet<string> = new Set([
  'endpoints_pkey',
  'endpoints_request',
  'deliveries_pkey',
]);

/** Another node was faster with the same thing: roll back and look again. */
export class LostRace extends Error {
  override readonly name = 'LostRace';
}

/**
 * invalid_sql_statement_name, duplicate_prepared_statement: a pooler in between hands out other
 * sessions.
 */
export function isPreparedAway(error: unknown): boolean {
  const state = sqlState(error);
  return state === '26000' || state === '42P05';
}

/**
 * Whether the server, or the connection to it, is at fault, not the call: connection lost (08, no
 * SQLSTATE), out of resources (53), shutting down or timed out (57), disk trouble (58), read-only
 * after a failover (25006).
 */
export function isOutage(error: unknown): boolean {
  const state = sqlState(error);
  if (state === null) return isConnectionError(error);
  return state === '25006' || ['08', '53', '57', '58', 'XX'].includes(state.slice(0, 2));
}

/**
 * Whether the session is useless after this error: it is closed, or leads to a server that may not
 * write.
 */
export function isSessionLost(error: unknown): boolean {
  const state = sqlState(error);
  if (state === null) return isConnectionError(error);
  // Not 57014, query_canceled: our own statement_timeout causes that.
  return state === '25006' || state.startsWith('08') || state.startsWith('57P');
}

/** Network errors have a code like ECONNRESET; node-postgres' own errors have only a message. */
function isConnectionError(error: unknown): boolean {
  if (!(error instanceof Error) || error instanceof RaincheckError) return false;
  if ('code' in error && typeof error.code === 'string') return /^E[A-Z_]+$/.test(error.code);
  return /connection|timeout|client was closed|not queryable/i.test(error.message);
}

/**
 * `store_unavailable` for an outage or an endless conflict; any other error, a defect of ours or of
 * the caller's, is returned unchanged.
 */
export function storeError(error: unknown): unknown {
  if (isConflict(error)) {
    return unavailable('Other nodes kept changing the same rows. Nothing was stored.', error);
  }
  if (!isOutage(error)) return error;
  return unavailable(`PostgreSQL cannot be used now: ${reason(error)}.`, error);
}

/** The error when COMMIT was sent and no answer says what became of it. */
export function commitFailure(error: unknown): unknown {
  return unavailable(
    `PostgreSQL did not confirm a commit (${reason(error)}): it may or may not have been stored.`,
    error,
  );
}

export function unavailable(message: string, cause?: unknown): RaincheckError {
  return new RaincheckError('store_unavailable', message, { cause, retryAfterSeconds: 5 });
}

/**
 * The reason in our own words: the server's messages may contain addresses and other people's
 * values.
 */
export function reason(error: unknown): string {
  const state = sqlState(error);
  if (state === null) return connectionReason(error);
  return `${reasons[state] ?? reasons[state.slice(0, 2)] ?? 'error'}, SQLSTATE ${state}`;
}

const reasons: Readonly<Record<string, string>> = {
  '08': 'the connection failed',
  '25006': 'the server is read-only',
  '28': 'the login was refused',
  '3D000': 'the database does not exist',
  '42501': 'the role may not do that',
  '53': 'out of resources',
  '53100': 'the disk is full',
  '53300': 'too many connections',
  '57014': 'a statement took too long',
  '57P01': 'the server is shutting down',
  '57P02': 'the server crashed',
  '57P03': 'the server is starting or stopping',
  '58': 'the server has trouble with its disk',
};

function connectionReason(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) {
    return connectionReason(error.errors[0]);
  }
  if (!(error instanceof Error)) return 'unknown reason';
  if ('code' in error && typeof error.code === 'string') return `no connection, ${error.code}`;
  return /timeout/i.test(error.message) ? 'no answer in time' : 'the connection was lost';
}
