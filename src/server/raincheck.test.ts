import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { createClient, type Client } from '../client/client.ts';
import { defineTask } from '../engine/define-task.ts';
import { memoryStore } from '../store-memory/memory-store.ts';
import { faultyStore } from '../testing/faulty-store.ts';
import { ManualClock } from '../testing/manual-clock.ts';
import { openStore } from './open-store.ts';
import type { RaincheckOptions } from './raincheck-options.ts';
import { raincheck, type Raincheck } from './raincheck.ts';

const double = defineTask('double', { run: ({ input }) => Number(input) * 2 });

const submit = (base: string, input: unknown) =>
  new Request(`${base}/double`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', prefer: 'wait=20' },
    body: JSON.stringify(input),
  });

function clientOf<App extends Raincheck>(rc: App): Client<App> {
  const { fetch } = rc;
  return createClient<App>({
    baseUrl: 'http://localhost',
    fetch: (input, init) => fetch(new Request(input, init)),
  });
}

describe('raincheck()', () => {
  it('works from the first request on, without a start', async () => {
    const rc = raincheck({ tasks: [double], store: 'memory:' });
    const response = await rc.fetch(submit('http://localhost', 21));
    assert.equal(await response.text(), '42');
    await rc.stop();
  });

  it('can be started again after a start that the store failed', async () => {
    const { store } = faultyStore(memoryStore(), {
      nth: 1,
      when: 'before',
      verbs: ['sweepExpired'],
    });
    const rc = raincheck({ tasks: [double], store });
    const first = rc.start();
    assert.equal(rc.start(), first, 'one start at a time');
    await assert.rejects(first, { code: 'store_unavailable' });
    await rc.start();
    await rc.stop();
  });

  it('starts at a later request when the first one could not start it', async () => {
    const { store, failures } = faultyStore(memoryStore(), {
      nth: 1,
      when: 'before',
      verbs: ['sweepExpired'],
    });
    const errors: string[] = [];
    const quiet = () => undefined;
    const logger = {
      debug: quiet,
      info: quiet,
      warn: quiet,
      error: (_: object, message: string) => void errors.push(message),
    };
    const rc = raincheck({ tasks: [double], store, logger });
    await rc.fetch(new Request('http://localhost/livez'));
    await assert.rejects(rc.start(), { code: 'store_unavailable' });
    assert.deepEqual([failures(), errors], [1, ['Raincheck could not start']]);
    const response = await rc.fetch(submit('http://localhost', 21));
    assert.equal(await response.text(), '42');
    await rc.stop();
  });

  it('does not start again once it was stopped', async () => {
    const rc = raincheck({ tasks: [double], store: 'memory:' });
    await rc.stop();
    await assert.rejects(rc.start(), { code: 'shutting_down' });
    const response = await rc.fetch(submit('http://localhost', 1));
    assert.equal(response.status, 503);
  });

  it('takes up at start(), without a request, what a killed process was running', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'raincheck-'));
    const file = path.join(folder, 'a.db');
    const killed = openStore(file);
    const former = raincheck({ tasks: [double], store: killed, work: false });
    const { url } = await clientOf(former).submit('double', 21);
    // Its worker was running it and is never heard of again.
    const { claimed } = await killed.claimOperations({
      worker: 'killed',
      newToken: () => 'token',
      leaseMs: 1,
      limit: 1,
      tasks: [{ name: 'double', concurrency: null, keyConcurrency: null }],
      now: Date.now(),
    });
    assert.equal(claimed.length, 1);
    await former.stop();
    await killed.close();

    const rc = raincheck({ tasks: [double], store: file });
    await rc.start();
    assert.equal(await clientOf(rc).operation(url).result({ timeout: '1m' }), 42);
    await rc.stop();
    rmSync(folder, { recursive: true });
  });

  it('takes a clock, so that a test owns the time, and the number of worker threads', async () => {
    const clock = new ManualClock();
    const rc = raincheck({ tasks: [double], store: 'memory:', clock, threads: 1 });
    const request = new Request('http://localhost/double?delay=1h', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '21',
    });
    const accepted = (await (await rc.fetch(request)).json()) as { id: string; ready_at: string };
    assert.equal(Date.parse(accepted.ready_at), clock.now() + 3_600_000);
    await rc.start();
    await clock.advance(3_600_000);
    assert.equal(await clientOf(rc).operation(accepted.id).result({ timeout: '1m' }), 42);
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
    await turn(); // closing takes a promise or two
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
