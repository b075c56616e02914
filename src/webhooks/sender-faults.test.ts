import assert from 'node:assert/strict';
import { createServer as createHttpServer } from 'node:http';
import { createServer, type Socket } from 'node:net';
import { after, describe, it } from 'node:test';
import type { AttemptResult } from '../core/delivery.ts';
import { limits } from '../core/limits.ts';
import { systemClock } from '../engine/system-clock.ts';
import { selfSigned } from './certificate.fixture.ts';
import type { Lookup } from './lookup.ts';
import {
  listening,
  ok,
  openGuard,
  receiver,
  reset,
  sendRequest,
  silentPort,
  type Answer,
} from './receivers.fixture.ts';
import { createSender, type SenderOptions } from './sender.ts';
import type { Sender } from './webhooks.ts';

const tls = selfSigned(['127.0.0.1']);
const otherName = selfSigned(['other.example']);
const unknown = selfSigned(['127.0.0.1']);

const senders: Sender[] = [];
function sender(options: Partial<SenderOptions> = {}, lookup?: Lookup): Sender {
  const made = createSender({
    guard: openGuard({}, lookup),
    clock: systemClock,
    userAgent: 'x',
    ca: [tls.cert, otherName.cert],
    ...options,
  });
  senders.push(made);
  return made;
}
after(() => Promise.all(senders.map((one) => one.close())));

const patient = sender();
/** For peers that never end: this deadline is the only end of the wait. */
const hasty = sender({ attemptMs: 1_000 });

async function sent(by: Sender, p: Parameters<typeof receiver>[0]): Promise<AttemptResult> {
  let { result, received, connections } = await sentOnce(by, p);
  // On a busy machine a deadline can pass before the connection is open; then the peer did not
  // cause it.
  const longer = by === hasty ? [2_000, 4_000, 8_000, 16_000] : [];
  for (const ms of longer) {
    if (received > 0) break;
    ({ result, received, connections } = await sentOnce(sender({ attemptMs: ms }), p));
  }
  // Over a new connection nothing is sent again, whatever happened.
  assert.deepEqual([received, connections], [1, 1]);
  return result;
}

async function sentOnce(by: Sender, p: Parameters<typeof receiver>[0]) {
  const target = await receiver(p);
  try {
    const result = await by.send(sendRequest(target.url));
    return { result, received: target.received.length, connections: target.connections };
  } finally {
    await target.close();
  }
}

/** Writes again and again until the peer is gone. */
function flood(socket: Socket, text: string, everyMs: number): void {
  const timer = setInterval(() => socket.write(text), everyMs);
  socket.once('close', () => clearInterval(timer));
}

/** Writes as fast as the peer reads, for ever. */
function gush(socket: Socket, text: string): void {
  const more = (): void => {
    while (!socket.destroyed && socket.write(text));
  };
  socket.on('drain', more);
  more();
}

type Fault = {
  readonly name: string;
  readonly answer: Answer;
  readonly error: string;
  readonly by?: Sender;
  readonly detail?: RegExp;
};

const faults: readonly Fault[] = [
  { name: 'says nothing', answer: () => undefined, error: 'timeout', by: hasty },
  {
    name: 'stops after the status line',
    answer: (socket) => socket.write('HTTP/1.1 200 OK\r\n'),
    error: 'timeout',
    by: hasty,
  },
  {
    name: 'stops within its headers',
    answer: (socket) => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n'),
    error: 'timeout',
    by: hasty,
  },
  {
    name: 'drips a header byte by byte',
    answer: (socket) => {
      socket.write('HTTP/1.1 200 OK\r\nx: ');
      flood(socket, 'x', 10);
    },
    error: 'timeout',
    by: hasty,
  },
  {
    name: 'gives interim answers for ever',
    answer: (socket) => flood(socket, 'HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n', 10),
    error: 'timeout',
    by: hasty,
  },
  {
    name: 'gives interim answers as fast as it can',
    answer: (socket) => gush(socket, 'HTTP/1.1 102 Processing\r\n\r\n'.repeat(100)),
    error: 'protocol',
    detail: /longer than 262144 bytes/,
  },
  {
    name: 'continues unasked',
    answer: (socket) => socket.write(`HTTP/1.1 100 Continue\r\n\r\n${ok}`),
    error: 'protocol',
  },
  {
    name: 'switches protocols unasked',
    answer: (socket) =>
      socket.write('HTTP/1.1 101 X\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n'),
    error: 'protocol',
  },
  { name: 'hangs up', answer: (socket) => socket.end(), error: 'reset' },
  { name: 'resets', answer: (socket) => reset(socket), error: 'reset' },
  {
    name: 'hangs up within its headers',
    answer: (socket) => socket.end('HTTP/1.1 200 OK\r\ncontent-le'),
    error: 'reset',
  },
  {
    name: 'resets within its headers',
    answer: (socket) =>
      socket.write('HTTP/1.1 200 OK\r\nx', () => setImmediate(() => reset(socket))),
    error: 'reset',
  },
  {
    name: 'answers with a status of 000',
    answer: (socket) => socket.write('HTTP/1.1 000 None\r\n\r\n'),
    error: 'protocol',
    detail: /^The answer is not HTTP\/1\.1\.$/,
  },
  {
    name: 'talks something else',
    answer: (socket) => socket.write('220 mail.example ESMTP ready\r\n'),
    error: 'protocol',
    detail: /does not match the HTTP\/1.1 protocol/,
  },
  {
    name: 'breaks the rules for headers',
    answer: (socket) => socket.write('HTTP/1.1 200 OK\r\nbad header\0: x\r\n\r\n'),
    error: 'protocol',
  },
  {
    name: 'gives two lengths',
    answer: (socket) =>
      socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nok!'),
    error: 'protocol',
  },
  {
    name: 'has headers without end',
    answer: (socket) => socket.write(`HTTP/1.1 200 OK\r\n${'x: yyyyyyyy\r\n'.repeat(2_000)}`),
    error: 'protocol',
    detail: /HEADERS_OVERFLOW/,
  },
  {
    name: 'has one endless header',
    answer: (socket) => {
      socket.write('HTTP/1.1 200 OK\r\nx: ');
      gush(socket, 'y'.repeat(4_000));
    },
    error: 'protocol',
  },
];

