import type { ExtendLeases, ExtendOutcome } from '../store/store.ts';
import type { WriteConnection } from './connection.ts';

/** Both repeat decide()'s rule for `extended`: the version counts only what a client can see. */
export const extendSql = `
UPDATE operations
SET lease_expires_at = ?
WHERE id = ?
  AND state = 'running'
  AND lease_token = ?
RETURNING cancel_requested_at`;

export const extendWithProgressSql = `
UPDATE operations
SET lease_expires_at = ?,
    progress = ?,
    version = version + 1
WHERE id = ?
  AND state = 'running'
  AND lease_token = ?
RETURNING cancel_requested_at`;

export type Extend = (p: ExtendLeases) => ExtendOutcome[];

export function prepareExtend(writer: WriteConnection): Extend {
  const extend = writer.prepare(extendSql);
  const extendWithProgress = writer.prepare(extendWithProgressSql);
  return ({ leases, leaseMs, now }) =>
    leases.map(({ id, token, progress }) => {
      const expiresAt = now + leaseMs;
      const [row] =
        progress === null
          ? extend.all(expiresAt, id, token)
          : extendWithProgress.all(expiresAt, JSON.stringify(progress), id, token);
      if (row === undefined) return { outcome: 'lost' };
      return { outcome: 'extended', cancelRequested: row[0] !== null };
    });
}
