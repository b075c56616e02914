/**
 * Compares two layouts of the hot data by their cost on PostgreSQL. Each plays the same life of an
 * operation (accepted, claimed, completed) in plain SQL, optionally after a million finished rows:
 *
 *   node --conditions=raincheck-source bench/postgres-layout.ts [finished rows]
 *
 *   partial: one wide table, partial indexes on the states that work is looked up by
 *   narrow:  a wide row that is written at accept and at the end, and a narrow row in `queue` between
 *
 * A dated run stands in src/store-postgres/README.md.
 */
import { hash } from 'node:crypto';
import { Client } from 'pg';
import { startPostgres } from '../src/store-postgres/postgres-server.fixture.ts';

const finished = Number(process.argv[2] ?? 0);
const server = await startPostgres({ fsync: true });
const client = new Client({ connectionString: server.url });
await client.connect();

type Layout = {
  readonly schema: string;
  readonly fill: string;
  readonly create: readonly string[];
  readonly claim: string;
  readonly complete: string;
  readonly read: string;
};

const wide = `
  id text COLLATE "C" PRIMARY KEY, task text COLLATE "C" NOT NULL, state text COLLATE "C" NOT NULL,
  version int NOT NULL DEFAULT 1, created_at bigint NOT NULL, started_at bigint, finished_at bigint,
  expires_at bigint, retention_ms bigint NOT NULL DEFAULT 604800000, attempt int NOT NULL DEFAULT 0,
  attempts_max int NOT NULL DEFAULT 3, recoveries int NOT NULL DEFAULT 0, attempt_started_at bigint,
  lease_expires_at bigint, lease_token text, lease_worker text, priority int NOT NULL DEFAULT 0,
  ready_at bigint NOT NULL, concurrency_key text, tenant text NOT NULL DEFAULT '', labels text,
  result_type text, result_size bigint, result_etag text, result_inline text, input text`;

const input = JSON.stringify({ customer: 'c-20391', month: '2026-10', text: 'x'.repeat(300) });
const final = `'application/json', 40, '"r-0123456789abcdef"', '{"url":"https://example.com/reports/391"}'`;

const partial: Layout = {
  schema: `
    CREATE TABLE partial (${wide}) WITH (fillfactor = 90);
    CREATE INDEX ON partial (task, priority DESC, ready_at, id) WHERE state = 'ready';
    CREATE INDEX ON partial (task, created_at) WHERE state IN ('ready', 'parked');
    CREATE INDEX ON partial (lease_expires_at) WHERE lease_expires_at IS NOT NULL;
    CREATE INDEX ON partial (expires_at) WHERE expires_at IS NOT NULL;`,
  fill: `
    INSERT INTO partial (id, task, state, created_at, finished_at, expires_at, ready_at, input,
      result_type, result_size, result_etag, result_inline)
    SELECT 'op_' || lpad(i::text, 26, '0'), 'reports', 'completed', i, i, i + 9e14, i, $1, ${final}
    FROM generate_series(1, $2::int) i`,
  create: [
    `INSERT INTO partial (id, task, state, created_at, ready_at, input)
     SELECT id, 'reports', 'ready', 1, 1, $2 FROM unnest($1::text[]) id`,
  ],
  claim: `
    UPDATE partial o SET state = 'running', version = version + 1, started_at = 2, attempt = attempt + 1,
      attempt_started_at = 2, lease_expires_at = 15002, lease_token = 't' || o.id, lease_worker = 'w1'
    FROM (SELECT id FROM partial WHERE state = 'ready' AND task = 'reports'
      ORDER BY priority DESC, ready_at, id LIMIT $1 FOR UPDATE SKIP LOCKED) c
    WHERE o.id = c.id RETURNING o.*`,
  complete: `
    UPDATE partial o SET state = 'completed', version = version + 1, finished_at = 3,
      expires_at = 3 + retention_ms, lease_expires_at = NULL, lease_token = NULL, lease_worker = NULL,
      (result_type, result_size, result_etag, result_inline) = ROW(${final})
    FROM unnest($1::text[]) c (id)
    WHERE o.id = c.id AND state = 'running' AND lease_token = 't' || o.id`,
  read: `SELECT * FROM partial WHERE id = ANY($1)`,
};

