import type { ReadConnection, WriteConnection } from './connection.ts';

/** Notes stand in `meta`, under names that nothing else there has. */
const prefix = 'note.';

const readNoteSql = `
SELECT value
FROM meta
WHERE name = ?`;

const writeNoteSql = `
INSERT INTO meta (name, value)
VALUES (?, ?)
ON CONFLICT (name) DO UPDATE SET value = excluded.value`;

export function prepareReadNote(reader: ReadConnection): (name: string) => string | null {
  const select = reader.prepare(readNoteSql);
  return (name) => {
    const row = select.first(prefix + name);
    return row === undefined ? null : (row[0] as string);
  };
}

export function prepareWriteNote(
  writer: WriteConnection,
): (p: { readonly name: string; readonly text: string }) => void {
  const write = writer.prepare(writeNoteSql);
  return ({ name, text }) => {
    write.run(prefix + name, text);
  };
}
