import { limits } from '../core/limits.ts';
import type { KeptLine } from '../core/log-line.ts';
import { chunksAfter, linesAfter, type LogChunk } from '../store/log-chunks.ts';
import type { AppendLogs, AppendOutcome, LogEntry, ReadLogs } from '../store/store.ts';
import { numberArray, textArray } from './array-literal.ts';
import type { Queries, Row, Transaction } from './connection.ts';
import type { MemoryWrite } from './group-commit.ts';

/** The last chunks of many operations at once, by one step in the index for each. */
export const lastChunksSql = `
SELECT wanted.id, last.position, last.lines, last.writer_token, last.writer_lines, last.text
FROM unnest($1::text[]) AS wanted (id)
CROSS JOIN LATERAL (
  SELECT position, lines, writer_token, writer_lines, text
  FROM @log_chunks AS chunks
  WHERE chunks.operation_id = wanted.id
  ORDER BY position DESC
  LIMIT 1
) AS last`;

export const writeChunksSql = `
INSERT INTO @log_chunks (operation_id, position, lines, writer_token, writer_lines, text)
SELECT *
FROM unnest($1::text[], $2::bigint[], $3::integer[], $4::text[], $5::bigint[], $6::text[])
ON CONFLICT (operation_id, position) DO UPDATE
SET lines = excluded.lines,
    writer_token = excluded.writer_token,
    writer_lines = excluded.writer_lines,
    text = excluded.text`;

export const dropChunksSql = `
DELETE FROM @log_chunks AS chunks
USING unnest($1::text[]) AS wanted (id)
CROSS JOIN LATERAL (
  SELECT position
  FROM @log_chunks AS kept
  WHERE kept.operation_id = wanted.id
  ORDER BY position DESC
  OFFSET ${limits.logChunks}
  LIMIT 1
) AS oldest
WHERE chunks.operation_id = wanted.id
  AND chunks.position <= oldest.position`;

/** The chunks from the one that holds the line after `after`. */
export const readChunksSql = `
SELECT position, text
FROM @log_chunks
WHERE operation_id = $1
  AND position >= coalesce((
    SELECT position
    FROM @log_chunks
    WHERE operation_id = $1
      AND position <= $2 + 1
    ORDER BY position DESC
    LIMIT 1
  ), 0)
ORDER BY position`;

/**
 * The log lines that one transaction appends. Chunks are read after the rows of the operations are
 * locked, so that the last chunk is current: an attempt that lost its lease and the one that holds
 * it now do not write at once.
 */
export class LogSet {
  readonly #last = new Map<string, LogChunk | null>();
  readonly #changed = new Map<string, Map<number, LogChunk>>();
  readonly #grown = new Set<string>();

  async load(tx: Transaction, ids: ReadonlySet<string>): Promise<void> {
    const wanted = [...ids].filter((id) => !this.#last.has(id));
    if (wanted.length === 0) return;
    for (const id of wanted) this.#last.set(id, null);
    for (const row of await tx.all(lastChunksSql, textArray(wanted))) {
      this.#last.set(row[0] as string, chunkOf(row));
    }
  }

  /** Returns whether any of the lines were new. */
  append(entry: LogEntry): boolean {
    const { id } = entry;
    const last = this.#last.get(id) ?? null;
    const chunks = chunksAfter(last, entry);
    const changed = this.#changed.get(id) ?? new Map<number, LogChunk>();
    for (const chunk of chunks) changed.set(chunk.position, chunk);
    if (chunks.some(({ position }) => position !== last?.position)) this.#grown.add(id);
    this.#changed.set(id, changed);
    this.#last.set(id, chunks.at(-1) ?? last);
    return chunks.length > 0;
  }

  /** Drops the lines of an operation that was removed. */
  forget(id: string): void {
    this.#last.delete(id);
    this.#changed.delete(id);
  }

  post(tx: Transaction): void {
    const rows = [...this.#changed].flatMap(([id, chunks]) =>
      [...chunks.values()].map((chunk) => ({ id, ...chunk })),
    );
    this.#changed.clear();
    if (rows.length === 0) return;
    tx.post(writeChunksSql, [
      textArray(rows.map(({ id }) => id)),
      numberArray(rows.map(({ position }) => position)),
      numberArray(rows.map(({ lines }) => lines)),
      textArray(rows.map(({ writerToken }) => writerToken)),
      numberArray(rows.map(({ writerLines }) => writerLines)),
      textArray(rows.map(({ text }) => text)),
    ]);
    if (this.#grown.size > 0) tx.post(dropChunksSql, [textArray([...this.#grown])]);
    this.#grown.clear();
  }
}

export function appendLogsWrite({ entries, now }: AppendLogs): MemoryWrite<AppendOutcome[]> {
  let bytes = 0;
  for (const { lines } of entries)
    for (const line of lines) bytes += line.message.length + (line.fields?.length ?? 0);
  return {
    callersNow: now,
    bytes,
    isLoose: true,
    isPrelude: true,
    needs: ({ ids, loggingIds }) => {
      for (const { id } of entries) {
        ids.add(id);
        loggingIds.add(id);
      }
    },
    run: (set) => entries.map((entry) => (set.appendLogs(entry) ? 'applied' : 'lost')),
  };
}

function chunkOf(row: Row): LogChunk {
  const [, position, lines, writerToken, writerLines, text] = row as [
    string,
    number,
    number,
    string,
    number,
    string,
  ];
  return { position, lines, writerToken, writerLines, text };
}

export async function readLogs(
  database: Queries,
  { id, after, limit }: ReadLogs,
): Promise<KeptLine[]> {
  const rows = await database.all(readChunksSql, id, after);
  const chunks = rows.map((row) => {
    const [position, text] = row as [number, string];
    return { position, text };
  });
  return linesAfter(chunks, after, limit);
}
