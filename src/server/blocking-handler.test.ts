import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { mkdtempSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { defineTask } from '../engine/define-task.ts';
import { raincheck } from './raincheck.ts';

/**
 * Posts from a thread of its own, because this one is blocked, and releases the handler once it has
 * the answer.
 */
const client = `
  const { workerData } = require('node:worker_threads');
  fetch(workerData.url, { method: 'POST' }).then(({ status }) => {
    Atomics.store(workerData.seen, 0, status);
    Atomics.notify(workerData.seen, 0);
  });
`;

for (const [how, limit] of [
  ['at its accept', {}],
  ['by a claim', { concurrency: 2 }],
] as const) {
  test(`the 202 leaves before a handler that blocks the event loop begins: claimed ${how}`, async (t) => {
    const folder = mkdtempSync(path.join(tmpdir(), 'raincheck-blocking-'));
    const seen = new Int32Array(new SharedArrayBuffer(4));
    const waited = Promise.withResolvers<string>();
    const block = defineTask('block', {
      ...limit,
      run: () => waited.resolve(Atomics.wait(seen, 0, 0, 10_000)),
    });
    const rc = raincheck({ tasks: [block], store: `sqlite:${path.join(folder, 'a.db')}` });
    await rc.start();
    const server = createServer(rc.handle).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const url = `http://127.0.0.1:${port}/block`;
    const worker = new Worker(client, { eval: true, workerData: { url, seen } });
    t.after(async () => {
      await worker.terminate();
      server.close();
      await rc.stop();
      rmSync(folder, { recursive: true });
    });
    await once(worker, 'exit');
    assert.equal(seen[0], 202);
    assert.notEqual(
      await waited.promise,
      'timed-out',
      'the answer came while the handler waited for it',
    );
  });
}
