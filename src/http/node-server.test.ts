import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { limits } from '../core/limits.ts';
import { createApp, type App } from './app.ts';
import type { ExchangeReply } from './exchange.ts';
import { nodeHandler } from './node-adapter.ts';
import { Answer, assertProblem, kit, listening, type Kit } from './transports.fixture.ts';

let k: Kit;
let port: number;
let close: () => Promise<void>;

before(async () => {
  k = await kit();
  ({ port, close } = await listening(k.app));
});
after(async () => {
  await k.stop();
  await close();
});

/**
 * All bytes that a bare connection gets until the server closes it. Fails if it stays open for 30
 * s.
 */
function raw(bytes: string | Buffer, at = port): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(at, '127.0.0.1');
    let text = '';
    const timer = setTimeout(() => {
      socket.destroy();
      reject(new Error(`No end after 30 s, only ${JSON.stringify(text.slice(0, 300))}`));
    }, 30_000);
    socket.on('data', (chunk) => (text += chunk.toString('latin1')));
    socket.on('error', () => undefined); // a reset after the answer is the server's right
    socket.on('close', () => {
      clearTimeout(timer);
      resolve(text);
    });
    socket.write(bytes);
  });
}

/** The answers in `text`, cut by their own Content-Length. */
function answers(text: string): Answer[] {
  const list: Answer[] = [];
  let rest = text;
  while (rest !== '') {
    const end = rest.indexOf('\r\n\r\n');
    assert.ok(end > 0, `No head in ${JSON.stringify(rest.slice(0, 200))}`);
    const [line = '', ...fields] = rest.slice(0, end).split('\r\n');
    const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(line)?.[1]);
    const headers = new Headers(fields.map((one) => one.split(': ', 2) as [string, string]));
    const length = Number(headers.get('content-length') ?? 0);
    const body = rest.slice(end + 4, end + 4 + length);
    list.push(new Answer(status, headers, Buffer.from(body, 'latin1')));
    rest = rest.slice(end + 4 + length);
  }
  return list;
}

async function onlyAnswer(bytes: string | Buffer): Promise<Answer> {
  const list = answers(await raw(bytes));
  assert.equal(list.length, 1);
  return list[0]!;
}

async function isHealthy(): Promise<void> {
  const [answer] = answers(
    await raw('GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'),
  );
  assert.equal(answer?.status, 200);
}

