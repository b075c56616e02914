import Fastify from 'fastify';

/**
 * The HTTP API of every peer, limited to the part of Raincheck's that the bench uses: accept,
 * status, counts, pause and resume of one task.
 *
 * `queue.accept(input)` and `queue.read(id)` return `{ id, status, createdAt, startedAt,
 * finishedAt, attempt, error }` (instants in ms or null; null for an unknown id), `queue.counts()`
 * returns pending, processing, completed and failed.
 */
export async function serve(queue) {
  const app = Fastify();

  app.post('/noop', async (request, reply) => {
    const accepted = await queue.accept(request.body);
    reply.code(202).header('location', `/operations/${accepted.id}`).header('retry-after', '1');
    return operation(accepted);
  });

  app.get('/operations/:id', async (request, reply) => {
    const found = await queue.read(request.params.id);
    if (found === null) return reply.code(404).send({ code: 'operation_not_found' });
    return operation(found);
  });

  app.get('/tasks/noop', async () => ({ name: 'noop', counts: await queue.counts() }));
  app.post('/tasks/noop/pause', async () => ((await queue.pause()) ?? null, { paused: true }));
  app.post('/tasks/noop/resume', async () => ((await queue.resume()) ?? null, { paused: false }));
  app.get('/readyz', async () => ({ ready: true }));

  process.on('SIGTERM', async () => {
    await app.close();
    await queue.close();
    process.exit(0);
  });
  await app.listen({ port: Number(process.env.PORT), host: '127.0.0.1' });
}

function operation({ id, status, createdAt, startedAt, finishedAt, attempt, error }) {
  return {
    id,
    task: 'noop',
    status,
    created_at: iso(createdAt),
    started_at: iso(startedAt),
    finished_at: iso(finishedAt),
    attempt,
    attempts_max: 3,
    status_url: `/operations/${id}`,
    result: status === 'completed' ? null : undefined,
    error: error ?? null,
  };
}

function iso(ms) {
  return ms === undefined || ms === null ? null : new Date(ms).toISOString();
}
