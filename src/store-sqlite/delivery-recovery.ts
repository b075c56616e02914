import type { WriteConnection } from './connection.ts';
import { claimDeliverySql } from './deliveries.ts';

/**
 * Claims whose deliveries were not all written when the process that made them ended
 * (unwritten-deliveries.ts).
 */
export const selectClaimsSql = `
SELECT claimed_at, expires_at, worker, members
FROM delivery_claims
ORDER BY seq`;

export const selectClaimedSql = `
SELECT version, attempts, state, url
FROM deliveries
WHERE seq = ?`;

const deleteClaimsSql = `
DELETE FROM delivery_claims`;

/**
 * Writes the claims of a former process into the rows of their deliveries; call it before anything
 * else looks at deliveries. A delivery that has changed since it was claimed has been written,
 * which its version shows. If its endpoint has moved since the attempt before, the row gets the
 * address of that attempt, not of this one.
 */
export function recoverClaims(writer: WriteConnection): void {
  const claims = writer.prepare(selectClaimsSql);
  const select = writer.prepare(selectClaimedSql);
  const update = writer.prepare(claimDeliverySql);
  const remove = writer.prepare(deleteClaimsSql);

  function recover(
    member: string,
    p: readonly [at: number, expiresAt: number, worker: string],
  ): void {
    const [seq = 0, version] = member.split(' ').map(Number);
    const [before, attempts, state, url] = select.first(seq) ?? [];
    if (state !== 'pending' || Number(before) + 1 !== version) return;
    const [startedAt, expiresAt, worker] = p;
    const token = `${worker}.${seq}`;
    update.run(
      version,
      Number(attempts) + 1,
      startedAt,
      expiresAt,
      token,
      worker,
      String(url),
      seq,
    );
  }

  writer.beginRead();
  const rows = claims.all();
  writer.rollback();
  if (rows.length === 0) return;
  writer.begin();
  try {
    for (const [claimedAt, expiresAt, worker, members] of rows) {
      const claim = [Number(claimedAt), Number(expiresAt), String(worker)] as const;
      for (const member of String(members).split(',')) recover(member, claim);
    }
    remove.run();
    writer.commit();
  } catch (error) {
    writer.rollback();
    throw error;
  }
}