describe('The server answers with problem+json and closes', () => {
  const host = 'Host: x\r\n';
  const post = `POST /echo HTTP/1.1\r\n${host}Content-Type: application/json\r\n`;
  const cases: [string, string | Buffer, number, string][] = [
    ['garbage', 'hello there\r\n\r\n', 400, 'invalid_request'],
    ['binary garbage', Buffer.from([0, 1, 2, 255, 254, 13, 10, 13, 10]), 400, 'invalid_request'],
    ['a TLS hello', Buffer.from('160301020001000001fc0303', 'hex'), 400, 'invalid_request'],
    ['an HTTP/2 preface', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400, 'invalid_request'],
    ['an HTTP/2.0 line', `GET / HTTP/2.0\r\n${host}\r\n`, 400, 'invalid_request'],
    ['an HTTP/0.9 line', 'GET /\r\n\r\n', 400, 'invalid_request'],
    ['an HTTP/1.2 line', `GET / HTTP/1.2\r\n${host}\r\n`, 400, 'invalid_request'],
    ['no Host', 'GET / HTTP/1.1\r\n\r\n', 400, 'invalid_request'],
    ['two Hosts', `GET / HTTP/1.1\r\n${host}HOST: y\r\n\r\n`, 400, 'invalid_request'],
    ['a space before the colon', 'GET / HTTP/1.1\r\nHost : x\r\n\r\n', 400, 'invalid_request'],
    ['a folded header', `GET / HTTP/1.1\r\n${host}A: b\r\n c\r\n\r\n`, 400, 'invalid_request'],
    ['NUL in a header', `GET / HTTP/1.1\r\n${host}A: b\0c\r\n\r\n`, 400, 'invalid_request'],
    ['a bare LF', `GET / HTTP/1.1\nHost: x\n\n`, 400, 'invalid_request'],
    ['an unknown method', `HACK / HTTP/1.1\r\n${host}\r\n`, 400, 'invalid_request'],
    [
      'CL and TE',
      `${post}Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nX`,
      400,
      'invalid_request',
    ],
    [
      'TE and CL',
      `${post}Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n5c\r\nGET /evil HTTP/1.1\r\n\r\n`,
      400,
      'invalid_request',
    ],
    [
      'two different CL',
      `${post}Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}`,
      400,
      'invalid_request',
    ],
    [
      'two equal CL',
      `${post}Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}`,
      400,
      'invalid_request',
    ],
    ['a CL list', `${post}Content-Length: 2, 2\r\n\r\n{}`, 400, 'invalid_request'],
    ['a negative CL', `${post}Content-Length: -1\r\n\r\n`, 400, 'invalid_request'],
    ['a CL with a sign', `${post}Content-Length: +2\r\n\r\n{}`, 400, 'invalid_request'],
    ['a CL in hex', `${post}Content-Length: 0x2\r\n\r\n{}`, 400, 'invalid_request'],
    [
      'a CL past all bounds',
      `${post}Content-Length: ${'9'.repeat(30)}\r\n\r\n`,
      400,
      'invalid_request',
    ],
    [
      'TE twice',
      `${post}Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n`,
      400,
      'invalid_request',
    ],
    [
      'an unknown TE',
      `${post}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n`,
      400,
      'invalid_request',
    ],
    [
      'TE that hides',
      `${post}Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n`,
      400,
      'invalid_request',
    ],
    [
      'a bad chunk size',
      `${post}Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n`,
      400,
      'invalid_request',
    ],
    [
      'endless chunk extensions',
      `${post}Transfer-Encoding: chunked\r\n\r\n2;${'a'.repeat(20_000)}\r\n{}\r\n0\r\n\r\n`,
      413,
      'payload_too_large',
    ],
    [
      'fat headers',
      `GET / HTTP/1.1\r\n${host}A: ${'a'.repeat(40_000)}\r\n\r\n`,
      431,
      'headers_too_large',
    ],
    ['CONNECT', 'CONNECT example.com:443 HTTP/1.1\r\nHost: x\r\n\r\n', 405, 'method_not_allowed'],
    [
      'an unknown Expect',
      `${post}Expect: magic\r\nContent-Length: 2\r\n\r\n{}`,
      417,
      'expectation_failed',
    ],
  ];
  for (const [what, bytes, status, code] of cases) {
    it(`to ${what}`, async () => {
      const answer = await onlyAnswer(bytes);
      assert.equal(answer.status, status, answer.text);
      assertProblem(answer, code);
      assert.equal(answer.headers.get('connection'), 'close');
    });
  }
  after(isHealthy);
});

