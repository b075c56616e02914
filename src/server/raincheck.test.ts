import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, it } from 'node:test';
import { Worker } from 'node:worker_threads';
import { defineTask } from '../engine/define-task.ts';
import { memoryStore } from '../store-memory/memory-store.ts';
import { raincheck, type RaincheckOptions } from './raincheck.ts';

const double = defineTask('double', { run: ({ input }) => Number(input) * 2 });

const submit = (base: string, input: unknown) =>
  new Request(`${base}/double`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', prefer: 'wait=20' },
    body: JSON.stringify(input),
  });

describe('raincheck()', () => {
  it('works from the first request on, without a start', async () => {
    const rc = raincheck({ tasks: [double], store: 'memory:' });
    const response = await rc.fetch(submit('http://localhost', 21));
    assert.equal(await response.text(), '42');
    await rc.stop();
  });

  it('is a handler for node:http, below a base path as well', async () => {
    const rc = raincheck({ tasks: [double], store: 'memory:', basePath: '/ops' });
    const server = createServer(rc.handle).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const response = await fetch(submit(`http://127.0.0.1:${port}/ops`, 4));
    assert.equal(await response.text(), '8');
    assert.match(response.headers.get('content-location') ?? '', /^\/ops\/double\/op_/);
    server.close();
    await rc.stop();
  });

  it('closes a store that it opened, and leaves one that it was given open', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'raincheck-'));
    const store = path.join(folder, 'a.db');
    const first = raincheck({ tasks: [], store });
    assert.throws(() => raincheck({ tasks: [], store }), { code: 'store_locked' });
    await first.stop();
    const second = raincheck({ tasks: [], store });
    await second.stop();
    rmSync(folder, { recursive: true });

    const given = memoryStore();
    await raincheck({ tasks: [], store: given }).stop();
    await given.ping();
  });

  it('closes the store when the rest cannot be composed', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'raincheck-'));
    const store = path.join(folder, 'a.db');
    assert.throws(() => raincheck({ tasks: [], store, token: 'short' }), {
      code: 'invalid_option',
    });
    await raincheck({ tasks: [], store }).stop();
    rmSync(folder, { recursive: true });
  });

  it('says what is wrong with its options', () => {
    const refuses = (options: object, message: RegExp) =>
      assert.throws(() => raincheck(options as RaincheckOptions), {
        code: 'invalid_option',
        message,
      });
    refuses({ task: [double] }, /Unknown option `task`.*Did you mean `tasks`/);
    refuses({}, /`tasks` to be an array of tasks/);
    refuses({ tasks: [double], store: 42 }, /`store` to be/);
    refuses({ tasks: [double, double], store: 'memory:' }, /double/);
    refuses({ tasks: [double], store: 'memory:', drain: 'soon' }, /`drain`/);
  });

  it('refuses to start a second server in the thread of an isolated task', async () => {
    const program = `
      const { markIsolateThread } = await import(${JSON.stringify(import.meta.resolve('../engine/isolate-thread-mark.ts'))});
      const { raincheck } = await import(${JSON.stringify(import.meta.resolve('./raincheck.ts'))});
      markIsolateThread();
      raincheck({ tasks: [], store: 'memory:' });
    `;
    const url = new URL(`data:text/javascript,${encodeURIComponent(program)}`);
    const [error] = (await once(new Worker(url), 'error')) as [Error & { code: string }];
    assert.equal(error.code, 'invalid_option');
    assert.match(error.message, /worker thread of an isolated task/);
  });
});
