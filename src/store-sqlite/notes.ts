import { limits } from '../core/limits.ts';
import type { Note, Store } from '../store/store.ts';
import type { ReadConnection, WriteConnection } from './connection.ts';

const readNoteSql = `
SELECT text
FROM notes
WHERE name = ?`;

const readNotesSql = `
SELECT name, text, written_at
FROM notes
WHERE name >= ?
  AND name < ?
ORDER BY name
LIMIT ? + 0`;

const writeNoteSql = `
INSERT INTO notes (name, text, written_at)
VALUES (?, ?, ?)
ON CONFLICT (name) DO UPDATE
SET text = excluded.text,
    written_at = max(excluded.written_at, notes.written_at + 1)`;

const insertNoteSql = `
INSERT INTO notes (name, text, written_at)
VALUES (?, ?, ?)
ON CONFLICT (name) DO NOTHING`;

const replaceNoteSql = `
UPDATE notes
SET text = ?,
    written_at = max(?, written_at + 1)
WHERE name = ?
  AND written_at = ?`;

const removeNoteSql = `
DELETE FROM notes
WHERE name = ?
  AND written_at <= ?`;

type Params<Verb extends 'readNotes' | 'writeNote' | 'removeNotes' | 'replaceNote'> = Parameters<
  Store[Verb]
>[0];

export function prepareNoteReads(reader: ReadConnection): {
  readonly one: (name: string) => string | null;
  readonly several: (p: Params<'readNotes'>) => Note[];
} {
  const select = reader.prepare(readNoteSql);
  const selectSeveral = reader.prepare(readNotesSql);
  return {
    one: (name) => (select.first(name)?.[0] as string | undefined) ?? null,
    several: ({ prefix, now }) => {
      const rows = selectSeveral.all(prefix, `${prefix}\u{10ffff}`, limits.notesRead);
      return rows.map((row) => {
        const writtenAt = row[2] as number;
        const ageMs = Math.max(0, now - writtenAt);
        return { name: row[0] as string, text: row[1] as string, writtenAt, ageMs };
      });
    },
  };
}

export function prepareNoteWrites(writer: WriteConnection): {
  readonly write: (p: Params<'writeNote'>) => void;
  readonly replace: (p: Params<'replaceNote'>) => 'replaced' | 'changed';
  readonly remove: (p: Params<'removeNotes'>) => number;
} {
  const write = writer.prepare(writeNoteSql);
  const insert = writer.prepare(insertNoteSql);
  const replace = writer.prepare(replaceNoteSql);
  const remove = writer.prepare(removeNoteSql);
  return {
    write: ({ name, text, now }) => {
      write.run(name, text, now);
    },
    replace: ({ name, text, over, now }) => {
      const changed =
        over === null
          ? insert.runCounted(name, text, now)
          : replace.runCounted(text, now, name, over);
      return changed === 1 ? 'replaced' : 'changed';
    },
    remove: ({ names, unwrittenMs, now }) => {
      let removed = 0;
      for (const name of names) removed += remove.runCounted(name, now - unwrittenMs);
      return removed;
    },
  };
}
