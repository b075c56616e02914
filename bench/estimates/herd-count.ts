import { subscribe } from 'node:diagnostics_channel';
import { writeFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { setPriority } from 'node:os';
import process from 'node:process';

/**
 * Loaded before a server; counts the status requests in each second and writes them to HERD_COUNTS
 * at the end.
 */
const counts: Record<number, number> = {};

subscribe('http.server.request.start', (message) => {
  const { method, url } = (message as { request: IncomingMessage }).request;
  if (method !== 'GET' || url?.startsWith('/operations/') !== true) return;
  const second = Math.floor(Date.now() / 1000);
  counts[second] = (counts[second] ?? 0) + 1;
});
// Ten thousand handlers that end together keep a core busy for a second. In production that is
// another machine's core.
if (process.env['HERD_KIND'] === 'worker') setPriority(15);
process.on('exit', () => writeFileSync(process.env['HERD_COUNTS'] ?? '', JSON.stringify(counts)));
