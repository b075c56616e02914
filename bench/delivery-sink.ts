import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import process from 'node:process';

/**
 * Receivers on plain node:http: they read the whole body, wait for the time in the second argument
 * (ms), and answer 204. The process listens on as many ports as the first argument says, each an
 * origin of its own, and sends them to its parent.
 */
const thinkMs = Number(process.argv[3]);

async function port(): Promise<number> {
  const server = createServer((request, response) => {
    request.resume();
    const answer = (): void => void response.writeHead(204).end();
    request.on('end', () => {
      if (thinkMs === 0) answer();
      else setTimeout(answer, thinkMs);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

process.once('disconnect', () => process.exit());
process.send?.(await Promise.all(Array.from({ length: Number(process.argv[2]) }, port)));
