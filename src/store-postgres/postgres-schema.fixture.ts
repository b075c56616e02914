import { randomBytes } from 'node:crypto';
import { Client } from 'pg';

/** The name of a schema for one test; the server may be shared, or in use by others. */
export function newSchema(): string {
  return `raincheck_test_${randomBytes(6).toString('hex')}`;
}

export async function dropSchema(p: {
  readonly url: string;
  readonly schema: string;
}): Promise<void> {
  await runSql(p.url, `DROP SCHEMA IF EXISTS "${p.schema}" CASCADE`);
}

/** Empties the schema, as if just created. */
export async function emptySchema(p: {
  readonly url: string;
  readonly schema: string;
}): Promise<void> {
  const tables = await runSql(
    p.url,
    `SELECT relname FROM pg_class WHERE relnamespace = $1::regnamespace AND relkind = 'r'`,
    [`"${p.schema}"`],
  );
  const names = tables.map(({ relname }) => String(relname));
  const deletes = names
    .filter((name) => name !== 'schema_version')
    .map(
      (name) =>
        `DELETE FROM "${p.schema}".${name}${name === 'claim_locks' ? " WHERE task <> ''" : ''}`,
    );
  await runSql(p.url, deletes.join(';'));
}

/** Rows of one statement, on a connection of its own. */
export async function runSql(
  url: string,
  sql: string,
  values: unknown[] = [],
): Promise<Record<string, unknown>[]> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(sql, values)).rows as Record<string, unknown>[];
  } finally {
    await client.end();
  }
}
