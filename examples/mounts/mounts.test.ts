import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { createAdaptorServer } from '@hono/node-server';
import compression from 'compression';
import express, { type Express, type RequestHandler } from 'express';
import fastify from 'fastify';
import { Hono } from 'hono';
import { accept, defineTask, fastifyRaincheck, file, raincheck, type Raincheck } from 'raincheck';
import { shop as expressShop } from './express.ts';
import { shop as fastifyShop } from './fastify.ts';
import { shop as honoShop } from './hono.ts';
import { opsRoutes, reportsRoutes } from './next-routes.ts';
import { shop as nodeShop } from './node-http.ts';
import { reports } from './tasks.ts';

/**
 * Older versions of frameworks that apps still use, installed under other names and therefore
 * without types.
 */
const require = createRequire(import.meta.url);
const express4 = require('express4') as typeof express;
const oldCompression = require('compression-1.7') as typeof compression;

type Started = AsyncDisposable & { readonly url: string };
type Finished = { status: string; result_url: string; result: unknown };
type Mount = (rc: Raincheck) => Promise<Started>;

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

function expressMount(app: Express, inFront: readonly RequestHandler[]): Mount {
  return (rc) => {
    for (const one of inFront) app.use(one);
    app.post(
      '/orders',
      express.json(),
      (req, res) => void res.status(201).json({ ordered: req.body }),
    );
    app.use('/ops', rc.handle);
    app.post('/reports', accept(rc, reports));
    return listening(createServer(app));
  };
}

const parsers = [
  express.json({ limit: '1mb' }),
  express.urlencoded({ extended: true }),
  express.text(),
];
const compressions = {
  none: [],
  compression: [compression()],
  'compression 1.7': [oldCompression()],
};

/** Express in every combination, and each example. */
const mounts: Record<string, Mount> = {
  ...Object.fromEntries(
    Object.entries({ 4: express4, 5: express }).flatMap(([version, framework]) =>
      Object.entries(compressions).flatMap(([name, compressing]) => [
        [`Express ${version}, compression: ${name}`, expressMount(framework(), compressing)],
        [
          `Express ${version}, compression: ${name}, body parsers`,
          expressMount(framework(), [...compressing, ...parsers]),
        ],
      ]),
    ),
  ),
  'examples/mounts/express.ts': (rc) => listening(createServer(expressShop(rc))),
  'examples/mounts/express.ts with Express 4': (rc) =>
    listening(createServer(expressShop(rc, express4()))),
  'examples/mounts/fastify.ts': async (rc) => {
    const app = await fastifyShop(rc);
    await app.ready();
    return listening(app.server);
  },
  'Fastify, with a parser of the app': async (rc) => {
    const app = fastify();
    const parse = (_: unknown, body: string, done: (error: null, value: unknown) => void): void =>
      done(null, JSON.parse(body));
    app.removeAllContentTypeParsers();
    app.addContentTypeParser('application/json', { parseAs: 'string' }, parse);
    app.post('/orders', async (request, reply) => reply.code(201).send({ ordered: request.body }));
    app.post('/reports', accept(rc, reports));
    await app.register(fastifyRaincheck, { rc, prefix: '/ops' });
    await app.ready();
    return listening(app.server);
  },
  'examples/mounts/hono.ts': (rc) => listening(createAdaptorServer(honoShop(rc)) as Server),
  'Hono, mount()': (rc) => {
    const accepted = accept(rc, reports);
    const app = new Hono()
      .post('/orders', async (c) => c.json({ ordered: await c.req.json() }, 201))
      .post('/reports', (c) => accepted(c.req.raw))
      .mount('/ops', rc.fetch);
    return listening(createAdaptorServer(app) as Server);
  },
  'examples/mounts/node-http.ts': (rc) => listening(nodeShop(rc)),
  'examples/mounts/next-routes.ts': (rc) => listening(nextLike(rc)),
};

/** Calls route files as Next does: the export named after the method, with a second argument. */
function nextLike(rc: Raincheck): Server {
  const ops = opsRoutes(rc);
  const { POST } = reportsRoutes(rc, reports);
  const context = { params: Promise.resolve({}) };
  const fetch = async (request: Request): Promise<Response> => {
    const { pathname } = new URL(request.url);
    if (pathname.startsWith('/ops/')) {
      const route = ops[request.method as keyof typeof ops] as (
        ...args: unknown[]
      ) => Promise<Response>;
      return route(request, context);
    }
    if (pathname === '/reports') return POST(request, context);
    return Response.json({ ordered: await request.json() }, { status: 201 });
  };
  return createAdaptorServer({ fetch }) as Server;
}

const bytes = Buffer.from(Array.from({ length: 256 }, (_, at) => at));
const long = { text: 'ä€😀 '.repeat(2_000), n: 1.5, list: [null, true] };

