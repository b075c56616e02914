import type { Progress } from '../core/operation.ts';
import type { StoredQueue } from '../store/store.ts';
import type { Queries } from './connection.ts';

/**
 * The server sorts: 100,000 rows take some 150 ms there, once for all nodes and never while a
 * request waits. Operations that wait again after an attempt are few; their first start is in the
 * wide row.
 */
const waitingSql = `
SELECT queue.id, queue.task, queue.priority, queue.ready_at, queue.concurrency_key,
       CASE WHEN queue.state = 'scheduled' THEN (
         SELECT started_at FROM @operations AS operations WHERE operations.id = queue.id
       ) END
FROM @queue AS queue
ORDER BY queue.priority DESC, queue.ready_at, queue.id
LIMIT $1`;

const runningSql = `
SELECT id, task, concurrency_key, started_at, progress
FROM @operations
WHERE lease_expires_at IS NOT NULL
LIMIT $1`;

export function readQueue(
  database: Queries,
  { limit }: { readonly limit: number },
): Promise<StoredQueue> {
  return database.read(async (tx) => {
    const [waiting, running] = await Promise.all([
      tx.all(waitingSql, limit),
      tx.all(runningSql, limit),
    ]);
    return {
      waiting: waiting.map((row) => ({
        id: row[0] as string,
        task: row[1] as string,
        priority: row[2] as number,
        readyAt: row[3] as number,
        key: row[4] as string | null,
        startedAt: row[5] as number | null,
      })),
      running: running.map((row) => ({
        id: row[0] as string,
        task: row[1] as string,
        key: row[2] as string | null,
        startedAt: row[3] as number | null,
        progress: row[4] === null ? null : (JSON.parse(row[4] as string) as Progress),
      })),
    };
  });
}
