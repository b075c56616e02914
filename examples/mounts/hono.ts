import { once } from 'node:events';
import { createAdaptorServer } from '@hono/node-server';
import { Hono } from 'hono';
import { compress } from 'hono/compress';
import { accept, raincheck, type Raincheck } from 'raincheck';
import { reports } from './tasks.ts';

/**
 * An existing Hono app, with what Raincheck adds to it: one line for `/ops`, and a slow route that
 * now answers 202. `app.mount('/ops', rc.fetch)` works as well: it cuts the prefix off, and
 * Raincheck accepts both forms.
 */
export function shop(rc: Raincheck): Hono {
  const app = new Hono();
  app.use(compress());
  app.post('/orders', async (c) => c.json({ ordered: await c.req.json() }, 201));
  app.all('/ops/*', (c) => rc.fetch(c.req.raw));
  const accepted = accept(rc, reports);
  app.post('/reports', (c) => accepted(c.req.raw)); // was: async (c) => c.json(await makeReport(await c.req.json()))
  return app;
}

if (import.meta.main) {
  const rc = raincheck({ tasks: [reports], basePath: '/ops' });
  await rc.start();
  const server = createAdaptorServer(shop(rc));
  server.listen(Number(process.env['PORT'] ?? 3000), '127.0.0.1');
  await once(server, 'listening');
  console.log('listening', JSON.stringify(server.address()));
  process.once('SIGTERM', () => server.close(() => void rc.stop()));
}
