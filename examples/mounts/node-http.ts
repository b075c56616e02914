import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { json } from 'node:stream/consumers';
import { accept, raincheck, type Raincheck } from 'raincheck';
import { reports } from './tasks.ts';

/** An existing node:http server, with what Raincheck adds to it: two lines in its own switch. */
export function shop(rc: Raincheck): Server {
  const accepted = accept(rc, reports);
  return createServer((req, res) => {
    const path = req.url ?? '/';
    if (path.startsWith('/ops')) rc.handle(req, res);
    else if (path === '/reports') accepted(req, res);
    else if (path === '/orders') void order(req, res);
    else res.writeHead(404).end();
  });
}

async function order(req: IncomingMessage, res: ServerResponse): Promise<void> {
  const ordered = await json(req);
  res.writeHead(201, { 'content-type': 'application/json' }).end(JSON.stringify({ ordered }));
}

if (import.meta.main) {
  const rc = raincheck({ tasks: [reports], basePath: '/ops' });
  await rc.start();
  const server = shop(rc).listen(Number(process.env['PORT'] ?? 3000), '127.0.0.1');
  await once(server, 'listening');
  console.log('listening', JSON.stringify(server.address()));
  process.once('SIGTERM', () => server.close(() => void rc.stop()));
}