describe('The server', () => {
  it('never reads a smuggled request out of a body', async () => {
    const smuggled = 'GET /tasks HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n';
    const text = await raw(
      `POST /nope HTTP/1.1\r\nHost: x\r\nContent-Length: ${smuggled.length}\r\n\r\n${smuggled}` +
        'GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
    );
    assert.deepEqual(
      answers(text).map((answer) => answer.status),
      [404, 200],
    );
  });

  it('answers pipelined requests in order', async () => {
    const get = (target: string, more = ''): string =>
      `GET ${target} HTTP/1.1\r\nHost: x\r\n${more}\r\n`;
    const text = await raw(get('/livez') + get('/nope') + get('/tasks', 'Connection: close\r\n'));
    assert.deepEqual(
      answers(text).map((answer) => answer.status),
      [200, 404, 200],
    );
  });

  it('serves a request that asks for an upgrade as if it had not', async () => {
    const upgrade = 'Connection: close, Upgrade\r\nUpgrade: h2c, websocket\r\n';
    const answer = await onlyAnswer(`GET /livez HTTP/1.1\r\nHost: x\r\n${upgrade}\r\n`);
    assert.equal(answer.status, 200);
  });

  it('takes absolute targets and OPTIONS *, and HTTP/1.0 without a Host', async () => {
    const close = 'Host: x\r\nConnection: close\r\n\r\n';
    const absolute = await onlyAnswer(`GET http://evil.example/livez?x HTTP/1.1\r\n${close}`);
    assert.equal(absolute.status, 200);
    const options = await onlyAnswer(`OPTIONS * HTTP/1.1\r\n${close}`);
    assert.equal(options.status, 204);
    assert.ok(options.headers.get('allow'));
    assert.equal((await onlyAnswer('GET /livez HTTP/1.0\r\n\r\n')).status, 200);
    const other = await onlyAnswer(`GET ftp://x/livez HTTP/1.1\r\n${close}`);
    assert.ok(other.status === 404 || other.status === 400);
  });

  it('refuses a body that is announced too large before it comes', async () => {
    const head = 'POST /echo HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n';
    const text = await raw(`${head}Expect: 100-continue\r\nContent-Length: 99999999\r\n\r\n`);
    const [answer] = answers(text);
    assert.equal(answer?.status, 413);
    assertProblem(answer, 'payload_too_large');
    assert.equal(answer.headers.get('connection'), 'close');
  });

  it('sends 100 Continue only when it wants the body', async () => {
    const head = 'Host: x\r\nContent-Type: application/json\r\nConnection: close\r\n';
    const expect = 'Expect: 100-continue\r\nContent-Length: 2\r\n\r\n{}';
    const text = await raw(`POST /echo HTTP/1.1\r\n${head}${expect}`);
    assert.ok(text.startsWith('HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 202 '));
    const refused = await onlyAnswer(`POST /nope HTTP/1.1\r\n${head}${expect}`);
    assert.equal(refused.status, 404);
  });

  it('answers 413 to a chunked body that does not end, and reads on only so far', async () => {
    const text = await new Promise<string>((resolve) => {
      const socket = connect(port, '127.0.0.1');
      let received = '';
      const chunk = Buffer.concat([
        Buffer.from('10000\r\n'),
        Buffer.alloc(0x10000, 0x20),
        Buffer.from('\r\n'),
      ]);
      const push = (): void => {
        while (!socket.destroyed && socket.write(chunk));
      };
      socket.on('drain', push);
      socket.on('data', (data) => (received += data.toString('latin1')));
      socket.on('error', () => undefined);
      socket.on('close', () => resolve(received));
      socket.write(
        'POST /echo HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n',
      );
      push();
    });
    assertProblem(answers(text)[0]!, 'payload_too_large');
    await isHealthy();
  });

  it('outlives clients that go away at any point', async () => {
    const whole =
      'POST /echo HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nPrefer: wait=60\r\nContent-Length: 10\r\n\r\n"12345678"';
    const cut = (length: number): Promise<void> =>
      new Promise((resolve) => {
        const socket = connect(port, '127.0.0.1');
        socket.on('error', () => undefined);
        socket.on('close', () => resolve());
        socket.write(whole.slice(0, length), () => socket.resetAndDestroy());
      });
    for (let length = 1; length <= whole.length; length += 9) await cut(length);
    await isHealthy();
  });

  it('lets go of a long poll whose client goes away', { timeout: 30_000 }, async () => {
    const { operation } = await k.engine.submit({
      task: 'echo',
      tenant: '',
      input: { value: 1, text: '1' },
      notBefore: Date.now() + 3_600_000,
    });
    const handled = Promise.withResolvers<ExchangeReply>();
    const called = Promise.withResolvers<void>();
    const server = await listening({
      ...k.app,
      handle(request) {
        const reply = k.app.handle(request);
        reply.then(handled.resolve, handled.reject);
        called.resolve();
        return reply;
      },
    });
    const socket = connect(server.port, '127.0.0.1');
    socket.write(`GET /operations/${operation.id} HTTP/1.1\r\nHost: x\r\nPrefer: wait=60\r\n\r\n`);
    await called.promise;
    socket.destroy();
    assert.equal((await handled.promise).status, 200);
    await server.close();
  });

  it('breaks off a result that is removed while it is read', async () => {
    const { operation } = await k.engine.submit({
      task: 'big',
      tenant: '',
      input: { value: 1, text: '1' },
    });
    const { id, version } = operation;
    await k.engine.waitFor({ id, tenant: '', until: 'final', version, timeoutMs: 30_000 });
    const removed = Promise.withResolvers<void>();
    const server = await listening({
      ...k.app,
      async handle(request) {
        const reply = await k.app.handle(request);
        const chunks = (reply.body as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]();
        const first = await chunks.next();
        await k.engine.remove({ id, tenant: '' });
        removed.resolve();
        async function* body(): AsyncGenerator<Uint8Array> {
          yield first.value as Uint8Array;
          for (;;) {
            const next = await chunks.next();
            if (next.done === true) return;
            yield next.value;
          }
        }
        return { ...reply, body: body() };
      },
    });
    const text = await raw(`GET /big/${id} HTTP/1.1\r\nHost: x\r\n\r\n`, server.port);
    await removed.promise;
    const announced = Number(/content-length: (\d+)/.exec(text)?.[1]);
    assert.ok(text.length < announced, 'Less than announced must not look like the whole');
    await server.close();
  });

  it('survives random bytes', async () => {
    const seed = Number(process.env['SEED'] ?? Date.now() % 1e9);
    let state = seed;
    const random = (below: number): number => {
      state = (state * 48_271) % 2_147_483_647;
      return state % below;
    };
    const whole = Buffer.from(
      'POST /echo?delay=1h HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: 7\r\n\r\n{"a":1}',
    );
    try {
      await Promise.all(
        Array.from({ length: 60 }, async () => {
          const bytes = Buffer.from(whole);
          for (let i = 0; i < 3; i += 1) bytes[random(bytes.length)] = random(256);
          // A mutated request may announce more than it sends; the half-close says that nothing
          // more comes.
          const text = await halfClosed(bytes);
          for (const answer of answers(text)) assert.ok(answer.status < 500, answer.text);
        }),
      );
    } catch (error) {
      throw new Error(`With SEED=${seed}`, { cause: error });
    }
    await isHealthy();
  });
});

