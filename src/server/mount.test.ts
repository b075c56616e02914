import assert from 'node:assert/strict';
import { createServer, type IncomingMessage } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { describe, it } from 'node:test';
import fastify from 'fastify';
import { defineTask } from '../engine/define-task.ts';
import { accept } from './accept.ts';
import { fastifyRaincheck } from './fastify.ts';
import type { RaincheckOptions } from './raincheck-options.ts';
import { raincheck } from './raincheck.ts';

const double = defineTask('double', { run: ({ input }) => Number(input) * 2 });

function quietly(options: Partial<RaincheckOptions> = {}) {
  const warnings: string[] = [];
  const quiet = (): void => undefined;
  const warn = (_: object, message: string): void => void warnings.push(message);
  const logger = { debug: quiet, info: quiet, warn, error: quiet };
  return { rc: raincheck({ tasks: [double], store: 'memory:', logger, ...options }), warnings };
}

describe('Mounted at another address than basePath', () => {
  /** Sends requests as Express passes them on: with the prefix cut off and reported. */
  const asked = async (basePath: string, baseUrl: string): Promise<string[]> => {
    const { rc, warnings } = quietly({ basePath });
    const server = createServer((req: IncomingMessage & { baseUrl?: string }, res) => {
      req.baseUrl = baseUrl;
      rc.handle(req, res);
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    for (let time = 0; time < 2; time += 1) {
      const answer = await fetch(`http://127.0.0.1:${port}/livez`);
      assert.equal(answer.status, 200);
    }
    server.close();
    server.closeAllConnections();
    await rc.stop();
    return warnings;
  };

  it('Raincheck says so once, and works', async () => {
    const [warning, ...more] = await asked('', '/ops');
    assert.match(warning!, /^Mounted at \/ops, but the `basePath` of raincheck\(\) is ''/);
    assert.equal(more.length, 0);
    assert.equal(
      (await asked('/ops', '')).length,
      0,
      'a mount at the root is below every basePath',
    );
    assert.equal((await asked('/public/ops', '/ops')).length, 0, 'what a proxy cuts off');
  });

  it('as a Fastify plugin it does not start', async () => {
    const { rc } = quietly();
    const app = fastify();
    const registered = app.register(fastifyRaincheck, { rc, prefix: '/ops' });
    await assert.rejects(async () => registered, { code: 'invalid_option' });
    const without = fastify().register(fastifyRaincheck, {} as { rc: typeof rc });
    await assert.rejects(async () => without, /Expected `rc` to be what raincheck\(\) gave/);
    await rc.stop();
  });
});

describe('accept()', () => {
  it('takes a POST, PUT or PATCH to any address for a submit, and starts the work', async () => {
    const { rc } = quietly({ basePath: '/ops' });
    const handler = accept(rc, double);
    for (const method of ['POST', 'PUT', 'PATCH']) {
      const request = new Request('http://shop.test/calculations/slow?priority=5', {
        method,
        headers: { 'content-type': 'application/json', prefer: 'wait=20' },
        body: '21',
      });
      const answer = await handler(request);
      assert.deepEqual([answer.status, await answer.text()], [200, '42'], method);
      const status = await rc.fetch(
        new Request(`http://shop.test${answer.headers.get('location')}`),
      );
      assert.equal(((await status.json()) as { status: string }).status, 'completed');
    }
    const read = await handler(new Request('http://shop.test/calculations'));
    assert.deepEqual([read.status, read.headers.get('allow')], [405, 'POST, OPTIONS']);
    await rc.stop();
  });

  it('refuses a task that raincheck() does not have', async () => {
    const { rc } = quietly();
    const other = defineTask('other', { run: () => null });
    assert.throws(() => accept(rc, other), {
      code: 'invalid_option',
      message: "Expected `task` to be a task of this raincheck() (double), got 'other' (string).",
    });
    await rc.stop();
  });
});
