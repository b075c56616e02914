import { limits } from '../core/limits.ts';
import type { EndedAttempt } from '../core/operation.ts';
import { attemptColumns, attemptOf } from '../store/operation-rows.ts';
import type { Queries } from './connection.ts';

export const listAttemptsSql = `
SELECT ${attemptColumns}
FROM @attempts
WHERE operation_id = $1
ORDER BY seq DESC
LIMIT ${limits.attemptsShown}`;

export async function listAttempts(database: Queries, id: string): Promise<EndedAttempt[]> {
  const rows = await database.read((tx) => tx.all(listAttemptsSql, id));
  // Reversed here, because a sort in SQL would be one more pass.
  return rows.toReversed().map((row) => attemptOf(id, row));
}