describe('A receiver fails the attempt when it', { concurrency: true }, () => {
  for (const { name, answer, error, by = patient, detail = /./ } of faults) {
    for (const scheme of ['http', 'https'] as const) {
      it(`${name} (${scheme})`, async () => {
        const result = await sent(by, scheme === 'https' ? { answer, tls } : { answer });
        assert.equal(result.delivered, false);
        assert.equal(result.error, error, result.detail ?? '');
        assert.match(result.detail ?? '', detail);
        assert.equal(result.answer, null);
        assert.equal(result.endpointFault, true);
      });
    }
  }
});

const head = 'HTTP/1.1 200 OK\r\n';
const chunked = `${head}transfer-encoding: chunked\r\n\r\n`;

type Broken = {
  readonly name: string;
  readonly answer: Answer;
  readonly detail: RegExp;
  readonly by?: Sender;
  readonly excerpt?: string;
};

const brokenBodies: readonly Broken[] = [
  {
    name: 'never begins',
    answer: (socket) => socket.write(`${head}content-length: 2\r\n\r\n`),
    detail: /did not end in time/,
    by: hasty,
  },
  {
    name: 'drips',
    answer: (socket) => {
      socket.write(`${head}content-length: 10000\r\n\r\n`);
      flood(socket, 'x', 10);
    },
    detail: /did not end in time/,
    by: hasty,
  },
  {
    name: 'has no end',
    answer: (socket) => {
      socket.write(`${head}\r\n`);
      gush(socket, 'x'.repeat(10_000));
    },
    detail: /longer than what is read/,
    excerpt: 'x'.repeat(limits.deliveryExcerptBytes),
  },
  {
    name: 'has no end, in chunks',
    answer: (socket) => {
      socket.write(chunked);
      gush(socket, '1\r\nx\r\n'.repeat(1_000));
    },
    detail: /longer than what is read/,
    excerpt: 'x'.repeat(limits.deliveryExcerptBytes),
  },
  {
    name: 'has chunk extensions without end',
    answer: (socket) => {
      socket.write(`${chunked}1;`);
      gush(socket, 'x'.repeat(10_000));
    },
    detail: /longer than 262144 bytes/,
  },
  {
    name: 'has trailers without end',
    answer: (socket) => {
      socket.write(`${chunked}1\r\nx\r\n0\r\n`);
      gush(socket, 'x: yyyyyyyy\r\n'.repeat(100));
    },
    detail: /HEADERS_OVERFLOW|longer than/,
    excerpt: 'x',
  },
  {
    name: 'is shorter than it said',
    answer: (socket) => socket.end(`${head}content-length: 9\r\n\r\nshort`),
    detail: /broke off/,
    excerpt: 'short',
  },
  {
    name: 'is reset',
    answer: (socket) =>
      socket.write(`${head}content-length: 9\r\n\r\nshort`, () =>
        setImmediate(() => reset(socket)),
      ),
    detail: /broke off/,
  },
  {
    name: 'has a broken chunk',
    answer: (socket) => socket.write(`${chunked}1\r\nx\r\nzz\r\n`),
    detail: /broke off/,
    excerpt: 'x',
  },
];

