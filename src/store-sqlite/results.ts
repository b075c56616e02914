import { limits } from '../core/limits.ts';
import type { ReadConnection, WriteConnection } from './connection.ts';

/** Results that are not inline, in rows of at most limits.resultChunkBytes, by position in the whole. */
const insertChunkSql = `
INSERT INTO result_chunks (operation_seq, position, bytes)
VALUES (?, ?, ?)`;

/** By id, not by seq, which may be reused after a removal. */
export const readChunkSql = `
SELECT bytes
FROM result_chunks
WHERE operation_seq = (SELECT seq FROM operations WHERE id = ?)
  AND position = ?`;

export type ResultWrites = {
  readonly insert: (operationSeq: number, body: Uint8Array) => void;
};

export function prepareResultWrites(writer: WriteConnection): ResultWrites {
  const insert = writer.prepare(insertChunkSql);
  return {
    insert: (operationSeq, body) => {
      for (let at = 0; at < body.byteLength; at += limits.resultChunkBytes) {
        insert.run(operationSeq, at, body.subarray(at, at + limits.resultChunkBytes));
      }
    },
  };
}

export type ReadRange = {
  readonly id: string;
  readonly start: number;
  readonly end: number;
};

/**
 * Each chunk is a query of its own, by key. Nothing stays open while the reader is slow, so a slow
 * download holds back neither writes nor the checkpoint.
 */
export function prepareReadResult(
  reader: ReadConnection,
): (p: ReadRange, requireOpen: () => void) => AsyncGenerator<Uint8Array> {
  const read = reader.prepare(readChunkSql);
  return async function* readResult(p, requireOpen) {
    let at = p.start;
    while (at < p.end) {
      requireOpen();
      const position = at - (at % limits.resultChunkBytes);
      const bytes = read.first(p.id, position)?.[0];
      if (!(bytes instanceof Uint8Array)) return;
      const part = bytes.subarray(at - position, p.end - position);
      if (part.byteLength === 0) return;
      yield part;
      at += part.byteLength;
    }
  };
}
