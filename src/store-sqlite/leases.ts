import type { ExtendLeases, ExtendOutcome } from '../store/store.ts';
import type { WriteConnection } from './connection.ts';
import { seqOf } from './rows.ts';
import { findLeaseSql } from './settle.ts';

/**
 * Both repeat decide()'s rule for `extended`: the version counts only changes that a client can
 * see.
 */
export const extendSql = `
UPDATE operations
SET lease_expires_at = ?
WHERE seq = ?
  AND state = 'running'
  AND lease_token = ?`;

export const extendWithProgressSql = `
UPDATE operations
SET lease_expires_at = ?,
    progress = ?,
    version = version + 1
WHERE seq = ?
  AND state = 'running'
  AND lease_token = ?`;

export type Extend = (p: ExtendLeases) => ExtendOutcome[];

export function prepareExtend(writer: WriteConnection): Extend {
  const findLease = writer.prepare(findLeaseSql);
  const extend = writer.prepare(extendSql);
  const extendWithProgress = writer.prepare(extendWithProgressSql);
  return ({ leases, leaseMs, now }) =>
    leases.map(({ id, token, progress }) => {
      const expiresAt = now + leaseMs;
      const row = findLease.first(id, token);
      if (row === undefined) return { outcome: 'lost' };
      if (progress === null) extend.run(expiresAt, seqOf(row), token);
      else extendWithProgress.run(expiresAt, JSON.stringify(progress), seqOf(row), token);
      return { outcome: 'extended', cancelRequested: row[4] !== null };
    });
}
