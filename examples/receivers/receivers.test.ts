import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, it, mock } from 'node:test';
import { Readable } from 'node:stream';
import express from 'express';
import fastify from 'fastify';
import { defineTask, raincheck, type Raincheck } from 'raincheck';
import type { WireWebhookEvent } from 'raincheck/client';
import {
  operationEvent,
  otherSecret,
  sampleSecret,
  signedDelivery,
} from '../../test/support/signed-delivery.ts';
import { webhookReceiver as expressReceiver } from './express.ts';
import { webhookReceiver as fastifyReceiver } from './fastify.ts';
import { webhookReceiver as fetchReceiver } from './fetch.ts';
import { Inbox } from './inbox.ts';

type Options = { readonly inbox: Inbox; readonly secrets: readonly string[] };
type Started = AsyncDisposable & { readonly url: string };

const place = '/webhooks/raincheck';
const folder = mkdtempSync(path.join(os.tmpdir(), 'raincheck-receivers-'));
after(() => rmSync(folder, { recursive: true }));
// Errors that receivers log about refused deliveries. Tests check them where it matters.
const told = mock.method(console, 'error', () => undefined);
const toldText = (): string =>
  told.mock.calls.map(({ arguments: words }) => words.join(' ')).join();

async function listening(server: Server): Promise<Started> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

/** Turns Node's request into a Request, as frameworks based on fetch do. */
function fetchServer(receive: (request: Request) => Promise<Response>): Server {
  return createServer((req, res) => {
    const headers = Object.entries(req.headers).map(([name, value]) => [name, String(value)]);
    const init = {
      method: 'POST',
      headers: headers as [string, string][],
      body: Readable.toWeb(req) as ReadableStream,
      duplex: 'half' as const,
    };
    receive(new Request(`http://receiver${req.url}`, init)).then(
      (response) => res.writeHead(response.status).end(),
      (error: Error) => res.writeHead(500).end(error.message),
    );
  });
}

/** Each receiver, mounted as it should be in an app that parses JSON on its other routes. */
const receivers: Record<string, (options: Options) => Promise<Started>> = {
  express: (options) => {
    const app = express();
    app.use(place, expressReceiver(options));
    app.use(express.json());
    app.post('/orders', (req, res) => void res.json({ parsed: req.body.a }));
    return listening(createServer(app));
  },
  fastify: async (options) => {
    const app = fastify();
    // An app's own parser is harder to get past than Fastify's built-in one.
    const parse = (_: unknown, body: string, done: (error: null, value: unknown) => void) =>
      done(null, JSON.parse(body));
    app.removeContentTypeParser('application/json');
    app.addContentTypeParser('application/json', { parseAs: 'string' }, parse);
    await app.register(fastifyReceiver, { prefix: place, ...options });
    app.post('/orders', async (request) => ({ parsed: (request.body as { a: number }).a }));
    await app.ready();
    return listening(app.server);
  },
  fetch: (options) => listening(fetchServer(fetchReceiver(options))),
};

/** An inbox whose handler waits for the test, so that "answered before the work" can be seen. */
function slowInbox(name: string) {
  const handled: WireWebhookEvent[] = [];
  const gate = Promise.withResolvers<void>();
  const all = Promise.withResolvers<void>();
  const inbox = new Inbox(path.join(folder, `${name}.db`), async (event) => {
    await gate.promise;
    handled.push(event);
    if (event.type === 'webhook.test') all.resolve();
  });
  return { inbox, handled, work: gate.resolve, last: all.promise };
}

const testEvent = {
  type: 'webhook.test',
  timestamp: '2026-01-01T00:00:00.000Z',
  data: { endpoint_id: 'ep_01M833QKVJTQ91318PAAN2267W' },
};

for (const [name, start] of Object.entries(receivers)) {
  describe(`the receiver for ${name}`, () => {
    const { inbox, handled, work, last } = slowInbox(name);
    let receiver: Started;
    before(async () => {
      receiver = await start({ inbox, secrets: [otherSecret, sampleSecret] });
    });
    after(async () => {
      await receiver[Symbol.asyncDispose]();
      inbox.close();
    });

    async function post(
      { body, headers }: { body: string; headers: Record<string, string> },
      at = place,
    ): Promise<number> {
      const response = await fetch(receiver.url + at, { method: 'POST', headers, body });
      await response.arrayBuffer();
      return response.status;
    }

    it('answers 204 before the work is done, and handles an event once however often it comes', async () => {
      assert.equal(await post(signedDelivery()), 204);
      assert.equal(await post(signedDelivery({ at: new Date(Date.now() - 5_000) })), 204);
      assert.equal(await post(signedDelivery()), 204);
      assert.deepEqual(handled, []);
      work();
      assert.equal(await post(signedDelivery({ id: 'msg_last', event: testEvent })), 204);
      await last;
      assert.deepEqual(handled, [operationEvent(), testEvent]);
    });

    it('refuses forged and old ones with 401, and keeps nothing of them', async () => {
      const forged = signedDelivery({
        id: 'msg_forged',
        secret: `${sampleSecret.slice(0, -5)}AAAA=`,
      });
      assert.equal(await post(forged), 401);
      const changed = signedDelivery({ id: 'msg_changed' });
      assert.equal(await post({ ...changed, body: changed.body.replace('true', 'null') }), 401);
      const old = signedDelivery({ id: 'msg_old', at: new Date(Date.now() - 302_000) });
      assert.equal(await post(old), 401);
      assert.equal(
        await post({ body: '{}', headers: { 'content-type': 'application/json' } }),
        401,
      );
      for (const id of ['msg_forged', 'msg_changed', 'msg_old']) {
        assert.ok(inbox.add(id, operationEvent()), `${id} was kept`);
      }
    });

    it('refuses a body that is too large', async () => {
      const large = signedDelivery({ body: JSON.stringify({ filler: 'x'.repeat(1_100_000) }) });
      assert.equal(await post(large), 413);
    });

    if (name !== 'fetch') {
      it('leaves the JSON of the other routes alone', async () => {
        const response = await fetch(`${receiver.url}/orders`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: '{"a":1}',
        });
        assert.deepEqual(await response.json(), { parsed: 1 });
      });
    }
  });
}

