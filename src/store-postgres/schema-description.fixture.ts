import { runSql } from './postgres-schema.fixture.ts';

type Facts = readonly Readonly<Record<string, unknown>>[];
export type SchemaDescription = {
  readonly columns: Facts;
  readonly indexes: Facts;
  readonly constraints: Facts;
};

/**
 * Everything that makes a schema: columns, indexes, constraints, storage and settings of tables.
 */
export async function describeSchema({
  url,
  schema,
}: {
  readonly url: string;
  readonly schema: string;
}): Promise<SchemaDescription> {
  const columns = await runSql(
    url,
    `SELECT c.relname, a.attname, a.attnum, format_type(a.atttypid, a.atttypmod) AS type, a.attnotnull,
       a.attstorage, a.attidentity, pg_get_expr(d.adbin, d.adrelid) AS fallback, l.collname, c.reloptions
     FROM pg_class c
     JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
     LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
     LEFT JOIN pg_collation l ON l.oid = a.attcollation
     WHERE c.relnamespace = $1::regnamespace AND c.relkind IN ('r', 'i', 'S')
     ORDER BY c.relname, a.attnum`,
    [schema],
  );
  const indexes = await runSql(
    url,
    `SELECT indexname, replace(indexdef, $1, '') AS definition FROM pg_indexes
     WHERE schemaname = $1 ORDER BY indexname`,
    [schema],
  );
  const constraints = await runSql(
    url,
    `SELECT (SELECT relname FROM pg_class WHERE oid = conrelid) AS relname, conname,
       pg_get_constraintdef(oid) AS definition FROM pg_constraint
     WHERE connamespace = $1::regnamespace ORDER BY conname`,
    [schema],
  );
  return { columns, indexes, constraints };
}

/**
 * Changes by a step that the code of the release before would not survive: migrations.ts, "Rolling
 * upgrade".
 */
export function forbiddenChanges(before: SchemaDescription, after: SchemaDescription): string[] {
  const tables = new Set(before.columns.map(({ relname }) => relname));
  const known = (facts: Facts) => new Set(facts.map((fact) => JSON.stringify(fact)));
  const lost = (['columns', 'indexes', 'constraints'] as const).flatMap((kind) => {
    const kept = known(after[kind]);
    return before[kind].filter((fact) => !kept.has(JSON.stringify(fact)));
  });
  const [oldColumns, oldConstraints] = [known(before.columns), known(before.constraints)];
  const demanding = after.columns.filter(
    (column) =>
      tables.has(column['relname']) &&
      !oldColumns.has(JSON.stringify(column)) &&
      column['attnotnull'] === true &&
      column['fallback'] === null,
  );
  const strict = after.constraints.filter(
    (fact) =>
      tables.has(fact['relname']) &&
      !oldConstraints.has(JSON.stringify(fact)) &&
      // PostgreSQL 18 lists these as well; they are in `demanding`.
      !String(fact['definition']).startsWith('NOT NULL'),
  );
  return [...lost, ...demanding, ...strict].map((fact) => JSON.stringify(fact));
}
