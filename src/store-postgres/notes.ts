import type { Queries } from './connection.ts';
import type { SqlWrite } from './group-commit.ts';

const readNoteSql = `
SELECT text
FROM @notes
WHERE name = $1`;

const writeNoteSql = `
INSERT INTO @notes (name, text)
VALUES ($1, $2)
ON CONFLICT (name) DO UPDATE SET text = excluded.text`;

export async function readNote(database: Queries, name: string): Promise<string | null> {
  const [row] = await database.all(readNoteSql, name);
  return row === undefined ? null : (row[0] as string);
}

export function writeNote(p: { readonly name: string; readonly text: string }): SqlWrite<void> {
  return {
    callersNow: 0,
    execute: async ({ tx }) => tx.post(writeNoteSql, [p.name, p.text]),
    bytes: p.text.length,
  };
}
