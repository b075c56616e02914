import type { EndedAttempt } from '../core/operation.ts';
import type { ReadConnection } from './connection.ts';
import { attemptColumns, attemptOf } from './rows.ts';

export const listAttemptsSql = `
SELECT ${attemptColumns}
FROM attempts
WHERE operation_seq = (SELECT operations.seq FROM operations WHERE id = ?)
ORDER BY seq`;

export function prepareListAttempts(reader: ReadConnection): (id: string) => EndedAttempt[] {
  const list = reader.prepare(listAttemptsSql);
  return (id) => list.all(id).map((row) => attemptOf(id, row));
}