describe('The answer to a HEAD that cannot be read', () => {
  const afterHead = (text: string): string => text.slice(text.indexOf('\r\n\r\n') + 4);

  it('has no body', async () => {
    const faults: [string, number][] = [
      ['Host: x\r\nbad header\r\n\r\n', 400],
      [`Host: x\r\nA: ${'b'.repeat(limits.headerBytes + limits.urlChars)}\r\n\r\n`, 431],
      ['Host: x\r\nContent-Length: -1\r\n\r\n', 400],
      ['\r\n', 400],
    ];
    for (const [headers, status] of faults) {
      const text = await raw(`HEAD /livez HTTP/1.1\r\n${headers}`);
      assert.match(text, new RegExp(`^HTTP/1\\.1 ${status} `), headers.slice(0, 40));
      assert.match(text, /\r\ncontent-length: [1-9]\d*\r\n/i);
      assert.equal(afterHead(text), '', headers.slice(0, 40));
    }
  });

  it('takes no body from the GET that comes after a HEAD', async () => {
    const head = 'HEAD /livez HTTP/1.1\r\nHost: x\r\n\r\n';
    const text = await raw(`${head}GET /livez HTTP/1.1\r\nbad header\r\n\r\n`);
    const fault = text.slice(text.indexOf('HTTP/1.1 400'));
    const length = Number(/content-length: (\d+)/i.exec(fault)?.[1]);
    assert.ok(length > 0);
    assert.equal(Buffer.byteLength(afterHead(fault), 'latin1'), length);
  });
});

function halfClosed(bytes: Buffer): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    let text = '';
    socket.on('data', (chunk) => (text += chunk.toString('latin1')));
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(text));
    socket.end(bytes);
  });
}

