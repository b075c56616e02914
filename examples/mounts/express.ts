import { once } from 'node:events';
import compression from 'compression';
import express, { type Express } from 'express';
import { accept, raincheck, type Raincheck } from 'raincheck';
import { reports } from './tasks.ts';

/**
 * An app for Express 5 that exists, and what Raincheck adds to it: the line of `/ops`, with status, results and events,
 * and the line of `/reports`, a slow route that now answers 202. It is the same for Express 4.
 *
 * `/ops` may stand behind body parsers and compression(), as here; before them it has its own limits and its own
 * answers to bad JSON.
 */
export function shop(rc: Raincheck, app: Express = express()): Express {
  app.use(compression());
  app.use(express.json());
  app.post('/orders', (req, res) => void res.status(201).json({ ordered: req.body }));
  app.use('/ops', rc.handle);
  app.post('/reports', accept(rc, reports)); // was: async (req, res) => res.json(await makeReport(req.body))
  return app;
}

if (import.meta.main) {
  const rc = raincheck({ tasks: [reports], basePath: '/ops' });
  await rc.start();
  const server = shop(rc).listen(Number(process.env['PORT'] ?? 3000), '127.0.0.1');
  await once(server, 'listening');
  console.log('listening', JSON.stringify(server.address()));
  process.once('SIGTERM', () => server.close(() => void rc.stop()));
}
