import { limits } from '../core/limits.ts';
import type { EndedAttempt } from '../core/operation.ts';
import { attemptColumns, attemptOf } from '../store/operation-rows.ts';
import type { ReadConnection } from './connection.ts';

export const listAttemptsSql = `
SELECT ${attemptColumns}
FROM attempts
WHERE operation_seq = (SELECT operations.seq FROM operations WHERE id = ?)
ORDER BY seq DESC
LIMIT ${limits.attemptsShown}`;

export function prepareListAttempts(reader: ReadConnection): (id: string) => EndedAttempt[] {
  const list = reader.prepare(listAttemptsSql);
  // Reversed here, because a sort in SQL would be one more pass.
  return (id) => {
    const rows = list.all(id).toReversed();
    return rows.map((row) => attemptOf(id, row));
  };
}
