import pg from 'pg';
import { PgBoss } from 'pg-boss';
import { Counted } from './counted.js';
import { serve } from './surface.js';

/**
 * Fastify accepts, pg-boss queues in PostgreSQL, and a worker in the same process takes up to 500
 * jobs at once. It is tuned: no NOTIFY, which would make commits wait for each other (the process
 * wakes its worker itself, which continues at once while batches are full), and no supervision,
 * statistics or ordering that a no-op does not need.
 */
const connectionString = process.env.POSTGRES_URL;
const boss = new PgBoss({
  connectionString,
  max: Number(process.env.CONNECTIONS ?? 20),
  supervise: false,
  schedule: false,
});
boss.on('error', (error) => process.stderr.write(`${error.stack}\n`));
const pool = new pg.Pool({ connectionString, max: 2 });
await boss.start();
await boss.createQueue('noop', { retryLimit: 2 });

const counted = new Counted(async () => {
  const { rows } = await pool.query(
    `SELECT count(*) FILTER (WHERE state < 'active')::int AS pending,
       count(*) FILTER (WHERE state = 'active')::int AS processing,
       count(*) FILTER (WHERE state = 'completed')::int AS completed,
       count(*) FILTER (WHERE state = 'failed')::int AS failed
     FROM pgboss.job WHERE name = 'noop'`,
  );
  return rows[0];
});

let worker = null;
async function resume() {
  const options = {
    batchSize: Number(process.env.BATCH ?? 500),
    localConcurrency: Number(process.env.WORKERS ?? 1),
    pollingIntervalSeconds: 0.5,
    burstWhenBatchFull: true,
    priority: false,
    orderByCreatedOn: false,
  };
  worker = await boss.work('noop', options, async (jobs) => {
    counted.handled += jobs.length;
    return null;
  });
}

async function pause() {
  if (worker !== null) await boss.offWork('noop', { wait: true });
  worker = null;
}

const statuses = {
  created: 'pending',
  retry: 'pending',
  active: 'processing',
  completed: 'completed',
  cancelled: 'failed',
  failed: 'failed',
};

await resume();
await serve({
  accept: async (input) => {
    const id = await boss.send('noop', input);
    counted.accepted += 1;
    if (worker !== null) boss.notifyWorker(worker);
    return { id, status: 'pending', createdAt: Date.now(), attempt: 0 };
  },
  read: async (id) => {
    const job = await boss.getJobById('noop', id);
    if (job === null) return null;
    return {
      id,
      status: statuses[job.state],
      createdAt: job.createdOn,
      startedAt: job.startedOn,
      finishedAt: job.completedOn,
      attempt: job.retryCount + 1,
    };
  },
  counts: () => counted.counts(),
  pause,
  resume,
  close: async () => {
    await boss.stop({ graceful: false });
    await pool.end();
  },
});