describe('a server of ours tells of an operation', () => {
  let rc: Raincheck;
  before(async () => {
    rc = raincheck({
      tasks: [defineTask('add', { run: ({ input }) => Object.values(input as object).length })],
      store: 'memory:',
      webhooks: { secret: sampleSecret, httpAllowed: true, allowedCidrs: ['127.0.0.0/8'] },
    });
    await rc.start();
  });
  after(() => rc.stop({ now: true }));

  for (const [name, start] of Object.entries(receivers)) {
    it(`to the receiver for ${name}`, async () => {
      const told = Promise.withResolvers<WireWebhookEvent>();
      const inbox = new Inbox(':memory:', async (event) => told.resolve(event));
      await using receiver = await start({ inbox, secrets: [sampleSecret] });
      const accepted = await rc.fetch(
        new Request('http://localhost/add', {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ a: 1, b: 2, webhook_url: receiver.url + place }),
        }),
      );
      const { id } = (await accepted.json()) as { id: string };
      const event = await told.promise;
      inbox.close();
      assert.ok(event.type === 'operation.completed', event.type);
      assert.deepEqual([event.operation_id, event.status], [id, 'completed']);
      assert.equal(event.result_url, `/add/${id}`);
      assert.equal(event.data.operation.result, 2);
    });
  }
});

describe('a body parser in the way', () => {
  const inbox = { add: () => assert.fail('nothing is kept') };
  const secrets = [sampleSecret];
  const { body, headers } = signedDelivery();

  it('of Express is a 500 that says what to do', async () => {
    const app = express();
    app.use(express.json());
    app.use(place, expressReceiver({ inbox, secrets }));
    await using receiver = await listening(createServer(app));
    const response = await fetch(receiver.url + place, { method: 'POST', headers, body });
    assert.equal(response.status, 500);
    assert.match(toldText(), /bad_body: Expected the raw body.*before any express\.json\(\)/);
  });

  it('of a fetch framework is a 500 that says what to do', async () => {
    const receive = fetchReceiver({ inbox, secrets });
    const server = fetchServer(async (request) => {
      await request.json();
      return receive(request);
    });
    await using receiver = await listening(server);
    const response = await fetch(receiver.url + place, { method: 'POST', headers, body });
    assert.equal(response.status, 500);
    assert.match(await response.text(), /let it read a clone/);
  });

  it('does no harm where it reads a clone', async () => {
    const kept: string[] = [];
    const receive = fetchReceiver({ inbox: { add: (id) => kept.push(id) }, secrets });
    const request = new Request('http://receiver/', { method: 'POST', headers, body });
    await request.clone().json();
    assert.equal((await receive(request)).status, 204);
    assert.deepEqual(kept, [headers['webhook-id']]);
  });
});

describe('the inbox', () => {
  it('handles after a restart what was answered before it, and what failed, and nothing twice', async () => {
    const file = path.join(folder, 'restart.db');
    const first = new Inbox(file, () => new Promise(() => undefined));
    for (const id of ['msg_1', 'msg_2', 'msg_3']) assert.ok(first.add(id, event(id)));
    first.close();

    const handled: string[] = [];
    const twoAreDone = Promise.withResolvers<void>();
    const second = new Inbox(file, async (told) => {
      if (told.timestamp === 'msg_1') throw new Error('the database of the shop is down');
      handled.push(told.timestamp);
      if (told.timestamp === 'msg_3') twoAreDone.resolve();
    });
    await twoAreDone.promise;
    await second.work();
    assert.ok(!second.add('msg_2', event('msg_2')));
    second.close();
    assert.match(toldText(), /msg_1 waits:.*shop is down/);

    const third = new Inbox(file, async (told) => void handled.push(told.timestamp));
    await third.work();
    third.close();
    assert.deepEqual(handled, ['msg_2', 'msg_3', 'msg_1']);
  });

  function event(timestamp: string): WireWebhookEvent {
    return { ...operationEvent(), timestamp };
  }
});

for (const name of ['express', 'fastify']) {
  it(`${name}.ts runs as it is`, async () => {
    const child = spawn(
      process.execPath,
      ['--conditions=raincheck-source', path.join(import.meta.dirname, `${name}.ts`)],
      {
        cwd: mkdtempSync(path.join(folder, 'run-')),
        env: { ...process.env, PORT: '0', RAINCHECK_WEBHOOK_SECRET: sampleSecret },
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    );
    try {
      let text = '';
      child.stdout.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      while (!text.includes('\n')) await once(child.stdout, 'data');
      const { port } = JSON.parse(text.slice(text.indexOf('{'))) as AddressInfo;
      const { body, headers } = signedDelivery();
      const init = { method: 'POST', headers, body };
      assert.equal((await fetch(`http://127.0.0.1:${port}/`, init)).status, 204);
      while (!text.includes('operation.completed')) await once(child.stdout, 'data');
    } finally {
      child.kill();
      await once(child, 'close');
    }
  });
}