describe('A 2xx delivers although the body', { concurrency: true }, () => {
  for (const { name, answer, detail, by = patient, excerpt } of brokenBodies) {
    for (const scheme of ['http', 'https'] as const) {
      it(`${name} (${scheme})`, async () => {
        const closed = Promise.withResolvers<void>();
        const result = await sent(by, {
          answer: (socket, ...rest) => {
            socket.once('close', closed.resolve);
            answer(socket, ...rest);
          },
          ...(scheme === 'https' ? { tls } : {}),
        });
        assert.deepEqual([result.delivered, result.error], [true, null]);
        assert.equal(result.answer?.status, 200);
        assert.match(result.detail ?? '', detail);
        if (excerpt !== undefined) assert.deepEqual(result.answer?.excerpt, { text: excerpt });
        await closed.promise;
      });
    }
  }

  it('and a 500 fails with its status, whatever the body does', async () => {
    const result = await sent(hasty, {
      answer: (socket) => socket.write('HTTP/1.1 500 X\r\ncontent-length: 9\r\n\r\nwhy'),
    });
    assert.deepEqual([result.delivered, result.error], [false, 'http_500']);
    assert.deepEqual(result.answer?.excerpt, { text: 'why' });
  });

  it('has 16 KiB, which are read, or a byte more, which closes the connection', async () => {
    const answering =
      (length: number): Answer =>
      (socket) => {
        socket.write(`${head}content-length: ${length}\r\n\r\n${'x'.repeat(length)}`);
      };
    for (const [length, connections] of [
      [limits.deliveryResponseBytes, 1],
      [limits.deliveryResponseBytes + 1, 2],
    ] as const) {
      const target = await receiver({ answer: answering(length) });
      const first = await patient.send(sendRequest(target.url));
      await patient.send(sendRequest(target.url));
      await target.close();
      assert.equal(first.detail === null, connections === 1);
      assert.equal(target.connections, connections);
    }
  });
});

describe('A connection fails', () => {
  const error = async (by: Sender, url: string): Promise<AttemptResult> => {
    const result = await by.send(sendRequest(url));
    assert.deepEqual([result.delivered, result.answer], [false, null]);
    return result;
  };

  it('when nobody listens', async () => {
    const target = await receiver();
    await target.close();
    assert.equal((await error(patient, target.url)).error, 'connect_refused');
  });

  it('when nobody answers, after its own time', async () => {
    const silent = await silentPort();
    const result = await error(sender({ connectMs: 200 }), `http://127.0.0.1:${silent.port}/`);
    await silent.close();
    assert.equal(result.error, 'connect_timeout');
    assert.equal(result.endpointFault, true);
  });

  it('when the attempt is over first', async () => {
    const silent = await silentPort();
    assert.equal((await error(hasty, `http://127.0.0.1:${silent.port}/`)).error, 'timeout');
    await silent.close();
  });

  it('when the handshake of TLS hangs', async () => {
    const target = await receiver({ answer: () => undefined });
    const url = target.url.replace('http:', 'https:');
    assert.equal((await error(sender({ connectMs: 200 }), url)).error, 'connect_timeout');
    assert.equal((await error(hasty, url)).error, 'timeout');
    await target.close();
  });

  for (const [name, certificate, code] of [
    ['another name', otherName, /ERR_TLS_CERT_ALTNAME_INVALID/],
    ['an unknown authority', unknown, /SELF_SIGNED|UNABLE_TO_VERIFY|DEPTH_ZERO/],
  ] as const) {
    it(`when the certificate is of ${name}, whatever the environment says`, async () => {
      const target = await receiver({ tls: certificate });
      const before = process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
      process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0';
      try {
        const result = await error(patient, target.url);
        assert.equal(result.error, 'tls');
        assert.match(result.detail ?? '', code);
      } finally {
        if (before === undefined) delete process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
        else process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = before;
      }
      await target.close();
      assert.equal(target.received.length, 0);
    });
  }

  it('when the peer talks http where https was asked for', async () => {
    const server = createHttpServer();
    const port = await listening(server, '127.0.0.1');
    const result = await error(patient, `https://127.0.0.1:${port}/`);
    server.close();
    assert.equal(result.error, 'tls');
  });

  it('when the name has no address, and says that it is the name', async () => {
    const failing = (code: string): Sender =>
      sender({}, () => Promise.reject(Object.assign(new Error(code), { code })));
    for (const code of ['ENOTFOUND', 'ENODATA', 'ESERVFAIL', 'ETIMEOUT']) {
      const result = await error(failing(code), 'https://hooks.example/');
      assert.equal(result.error, 'dns');
      assert.match(result.detail ?? '', new RegExp(code));
    }
    assert.equal(
      (
        await error(
          sender({}, async () => []),
          'https://hooks.example/',
        )
      ).error,
      'dns',
    );
  });

  it('when the name server hangs past the deadline', async () => {
    const hanging = sender({ attemptMs: 100 }, () => new Promise(() => undefined));
    assert.equal((await error(hanging, 'https://hooks.example/')).error, 'timeout');
  });
});

describe('A request', () => {
  it('that the peer does not read ends at the deadline', async () => {
    const server = createServer((socket) => {
      socket.pause();
      socket.on('error', () => undefined);
    });
    const port = await listening(server, '127.0.0.1');
    const body = JSON.stringify('x'.repeat(20_000_000));
    const result = await hasty.send(sendRequest(`http://127.0.0.1:${port}/`, { body }));
    server.close();
    assert.equal(result.error, 'timeout');
  });
});
