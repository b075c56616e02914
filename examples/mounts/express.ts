import { once } from 'node:events';
import compression from 'compression';
import express, { type Express } from 'express';
import { accept, raincheck, type Raincheck } from 'raincheck';
import { reports } from './tasks.ts';

/**
 * An existing app for Express 5, with what Raincheck adds to it: one line for `/ops`, which serves
 * status, results and events, and one line for `/reports`, a slow route that now answers 202.
 * Express 4 takes the same lines.
 *
 * `/ops` may stand behind body parsers and compression(), as it does here. In front of them it
 * applies its own limits and gives its own answers to bad JSON.
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
