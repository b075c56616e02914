import { Logger, makeWorkerUtils, run } from 'graphile-worker';
import pg from 'pg';
import { Counted } from './counted.js';
import { serve } from './surface.js';

/**
 * Fastify accepts, graphile-worker queues in PostgreSQL, and a worker in the same process runs 64
 * jobs at once from a local queue of 500. It deletes finished jobs, so the status resource is a
 * table beside it, as its documentation proposes: one statement writes the row and its job, and the
 * handler marks the end. STATUS=queue leaves the table out; then every job that is not in the queue
 * counts as completed, although it may never have existed.
 */
const connectionString = process.env.POSTGRES_URL;
const hasTable = process.env.STATUS !== 'queue';
const pool = new pg.Pool({ connectionString, max: Number(process.env.CONNECTIONS ?? 20) });
const logger = new Logger(() => (level, message) => {
  if (level === 'error') process.stderr.write(`${message}\n`);
});
const utils = await makeWorkerUtils({ pgPool: pool, logger });
await utils.migrate();
await pool.query(`CREATE TABLE IF NOT EXISTS operations (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  status text NOT NULL DEFAULT 'pending',
  input json NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  started_at timestamptz,
  finished_at timestamptz,
  attempt integer NOT NULL DEFAULT 0
)`);

const counted = new Counted(async () => {
  const { rows } = await pool.query(
    'SELECT count(*)::int AS pending FROM graphile_worker._private_jobs',
  );
  const { pending } = rows[0];
  return { pending, processing: 0, completed: counted.accepted - pending, failed: 0 };
});

const finishSql = {
  name: 'finish',
  text: `UPDATE operations SET status = 'completed', attempt = $2, started_at = $3, finished_at = clock_timestamp()
    WHERE id = $1`,
};

async function noop({ id }, helpers) {
  if (hasTable) {
    await pool.query({ ...finishSql, values: [id, helpers.job.attempts, helpers.job.locked_at] });
  }
  counted.handled += 1;
}

let runner = null;
async function resume() {
  runner = await run({
    pgPool: pool,
    logger,
    taskList: { noop },
    noHandleSignals: true,
    preset: {
      worker: {
        concurrentJobs: Number(process.env.CONCURRENCY ?? 64),
        pollInterval: 500,
        completeJobBatchDelay: 0,
        failJobBatchDelay: 0,
        localQueue: { size: Number(process.env.BATCH ?? 500) },
      },
    },
  });
}

async function pause() {
  await runner?.stop();
  runner = null;
}

const withTableSql = {
  name: 'accept',
  text: `WITH made AS (INSERT INTO operations (input) VALUES ($1) RETURNING id)
    SELECT made.id FROM made, graphile_worker.add_job('noop', json_build_object('id', made.id), max_attempts => 3)`,
};
const queueSql = {
  name: 'accept',
  text: `SELECT id FROM graphile_worker.add_job('noop', $1, max_attempts => 3)`,
};

async function accept(input) {
  const sql = hasTable ? withTableSql : queueSql;
  const { rows } = await pool.query({ ...sql, values: [JSON.stringify(input)] });
  counted.accepted += 1;
  return { id: rows[0].id, status: 'pending', createdAt: Date.now(), attempt: 0 };
}

async function readTable(id) {
  const { rows } = await pool.query({
    name: 'read',
    text: 'SELECT status, created_at, started_at, finished_at, attempt FROM operations WHERE id = $1',
    values: [id],
  });
  const [row] = rows;
  if (row === undefined) return null;
  return {
    id,
    status: row.status,
    createdAt: row.created_at,
    startedAt: row.started_at,
    finishedAt: row.finished_at,
    attempt: row.attempt,
  };
}

async function readQueue(id) {
  const { rows } = await pool.query({
    name: 'read',
    text: 'SELECT locked_at, created_at, attempts FROM graphile_worker._private_jobs WHERE id = $1',
    values: [id],
  });
  const [row] = rows;
  if (row === undefined) return { id, status: 'completed', attempt: 1 };
  const status = row.locked_at === null ? 'pending' : 'processing';
  return { id, status, createdAt: row.created_at, startedAt: row.locked_at, attempt: row.attempts };
}

await resume();
await serve({
  accept,
  read: hasTable ? readTable : readQueue,
  counts: () => counted.counts(),
  pause,
  resume,
  close: async () => {
    await pause();
    await utils.release();
    await pool.end();
  },
});
