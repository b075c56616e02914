import fastify, { type FastifyInstance } from 'fastify';
import { accept, fastifyRaincheck, raincheck, type Raincheck } from 'raincheck';
import { reports } from './tasks.ts';

/**
 * An existing app for Fastify 5, with what Raincheck adds to it: a plugin that serves status,
 * results and events, and one line for `/reports`, a slow route that now answers 202.
 */
export async function shop(rc: Raincheck): Promise<FastifyInstance> {
  const app = fastify();
  app.post('/orders', async (request, reply) => reply.code(201).send({ ordered: request.body }));
  await app.register(fastifyRaincheck, { rc, prefix: '/ops' });
  app.post('/reports', accept(rc, reports)); // was: (request) => makeReport(request.body)
  return app;
}

if (import.meta.main) {
  const rc = raincheck({ tasks: [reports], basePath: '/ops' });
  await rc.start();
  const app = await shop(rc);
  app.addHook('onClose', () => rc.stop());
  await app.listen({ port: Number(process.env['PORT'] ?? 3000), host: '127.0.0.1' });
  console.log('listening', JSON.stringify(app.server.address()));
  process.once('SIGTERM', () => void app.close());
}
