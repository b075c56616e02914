import { Queue, Worker } from 'bullmq';
import Fastify from 'fastify';

/**
 * The same HTTP surface as `raincheck serve` with one no-op task, made the common way: Fastify accepts,
 * BullMQ queues in Redis, and a worker in the same process runs 64 at once.
 */
const connection = { host: '127.0.0.1', port: Number(process.env.REDIS_PORT) };
const queue = new Queue('noop', { connection });
const worker = new Worker('noop', async () => null, {
  connection: { ...connection, maxRetriesPerRequest: null },
  concurrency: 64,
});
worker.on('error', (error) => process.stderr.write(`${error.stack}\n`));

const statuses = { completed: 'completed', failed: 'failed', active: 'processing' };
const app = Fastify();

app.post('/noop', async (request, reply) => {
  const job = await queue.add('noop', request.body, { attempts: 3 });
  reply.code(202).header('location', `/operations/${job.id}`).header('retry-after', '1');
  return operation(job, 'pending');
});

app.get('/operations/:id', async (request, reply) => {
  const job = await queue.getJob(request.params.id);
  if (job === undefined) return reply.code(404).send({ code: 'operation_not_found' });
  return operation(job, statuses[await job.getState()] ?? 'pending');
});

app.get('/tasks/noop', async () => {
  const counts = await queue.getJobCounts('waiting', 'active', 'completed', 'failed');
  return {
    name: 'noop',
    counts: {
      pending: counts.waiting,
      processing: counts.active,
      completed: counts.completed,
      failed: counts.failed,
    },
  };
});

app.get('/readyz', async () => ({ ready: (await queue.waitUntilReady()) !== null }));

function operation(job, status) {
  return {
    id: job.id,
    task: 'noop',
    status,
    created_at: iso(job.timestamp),
    started_at: iso(job.processedOn),
    finished_at: iso(job.finishedOn),
    attempt: job.attemptsMade,
    attempts_max: job.opts.attempts,
    status_url: `/operations/${job.id}`,
    result: status === 'completed' ? job.returnvalue : undefined,
    error: status === 'failed' ? { detail: job.failedReason } : null,
  };
}

function iso(ms) {
  return ms === undefined || ms === null ? null : new Date(ms).toISOString();
}

process.on('SIGTERM', async () => {
  await app.close();
  await worker.close(true);
  await queue.close();
  process.exit(0);
});

await worker.waitUntilReady();
await app.listen({ port: Number(process.env.PORT), host: '127.0.0.1' });
