import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, it } from 'node:test';
import { startCli } from '../../test/support/run-cli.ts';
import { completed, failed, wireOperation } from '../../test/support/wire-samples.ts';
import { Watched, countsText } from './watched.ts';

const id = (n: number): string => `op_01M833QKVJTQ91318PAAN226${String(n).padStart(2, '0')}`;

describe('what watch shows', () => {
  it('keeps rows in their place and lets the oldest final one make room', () => {
    const watched = new Watched(3);
    for (const n of [1, 2, 3]) watched.put(wireOperation({ id: id(n), status: 'processing' }));
    watched.put({ ...completed(null), id: id(2) });
    assert.deepEqual(
      watched.rows.map((one) => [one.id, one.status]),
      [
        [id(3), 'processing'],
        [id(2), 'completed'],
        [id(1), 'processing'],
      ],
    );
    watched.put(wireOperation({ id: id(4) }));
    assert.deepEqual(
      watched.rows.map((one) => one.id),
      [id(4), id(3), id(1)],
    );
    watched.put(wireOperation({ id: id(5) }));
    assert.deepEqual(
      watched.rows.map((one) => one.id),
      [id(5), id(4), id(3)],
    );
  });

  it('counts by status', () => {
    const counts = { pending: 0, processing: 2, completed: 1_204, failed: 7 };
    assert.equal(countsText(counts), '0 pending · 2 processing · 1,204 completed · 7 failed');
  });
});

it('in a pipe watch prints a line for each change, tells of gaps, and ends with Ctrl-C', async () => {
  const events = [
    ['operation', wireOperation({ status: 'processing', attempt: 1 })],
    ['operation', wireOperation({ status: 'processing', attempt: 1 })],
    ['gap', { missed: 3 }],
    ['operation', failed('task_error')],
  ] as const;
  const server = createServer((req, res) => {
    assert.equal(req.url, '/events?task=echo');
    res.writeHead(200, { 'content-type': 'text/event-stream' });
    for (const [event, data] of events) {
      res.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  try {
    const watch = startCli(['watch', '--task', 'echo'], { url });
    let text = '';
    for await (const chunk of watch.child.stdout!) {
      text += String(chunk);
      if (text.includes('task_error')) watch.child.kill('SIGINT');
    }
    const { code, stderr } = await watch.ended;
    assert.equal(code, 0, stderr);
    assert.match(stderr, /3 changes were not told/);
    assert.deepEqual(
      text.split('\n').map((line) => line.split('\t').filter((_, i) => i === 2 || i === 4)),
      [['processing', ''], ['failed', 'task_error'], []],
    );
  } finally {
    server.close();
    server.closeAllConnections();
  }
});
