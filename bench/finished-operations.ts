import { DatabaseSync } from 'node:sqlite';
import { Client } from 'pg';
import { operationId } from '../src/core/id.ts';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import path from 'node:path';
import { silentLogger } from '../src/engine/logger.ts';
import { raincheck } from '../src/server/raincheck.ts';
import { dropSchema, newSchema } from '../src/store-postgres/postgres-schema.fixture.ts';
import { startPostgres } from '../src/store-postgres/postgres-server.fixture.ts';

/** Makes stores with very many finished operations, for benches that read them. */
const dayMs = 86_400_000;
const now = Date.now();

type Row = Readonly<Record<string, string | number | null>>;

export const noun = 'the quick brown fox jumps over the lazy dog '.repeat(3);

/**
 * A week of finished operations, oldest first. One in twenty failed. Rare texts are in the old
 * ones, where finding them takes longest.
 */
function row(i: number, count: number): Row {
  const createdAt = now - 7 * dayMs + Math.floor((i / count) * (7 * dayMs - 60_000));
  const isFailed = i % 20 === 0;
  const isOld = i < count / 100;
  const detail = `connect ECONNREFUSED 10.0.0.${i % 250}:5432, request ${i}${isOld ? ', disk full' : ''}`;
  const code = isOld && i % 1_000 === 0 ? 'timeout' : 'task_error';
  const user = { id: 10_000 + (i % 5_000), name: isOld ? 'Ada' : 'Grace' };
  return {
    id: operationId(createdAt, crypto.getRandomValues(new Uint8Array(10))),
    task: isOld ? 'rare' : i % 10 === 1 ? 'exports' : 'reports',
    state: isFailed ? 'failed' : 'completed',
    created_at: createdAt,
    started_at: createdAt + 20,
    finished_at: createdAt + 900,
    expires_at: createdAt + 30 * dayMs,
    retention_ms: 30 * dayMs,
    attempt: 1,
    attempts_max: 3,
    priority: 0,
    ready_at: createdAt,
    tenant: '',
    labels: JSON.stringify({ team: `team-${i % 100}`, era: isOld ? 'old' : 'new' }),
    error_code: isFailed ? code : null,
    error: isFailed ? JSON.stringify({ code, title: null, status: null, detail }) : null,
    result_type: isFailed ? null : 'application/json',
    result_size: isFailed ? null : 160,
    result_etag: isFailed ? null : '"r-0123456789abcdef"',
    result_inline: isFailed ? null : JSON.stringify({ text: noun }),
    input: JSON.stringify({ user, type: 'sales_summary', notes: noun, page: i }),
  };
}

const columns = Object.keys(row(0, 1));

function* batches(count: number): Generator<Row[]> {
  for (let from = 0; from < count; from += 10_000) {
    yield Array.from({ length: Math.min(10_000, count - from) }, (_, i) => row(from + i, count));
  }
}

function fillSqlite(file: string, count: number): void {
  const db = new DatabaseSync(file);
  db.exec('PRAGMA synchronous = OFF');
  const insert = db.prepare(
    `INSERT INTO operations (${columns.join(', ')}) VALUES (${columns.map(() => '?').join(', ')})`,
  );
  for (const rows of batches(count)) {
    db.exec('BEGIN');
    for (const one of rows) insert.run(...Object.values(one));
    db.exec('COMMIT');
  }
  db.close();
}

async function fillPostgres(
  url: string,
  p: { readonly schema: string; readonly count: number },
): Promise<void> {
  const { schema, count } = p;
  const client = new Client({ connectionString: url });
  await client.connect();
  const table = `"${schema}".operations`;
  const insert = `
    INSERT INTO ${table} (${columns.join(', ')})
    SELECT ${columns.join(', ')} FROM json_populate_recordset(NULL::${table}, $1)`;
  for (const rows of batches(count)) await client.query(insert, [JSON.stringify(rows)]);
  await client.query(`VACUUM (ANALYZE) ${table}`);
  await client.end();
}

async function openOnce(store: string): Promise<void> {
  const rc = raincheck({ tasks: [], store, work: false, logger: silentLogger, webhooks: false });
  await rc.fetch(new Request('http://bench.test/tasks'));
  await rc.stop({ now: true });
}

/** Runs `use` over a store with `count` finished operations, and removes the store afterwards. */
export async function withFinished(
  p: { readonly kind: string; readonly count: number },
  use: (store: string) => Promise<void>,
): Promise<void> {
  if (p.kind === 'postgres') return withPostgres(p.count, use);
  const results = path.join(import.meta.dirname, 'results');
  mkdirSync(results, { recursive: true });
  const folder = mkdtempSync(path.join(results, 'data-'));
  const file = path.join(folder, 'finished.db');
  try {
    await openOnce(file);
    fillSqlite(file, p.count);
    await use(file);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function withPostgres(count: number, use: (store: string) => Promise<void>): Promise<void> {
  const server = await startPostgres({ fsync: true });
  const schema = newSchema();
  const store = `${server.url}${server.url.includes('?') ? '&' : '?'}schema=${schema}`;
  try {
    await openOnce(store);
    await fillPostgres(server.url, { schema, count });
    await use(store);
    await dropSchema({ url: server.url, schema });
  } finally {
    await server.stop();
  }
}
