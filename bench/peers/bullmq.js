import { Queue, Worker } from 'bullmq';
import { serve } from './surface.js';

/**
 * Fastify accepts, BullMQ queues in Redis, and a worker in the same process runs 64 jobs at once.
 */
const connection = { host: '127.0.0.1', port: Number(process.env.REDIS_PORT) };
const queue = new Queue('noop', { connection });
const worker = new Worker('noop', async () => null, {
  connection: { ...connection, maxRetriesPerRequest: null },
  concurrency: 64,
});
worker.on('error', (error) => process.stderr.write(`${error.stack}\n`));

const statuses = { completed: 'completed', failed: 'failed', active: 'processing' };

function operation(job, status) {
  return {
    id: job.id,
    status,
    createdAt: job.timestamp,
    startedAt: job.processedOn,
    finishedAt: job.finishedOn,
    attempt: job.attemptsMade,
    error: status === 'failed' ? { detail: job.failedReason } : null,
  };
}

await worker.waitUntilReady();
await serve({
  accept: async (input) => operation(await queue.add('noop', input, { attempts: 3 }), 'pending'),
  read: async (id) => {
    const job = await queue.getJob(id);
    if (job === undefined) return null;
    return operation(job, statuses[await job.getState()] ?? 'pending');
  },
  counts: async () => {
    const counts = await queue.getJobCounts('waiting', 'active', 'completed', 'failed');
    return {
      pending: counts.waiting,
      processing: counts.active,
      completed: counts.completed,
      failed: counts.failed,
    };
  },
  pause: () => queue.pause(),
  resume: () => queue.resume(),
  close: async () => {
    await worker.close(true);
    await queue.close();
  },
});
