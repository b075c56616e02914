import type { Database } from './connection.ts';
import { migrations } from './migrations.ts';
import { oldSnapshots } from './old-snapshots.ts';

/** One result of an inspection. */
export type Finding = {
  readonly ok: boolean;
  /** One word. */
  readonly what: string;
  /** One sentence. */
  readonly detail: string;
};

/**
 * Beyond this difference, what is noted by the node's own clock (progress, ids) is out of step with
 * the rest.
 */
const skewMsMax = 2_000;

/** With fewer dead rows than this a table is healthy, whatever their share. */
const deadRowsMin = 50_000;

/**
 * Inspects the server and the schema for `raincheck doctor`: versions, settings that would break a
 * promise, clocks, room for connections, dead rows and what keeps them. Reads only. Rejects with
 * `store_unavailable`.
 */
export async function inspect(database: Database): Promise<Finding[]> {
  return [
    await versionFinding(database),
    await settingsFinding(database),
    await connectionsFinding(database),
    await clockFinding(database),
    await deadRowsFinding(database),
    ...(await oldSnapshots(database)).map((detail) => ({ ok: false, what: 'vacuum', detail })),
  ];
}

const versionSql = `
SELECT current_setting('server_version'), (SELECT version FROM @schema_version)`;

async function versionFinding(database: Database): Promise<Finding> {
  const [row] = await database.all(versionSql);
  const [server, schema] = row as readonly [string, number];
  const ahead = schema > migrations.length ? ', of a newer Raincheck' : '';
  const detail = `PostgreSQL ${server.split(' ')[0]}; schema ${database.schema} has version ${schema}${ahead}`;
  return { ok: true, what: 'postgres', detail };
}

const settingsSql = `
SELECT name, setting
FROM pg_settings
WHERE name IN ('fsync', 'full_page_writes', 'autovacuum')
  AND setting = 'off'
ORDER BY name`;

const whyOn: Readonly<Record<string, string>> = {
  fsync: 'what was acknowledged would not survive a loss of power',
  full_page_writes: 'a loss of power could corrupt tables',
  autovacuum: 'dead rows would never be removed',
};

async function settingsFinding(database: Database): Promise<Finding> {
  const rows = await database.all(settingsSql);
  const bad = rows.map(([name]) => `${String(name)} is off: ${whyOn[String(name)]}`);
  const good = 'fsync, full_page_writes and autovacuum are on';
  return { ok: bad.length === 0, what: 'settings', detail: bad.join('; ') || good };
}

const connectionsSql = `
SELECT count(*) FILTER (WHERE backend_type = 'client backend'),
  current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
FROM pg_stat_activity`;

async function connectionsFinding(database: Database): Promise<Finding> {
  const [row] = await database.all(connectionsSql);
  const [used, max] = row as readonly [number, number];
  const detail = `${used} of ${max} are in use`;
  return used < 0.9 * max
    ? { ok: true, what: 'connections', detail }
    : { ok: false, what: 'connections', detail: `${detail}: another process may find none` };
}

async function clockFinding(database: Database): Promise<Finding> {
  const sql = 'SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint';
  await database.all(sql); // so that connecting does not count
  const [sentAt, sent] = [Date.now(), performance.now()];
  const [row] = await database.all(sql);
  const tripMs = performance.now() - sent;
  const aheadMs = Math.round((row?.[0] as number) - (sentAt + tripMs / 2));
  const detail = `this machine's clock and the database's differ by ${Math.abs(aheadMs)} ms (a round trip takes ${tripMs.toFixed(1)} ms)`;
  return { ok: Math.abs(aheadMs) <= skewMsMax, what: 'clock', detail };
}

const deadRowsSql = `
SELECT relname, n_live_tup, n_dead_tup, pg_total_relation_size(relid)
FROM pg_stat_user_tables
WHERE schemaname = $1
ORDER BY n_dead_tup DESC`;

async function deadRowsFinding(database: Database): Promise<Finding> {
  const rows = await database.all(deadRowsSql, database.schema);
  const sizeMb = Math.ceil(rows.reduce((sum, row) => sum + (row[3] as number), 0) / 1_048_576);
  const bad = rows
    .filter(([, live, dead]) => (dead as number) > Math.max(deadRowsMin, live as number))
    .map(
      ([name, live, dead]) =>
        `${String(name)} has ${String(dead)} dead rows beside ${String(live)} live ones`,
    );
  const detail = `${sizeMb} MB; ${bad.join('; ') || 'no table is full of dead rows'}`;
  return { ok: bad.length === 0, what: 'tables', detail };
}
