import { limits } from '../core/limits.ts';
import type { KeptLine } from '../core/log-line.ts';
import { chunksAfter, linesAfter, type LogChunk } from '../store/log-chunks.ts';
import type { AppendLogs, AppendOutcome, ReadLogs } from '../store/store.ts';
import type { ReadConnection, Row, WriteConnection } from './connection.ts';
import { seqOf } from './rows.ts';
import { findLeaseSql } from './settle.ts';

export const lastChunkSql = `
SELECT position, lines, writer_token, writer_lines, text
FROM log_chunks
WHERE operation_seq = ?
ORDER BY position DESC
LIMIT 1`;

const writeChunkSql = `
INSERT INTO log_chunks (operation_seq, position, lines, writer_token, writer_lines, text)
VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (operation_seq, position) DO UPDATE
SET lines = excluded.lines,
    writer_token = excluded.writer_token,
    writer_lines = excluded.writer_lines,
    text = excluded.text`;

export const dropChunksSql = `
DELETE FROM log_chunks
WHERE operation_seq = ?1
  AND position <= (
    SELECT position
    FROM log_chunks
    WHERE operation_seq = ?1
    ORDER BY position DESC
    LIMIT 1 OFFSET ${limits.logChunks}
  )`;

/**
 * The chunks from the one that holds the line after `after`. By id, not by seq, which may be reused
 * after a removal.
 */
export const readChunksSql = `
SELECT position, text
FROM log_chunks
WHERE operation_seq = (SELECT seq FROM operations WHERE id = ?1)
  AND position >= coalesce((
    SELECT max(position)
    FROM log_chunks
    WHERE operation_seq = (SELECT seq FROM operations WHERE id = ?1)
      AND position <= ?2 + 1
  ), 0)
ORDER BY position`;

export function prepareAppendLogs(writer: WriteConnection): (p: AppendLogs) => AppendOutcome[] {
  const findLease = writer.prepare(findLeaseSql);
  const lastChunk = writer.prepare(lastChunkSql);
  const writeChunk = writer.prepare(writeChunkSql);
  const dropChunks = writer.prepare(dropChunksSql);
  return ({ entries }) =>
    entries.map((entry) => {
      const lease = findLease.first(entry.id, entry.token);
      if (lease === undefined) return 'lost';
      const seq = seqOf(lease);
      const last = chunkOf(lastChunk.first(seq));
      const changed = chunksAfter(last, entry);
      for (const { position, lines, writerToken, writerLines, text } of changed) {
        writeChunk.run(seq, position, lines, writerToken, writerLines, text);
      }
      if (changed.some(({ position }) => position !== last?.position)) dropChunks.run(seq);
      return 'applied';
    });
}

function chunkOf(row: Row | undefined): LogChunk | null {
  if (row === undefined) return null;
  const [position, lines, writerToken, writerLines, text] = row as [
    number,
    number,
    string,
    number,
    string,
  ];
  return { position, lines, writerToken, writerLines, text };
}

export function prepareReadLogs(reader: ReadConnection): (p: ReadLogs) => KeptLine[] {
  const read = reader.prepare(readChunksSql);
  return ({ id, after, limit }) => {
    const chunks = read.all(id, after).map((row) => {
      const [position, text] = row as [number, string];
      return { position, text };
    });
    return linesAfter(chunks, after, limit);
  };
}