it('headers that the app sets before stay', async () => {
  const apps: Record<string, Mount> = {
    express: (rc) => listening(createServer(expressShop(rc))),
    fastify: async (rc) => {
      const app = fastify();
      app.addHook('onRequest', async (_, reply) => void reply.header('x-powered-by', 'Fastify'));
      await app.register(fastifyRaincheck, { rc, prefix: '/ops' });
      await app.ready();
      return listening(app.server);
    },
  };
  for (const [name, mount] of Object.entries(apps)) {
    const rc = raincheck({ tasks: [reports], store: 'memory:', basePath: '/ops' });
    await using started = await mount(rc);
    const answer = await fetch(`${started.url}/ops/livez`);
    assert.equal(answer.headers.get('x-powered-by')?.toLowerCase(), name);
    await rc.stop();
  }
});

for (const [name, mount] of Object.entries(mounts)) {
  describe(name, () => {
    const gate = Promise.withResolvers<void>();
    const tasks = [
      reports,
      defineTask('echo', { run: ({ input }) => input }),
      defineTask('bytes', { run: () => file(bytes, { type: 'application/pdf', name: 'all.pdf' }) }),
      defineTask('held', {
        async run({ progress }) {
          progress(0.5, 'half');
          await gate.promise;
        },
      }),
    ];
    const warnings: unknown[] = [];
    let rc: Raincheck;
    let started: Started;
    before(async () => {
      const warn = (_: object, message?: string): void => void warnings.push(message);
      const quiet = (): void => undefined;
      const logger = { debug: quiet, info: quiet, warn, error: warn };
      rc = raincheck({ tasks, store: 'memory:', basePath: '/ops', logger });
      started = await mount(rc);
    });
    after(async () => {
      await started[Symbol.asyncDispose]();
      await rc.stop();
      assert.deepEqual(warnings, []);
    });
    const send = (path: string, init: RequestInit = {}): Promise<Response> =>
      fetch(new URL(path, started.url), init);
    const post = (path: string, input: unknown, headers = {}): Promise<Response> =>
      send(path, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: JSON.stringify(input),
      });
    /** Waits for the end by `Prefer: wait`, which is answered at every change. */
    const finished = async (submitted: Response) => {
      assert.equal(submitted.status, 202);
      for (;;) {
        const url = submitted.headers.get('location')!;
        const answer = await send(url, { headers: { prefer: 'wait=10' } });
        const operation = (await answer.json()) as Finished;
        if (operation.status === 'completed') return operation;
      }
    };

    it('leads from the 202 to the result', async () => {
      const submitted = await post('/ops/echo', long);
      assert.match(submitted.headers.get('location')!, /^\/ops\/operations\/op_/);
      const { result_url: url } = await finished(submitted);
      assert.deepEqual(await (await send(url)).json(), long);
      const sent = await send((await finished(await post('/ops/bytes', {}))).result_url);
      assert.deepEqual(Buffer.from(await sent.arrayBuffer()), bytes);
      assert.match(sent.headers.get('content-disposition')!, /all\.pdf/);
    });

    // If they are held back, they never arrive; only a timeout shows that.
    it(
      'sends events as they come, also to a client that likes them compressed',
      { timeout: 20_000 },
      async () => {
        const { events_url: url } = (await (await post('/ops/held', {})).json()) as {
          events_url: string;
        };
        const headers = { accept: 'text/event-stream', 'accept-encoding': 'gzip' };
        const answer = await send(url, { headers });
        assert.match(answer.headers.get('content-type')!, /^text\/event-stream/);
        let text = '';
        for await (const chunk of answer.body!) {
          text += Buffer.from(chunk).toString();
          if (text.includes('"fraction":0.5')) gate.resolve(); // it would never end if this had to wait for the end
        }
        assert.match(text, /event: completed\n/);
      },
    );

    it('answers its own addresses, with and without bodies, and leaves the others alone', async () => {
      const missing = await send('/ops/nowhere');
      assert.equal(missing.status, 404);
      assert.match(missing.headers.get('content-type')!, /^application\/problem\+json/);
      const bare = await send('/ops/echo', { method: 'POST' });
      assert.deepEqual((await finished(bare)).result, {});
      const cancelled = await send(`${bare.headers.get('location')}/cancel`, { method: 'POST' });
      assert.equal(cancelled.status, 200);
      const form = await send('/ops/echo', {
        method: 'POST',
        body: new URLSearchParams({ a: '1' }),
      });
      assert.equal(form.status, 415);
      const head = await send(bare.headers.get('location')!, { method: 'HEAD' });
      assert.deepEqual([head.status, await head.text()], [200, '']);
      const order = await post('/orders', { item: 'tea' });
      assert.deepEqual(await order.json(), { ordered: { item: 'tea' } });
    });

    it('turns a slow route into 202 + Location', async () => {
      const submitted = await post('/reports', { year: 2026 });
      assert.deepEqual((await finished(submitted)).result, { report: { year: 2026 } });
      const waited = await post('/reports', { year: 2027 }, { prefer: 'wait=10' });
      assert.equal(waited.status, 200);
      assert.deepEqual(await waited.json(), { report: { year: 2027 } });
    });
  });
}