describe('A server with short limits', () => {
  it('answers 408 to slow headers and slow bodies', async () => {
    const server = await listening(k.app, { headersTimeoutMs: 100, requestTimeoutMs: 200 });
    try {
      const slow = [
        'GET /livez HTTP/1.1\r\nHost: x\r\n',
        'POST /echo HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{',
      ];
      for (const text of await Promise.all(slow.map((bytes) => raw(bytes, server.port)))) {
        const [answer] = answers(text);
        assert.equal(answer?.status, 408);
        assertProblem(answer, 'request_timeout');
      }
    } finally {
      await server.close();
    }
  });

  it('cuts off a client that does not read its result', async () => {
    const { operation } = await k.engine.submit({
      task: 'huge',
      tenant: '',
      input: { value: 1, text: '1' },
    });
    const { id, version } = operation;
    await k.engine.waitFor({ id, tenant: '', until: 'final', version, timeoutMs: 30_000 });
    const cut = Promise.withResolvers<void>();
    const app: App = {
      ...k.app,
      async handle(request) {
        const reply = await k.app.handle(request);
        const body = reply.body as AsyncIterable<Uint8Array>;
        async function* watched(): AsyncGenerator<Uint8Array> {
          try {
            yield* body;
          } finally {
            cut.resolve();
          }
        }
        return { ...reply, body: watched() };
      },
    };
    const server = await listening(app, { readerTimeoutMs: 50 });
    const socket = connect(server.port, '127.0.0.1');
    socket.on('error', () => undefined);
    socket.pause();
    socket.write(`GET /huge/${id} HTTP/1.1\r\nHost: x\r\n\r\n`);
    await cut.promise;
    socket.destroy();
    await server.close();
  });

  it('refuses settings that make no sense', async () => {
    await assert.rejects(listening(k.app, { headersTimeoutMs: 0 }), { code: 'invalid_option' });
    await assert.rejects(listening(k.app, { headerTimeout: 5 } as object), {
      code: 'invalid_option',
    });
  });
});

describe('Mounted in a framework', () => {
  type Mounted = IncomingMessage & { body?: unknown; rawBody?: unknown };
  /**
   * Does what Express does (cuts the prefix off `url`) and what body parsers do (read the stream).
   */
  async function mounted(
    parse: (req: Mounted, bytes: Buffer) => void,
  ): Promise<{ post(body: string): Promise<Answer>; close(): void }> {
    const handler = nodeHandler(createApp({ engine: k.engine, basePath: '/ops' }));
    const server = createServer((req: Mounted, res: ServerResponse) => {
      const chunks: Buffer[] = [];
      req.on('data', (chunk: Buffer) => chunks.push(chunk));
      req.on('end', () => {
        parse(req, Buffer.concat(chunks));
        req.url = (req.url ?? '').slice('/ops'.length);
        res.setHeader('x-powered-by', 'a framework');
        setImmediate(() => handler(req, res));
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const at = (server.address() as AddressInfo).port;
    return {
      async post(body) {
        const head = `POST /ops/echo HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nPrefer: wait=30\r\nConnection: close\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n`;
        return answers(await raw(head + body, at))[0]!;
      },
      close: () => server.close(),
    };
  }

  it('a body that was read before is found again', async () => {
    const parsers: ((req: Mounted, bytes: Buffer) => void)[] = [
      (req, bytes) => (req.rawBody = bytes),
      (req, bytes) => (req.rawBody = bytes.toString()),
      (req, bytes) => (req.body = bytes),
      (req, bytes) => (req.body = JSON.parse(bytes.toString()) as unknown),
    ];
    for (const parse of parsers) {
      const server = await mounted(parse);
      const answer = await server.post('{"a":[1,2]}');
      server.close();
      assert.equal(answer.status, 200, answer.text);
      assert.deepEqual(answer.json, { echo: { a: [1, 2] } });
      assert.match(answer.headers.get('location')!, /^\/ops\/operations\//);
      assert.equal(answer.headers.get('x-powered-by'), 'a framework');
    }
  });

  it('a body that was read before and not kept is an error of the server, not an empty input', async () => {
    const server = await mounted(() => undefined);
    const answer = await server.post('{"a":1}');
    server.close();
    assertProblem(answer, 'internal');
  });
});
