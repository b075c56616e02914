import { limits } from '../core/limits.ts';
import type { Note, Store } from '../store/store.ts';
import { textArray } from './array-literal.ts';
import type { Queries } from './connection.ts';
import type { SqlWrite } from './group-commit.ts';

const readNoteSql = `
SELECT text
FROM @notes
WHERE name = $1`;

const readNotesSql = `
SELECT name, text, written_at
FROM @notes
WHERE name >= $1
  AND name < $2
ORDER BY name
LIMIT $3`;

const writeNoteSql = `
INSERT INTO @notes AS notes (name, text, written_at)
VALUES ($1, $2, $3)
ON CONFLICT (name) DO UPDATE
SET text = excluded.text,
    written_at = greatest(excluded.written_at, notes.written_at + 1)`;

const insertNoteSql = `
INSERT INTO @notes (name, text, written_at)
VALUES ($1, $2, $3)
ON CONFLICT (name) DO NOTHING`;

const replaceNoteSql = `
UPDATE @notes
SET text = $2,
    written_at = greatest($3, written_at + 1)
WHERE name = $1
  AND written_at = $4`;

const removeNotesSql = `
DELETE FROM @notes
WHERE name = ANY ($1::text[])
  AND written_at <= $2`;

export async function readNote(database: Queries, name: string): Promise<string | null> {
  const [row] = await database.all(readNoteSql, name);
  return row === undefined ? null : (row[0] as string);
}

/** Reads in a transaction for its clock, which is the one that the notes were written by. */
export function readNotes(
  database: Queries,
  { prefix, now: callersNow }: Parameters<Store['readNotes']>[0],
): Promise<Note[]> {
  return database.read(async (tx) => {
    const end = `${prefix}\u{10ffff}`;
    const rows = await tx.all(readNotesSql, prefix, end, limits.notesRead);
    const now = await tx.now(callersNow);
    return rows.map((row) => {
      const writtenAt = row[2] as number;
      const ageMs = Math.max(0, now - writtenAt);
      return { name: row[0] as string, text: row[1] as string, writtenAt, ageMs };
    });
  });
}

export function writeNote(p: Parameters<Store['writeNote']>[0]): SqlWrite<void> {
  return {
    callersNow: p.now,
    execute: async ({ tx }, now) => tx.post(writeNoteSql, [p.name, p.text, now]),
    bytes: p.text.length,
  };
}

export function replaceNote(
  p: Parameters<Store['replaceNote']>[0],
): SqlWrite<'replaced' | 'changed'> {
  return {
    callersNow: p.now,
    execute: async ({ tx }, now) => {
      const values = [p.name, p.text, now] as const;
      const changed =
        p.over === null
          ? await tx.run(insertNoteSql, ...values)
          : await tx.run(replaceNoteSql, ...values, p.over);
      return changed === 1 ? 'replaced' : 'changed';
    },
    bytes: p.text.length,
  };
}

export function removeNotes(p: Parameters<Store['removeNotes']>[0]): SqlWrite<number> {
  return {
    callersNow: p.now,
    execute: ({ tx }, now) => tx.run(removeNotesSql, textArray(p.names), now - p.unwrittenMs),
  };
}