const narrow: Layout = {
  schema: `
    CREATE TABLE narrow (${wide}) WITH (fillfactor = 90);
    CREATE INDEX ON narrow (expires_at) WHERE expires_at IS NOT NULL;
    CREATE TABLE queue (id text COLLATE "C" PRIMARY KEY, task text COLLATE "C" NOT NULL,
      state text COLLATE "C" NOT NULL, version int NOT NULL DEFAULT 1, created_at bigint NOT NULL,
      started_at bigint, attempt int NOT NULL DEFAULT 0, attempt_started_at bigint,
      lease_expires_at bigint, lease_token text, lease_worker text, priority int NOT NULL DEFAULT 0,
      ready_at bigint NOT NULL, concurrency_key text) WITH (fillfactor = 70);
    CREATE INDEX ON queue (task, priority DESC, ready_at, id) WHERE state = 'ready';
    CREATE INDEX ON queue (task, created_at) WHERE state IN ('ready', 'parked');
    CREATE INDEX ON queue (lease_expires_at) WHERE lease_expires_at IS NOT NULL;`,
  fill: partial.fill.replace('INTO partial', 'INTO narrow'),
  create: [
    `WITH q AS (INSERT INTO queue (id, task, state, created_at, ready_at)
       SELECT id, 'reports', 'ready', 1, 1 FROM unnest($1::text[]) id)
     INSERT INTO narrow (id, task, state, created_at, ready_at, input)
     SELECT id, 'reports', 'ready', 1, 1, $2 FROM unnest($1::text[]) id`,
  ],
  claim: `
    WITH q AS (UPDATE queue o SET state = 'running', version = version + 1, started_at = 2,
      attempt = attempt + 1, attempt_started_at = 2, lease_expires_at = 15002,
      lease_token = 't' || o.id, lease_worker = 'w1'
    FROM (SELECT id FROM queue WHERE state = 'ready' AND task = 'reports'
      ORDER BY priority DESC, ready_at, id LIMIT $1 FOR UPDATE SKIP LOCKED) c
    WHERE o.id = c.id RETURNING o.*)
    SELECT * FROM q JOIN narrow USING (id)`,
  complete: `
    WITH q AS (DELETE FROM queue o USING unnest($1::text[]) c (id)
      WHERE o.id = c.id AND state = 'running' AND lease_token = 't' || o.id
      RETURNING o.id, o.version, o.started_at, o.attempt, o.attempt_started_at)
    UPDATE narrow o SET state = 'completed', version = q.version + 1, started_at = q.started_at,
      attempt = q.attempt, attempt_started_at = q.attempt_started_at, finished_at = 3,
      expires_at = 3 + retention_ms,
      (result_type, result_size, result_etag, result_inline) = ROW(${final})
    FROM q WHERE o.id = q.id`,
  read: `SELECT * FROM narrow LEFT JOIN queue USING (id) WHERE id = ANY($1)`,
};

async function timed(run: () => Promise<unknown>): Promise<number> {
  const from = performance.now();
  await run();
  return (performance.now() - from) * 1000;
}

let made = 0;
async function measure(name: string, layout: Layout, p: { batch: number; count: number }) {
  const sums = { create: 0, claim: 0, read: 0, complete: 0 };
  const query = (text: string, values: unknown[]): Promise<unknown> =>
    client.query({ name: hash('md5', text), text, values });
  const walFrom = await client.query(`SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn AS at`);
  for (let done = 0; done < p.count; done += p.batch) {
    const ids = Array.from(
      { length: p.batch },
      () => `op_9${String((made += 1)).padStart(25, '0')}`,
    );
    sums.create += await timed(() => query(layout.create[0] ?? '', [ids, input]));
    sums.claim += await timed(() => query(layout.claim, [p.batch]));
    sums.read += await timed(() => query(layout.read, [ids]));
    sums.complete += await timed(() => query(layout.complete, [ids]));
  }
  const walTo = await client.query(`SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn AS at`);
  const wal = (Number(walTo.rows[0].at) - Number(walFrom.rows[0].at)) / p.count;
  const cells = Object.entries(sums).map(([verb, us]) => `${verb} ${(us / p.count).toFixed(1)}`);
  const sum = Object.values(sums).reduce((a, b) => a + b, 0) / p.count;
  console.log(
    `${name} batch ${p.batch}: ${cells.join(' · ')} · sum ${sum.toFixed(1)} µs · WAL ${Math.round(wal)} bytes`,
  );
}

for (const layout of [partial, narrow]) {
  await client.query(layout.schema);
  if (finished > 0) await client.query(layout.fill, [input, finished]);
}
for (const sql of [
  'VACUUM ANALYZE',
  'CHECKPOINT',
  'SET enable_seqscan = off',
  'SET enable_hashjoin = off',
]) {
  await client.query(sql);
}
for (const round of [1, 2, 3]) {
  console.log(`round ${round}, ${finished} finished rows`);
  for (const p of [
    { batch: 100, count: 20_000 },
    { batch: 5, count: 2_000 },
  ]) {
    for (const [name, layout] of Object.entries({ partial, narrow }))
      await measure(name, layout, p);
  }
}
await client.end();
await server.stop();
