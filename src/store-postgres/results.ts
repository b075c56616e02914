import { limits } from '../core/limits.ts';
import type { Operation } from '../core/operation.ts';
import type { Queries, Transaction } from './connection.ts';

/**
 * Results that are not inline, in rows of at most limits.resultChunkBytes, by position in the
 * whole.
 */
const insertChunkSql = `
INSERT INTO @result_chunks (operation_id, position, bytes)
VALUES ($1, $2, $3)`;

export const readChunkSql = `
SELECT bytes
FROM @result_chunks
WHERE operation_id = $1
  AND position = $2`;

/** Chunks that may be unanswered at once: 4 MiB must arrive within the time an answer may take. */
const chunksTogether = 16;

export async function writeChunks(
  tx: Transaction,
  completed: readonly { readonly body: Uint8Array | null; readonly after: Operation }[],
): Promise<void> {
  let sent = 0;
  for (const { body, after } of completed) {
    if (body === null) continue;
    for (let at = 0; at < body.byteLength; at += limits.resultChunkBytes) {
      tx.post(insertChunkSql, [after.id, at, body.subarray(at, at + limits.resultChunkBytes)]);
      sent += 1;
      if (sent % chunksTogether === 0) await tx.settled();
    }
  }
}

export type ReadRange = {
  readonly id: string;
  readonly start: number;
  readonly end: number;
};

/**
 * Each chunk is a query of its own, by key. Nothing stays open while the reader is slow, so a slow
 * download holds neither a connection nor the removal of old row versions.
 */
export async function* readResult(
  database: Queries,
  p: ReadRange,
  requireOpen: () => void,
): AsyncGenerator<Uint8Array> {
  let at = p.start;
  while (at < p.end) {
    requireOpen();
    const position = at - (at % limits.resultChunkBytes);
    const [row] = await database.all(readChunkSql, p.id, position);
    const bytes = row?.[0];
    if (!(bytes instanceof Uint8Array)) return;
    const part = bytes.subarray(at - position, p.end - position);
    if (part.byteLength === 0) return;
    yield part;
    at += part.byteLength;
  }
}
