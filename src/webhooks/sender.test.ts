import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { Webhook } from 'standardwebhooks';
import type { Clock } from '../core/clock.ts';
import { makeClock, systemClock } from '../engine/system-clock.ts';
import { selfSigned } from './certificate.fixture.ts';
import { ok, openGuard, receiver, secret, sendRequest } from './receivers.fixture.ts';
import { createSender } from './sender.ts';

const tls = selfSigned(['127.0.0.1', 'hooks.example']);
const wrongName = selfSigned(['other.example']);
const lookup = async (): Promise<string[]> => ['127.0.0.1'];
const sender = createSender({
  guard: openGuard({}, lookup),
  clock: systemClock,
  userAgent: 'raincheck/1.2.3 (+webhooks)',
  ca: [tls.cert, wrongName.cert],
});
after(() => sender.close());

describe('An attempt', () => {
  for (const scheme of ['http', 'https'] as const) {
    it(`is one POST over ${scheme}, signed, with the bytes it was given`, async () => {
      const target = await receiver(scheme === 'https' ? { tls } : {});
      const body = JSON.stringify({ text: 'ü𝄞\u2028' });
      const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
      const result = await sender.send(
        sendRequest(`${target.url}?a=b%20c`, {
          body,
          traceparent,
          headers: { authorization: 'Bearer x', 'x-extra': '1' },
        }),
      );
      await target.close();
      assert.equal(result.delivered, true);
      assert.equal(target.received.length, 1);
      const request = target.received[0]!;
      assert.equal(request.line, 'POST /hook?a=b%20c HTTP/1.1');
      assert.equal(request.body, body);
      const { headers } = request;
      assert.deepEqual(Object.keys(headers).toSorted(), [
        'authorization',
        'connection',
        'content-length',
        'content-type',
        'host',
        'traceparent',
        'user-agent',
        'webhook-id',
        'webhook-signature',
        'webhook-timestamp',
        'x-extra',
      ]);
      assert.equal(headers['host'], `127.0.0.1:${target.port}`);
      assert.equal(headers['content-type'], 'application/json');
      assert.equal(headers['content-length'], String(Buffer.byteLength(body)));
      assert.equal(headers['user-agent'], 'raincheck/1.2.3 (+webhooks)');
      assert.equal(headers['webhook-id'], 'msg_01JABCDEFGHJKMNPQRSTVWXYZ0');
      assert.equal(headers['traceparent'], traceparent);
      assert.deepEqual(new Webhook(secret).verify(request.body, headers), JSON.parse(body));
    });
  }

  it('says itself what a stored header would say otherwise', async () => {
    const target = await receiver();
    const headers = { traceparent: 'theirs', 'user-agent': 'theirs', 'webhook-id': 'theirs' };
    await sender.send(sendRequest(target.url, { headers, traceparent: 'ours' }));
    await target.close();
    assert.equal(target.received[0]?.headers['traceparent'], 'ours');
    assert.equal(target.received[0]?.headerLines.filter((one) => /theirs/.test(one)).length, 0);
  });

  const newYear = Date.UTC(2026, 0, 1);

  it('takes its timestamp from the clock', async () => {
    const sleep = (ms: number): Promise<void> => systemClock.sleep(ms);
    const clock = { now: () => newYear + 999, sleep };
    assert.equal(await timestampBy(clock), '1767225600');
  });

  it('tells receivers the time of the machine, also after it was set back', async () => {
    // The wall clock was an hour ahead for a moment, and now() never goes back.
    let wall = newYear + 3_600_000;
    const clock = makeClock(
      () => 0,
      () => wall,
    );
    clock.now();
    wall = newYear;
    assert.equal(clock.now(), newYear + 3_600_000);
    assert.equal(await timestampBy(clock), '1767225600');
  });

  async function timestampBy(clock: Clock): Promise<string | undefined> {
    const target = await receiver();
    const timed = createSender({ guard: openGuard(), clock, userAgent: 'x' });
    await timed.send(sendRequest(target.url));
    await timed.close();
    await target.close();
    return target.received[0]?.headers['webhook-timestamp'];
  }

  it('tells how long each phase took, and none that a kept connection spared', async () => {
    const target = await receiver({ tls });
    const url = target.url.replace('127.0.0.1', 'hooks.example');
    const first = await sender.send(sendRequest(url));
    const second = await sender.send(sendRequest(url));
    await target.close();
    const shape = (timings: object | null): object =>
      Object.fromEntries(Object.entries(timings ?? {}).map(([name, ms]) => [name, typeof ms]));
    const number = 'number';
    assert.deepEqual(shape(first.timings), {
      dnsMs: number,
      connectMs: number,
      tlsMs: number,
      firstByteMs: number,
      totalMs: number,
    });
    assert.deepEqual(
      { ...second.timings, firstByteMs: 0, totalMs: 0 },
      {
        dnsMs: null,
        connectMs: null,
        tlsMs: null,
        firstByteMs: 0,
        totalMs: 0,
      },
    );
    assert.ok(Object.values(first.timings ?? {}).every((ms) => Number.isInteger(ms)));
    assert.equal(target.connections, 1);
  });

  it('ignores proxies of the environment', async () => {
    const target = await receiver();
    const proxy = await receiver();
    const names = ['http_proxy', 'https_proxy', 'HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY'];
    const before = names.map((name) => process.env[name]);
    for (const name of names) process.env[name] = `http://127.0.0.1:${proxy.port}`;
    process.env['NODE_USE_ENV_PROXY'] = '1';
    try {
      const fresh = createSender({ guard: openGuard(), clock: systemClock, userAgent: 'x' });
      assert.equal((await fresh.send(sendRequest(target.url))).delivered, true);
      await fresh.close();
    } finally {
      delete process.env['NODE_USE_ENV_PROXY'];
      names.forEach((name, index) => {
        const value = before[index];
        if (value === undefined) delete process.env[name];
        else process.env[name] = value;
      });
    }
    await Promise.all([target.close(), proxy.close()]);
    assert.deepEqual([target.received.length, proxy.connections], [1, 0]);
  });

  it('that is called off ends at once and speaks against nobody', async () => {
    const stop = new AbortController();
    const target = await receiver({ answer: () => stop.abort() });
    const request = sendRequest(target.url, { signal: stop.signal });
    const result = await sender.send(request);
    const before = await sender.send(request);
    await target.close();
    for (const one of [result, before]) {
      assert.deepEqual([one.delivered, one.error, one.endpointFault], [false, 'timeout', false]);
    }
    assert.equal(target.received.length, 1);
  });

  it('to what is no URL fails without a throw', async () => {
    assert.equal((await sender.send(sendRequest('nonsense'))).error, 'protocol');
  });
});

/** Status, other lines of the head, and the expected result. */
type Case = {
  readonly status: number;
  readonly head?: string;
  readonly says: Partial<Awaited<ReturnType<typeof sender.send>>>;
};
const fine = { delivered: true, error: null, endpointFault: false, disable: null, abort: false };
const failed = { delivered: false, endpointFault: false, retryAfterAt: null, disable: null };
const cases: readonly Case[] = [
  { status: 200, says: fine },
  { status: 201, says: fine },
  { status: 202, says: fine },
  { status: 299, says: fine },
  { status: 200, head: 'webhook-delivery: disable', says: { ...fine, disable: 'requested' } },
  { status: 200, head: 'webhook-delivery: abort-message', says: fine },
  { status: 301, head: 'location: http://10.0.0.1/', says: { ...failed, error: 'http_301' } },
  { status: 302, head: 'location: /elsewhere', says: { ...failed, error: 'http_302' } },
  { status: 304, says: { ...failed, error: 'http_304' } },
  { status: 307, head: 'location: /elsewhere', says: { ...failed, error: 'http_307' } },
  { status: 308, head: 'location: /elsewhere', says: { ...failed, error: 'http_308' } },
  { status: 400, says: { ...failed, error: 'http_400' } },
  { status: 404, says: { ...failed, error: 'http_404', abort: false } },
  { status: 408, says: { ...failed, error: 'http_408' } },
  { status: 410, says: { ...failed, error: 'http_410', disable: 'gone' } },
  { status: 422, head: 'Webhook-Delivery: x, Abort-Message', says: { ...failed, abort: true } },
  { status: 429, says: { ...failed, error: 'http_429', endpointFault: true } },
  {
    status: 500,
    head: 'retry-after: 9',
    says: { ...failed, endpointFault: true, error: 'http_500' },
  },
  { status: 503, says: { ...failed, error: 'http_503', endpointFault: true } },
  {
    status: 503,
    head: 'webhook-delivery: disable',
    says: { ...failed, endpointFault: true, disable: 'requested' },
  },
  { status: 599, says: { ...failed, error: 'http_599', endpointFault: true } },
  { status: 999, says: { ...failed, error: 'http_999', endpointFault: true } },
];

describe('The answer', () => {
  for (const { status, head, says } of cases) {
    it(`${status} ${head ?? ''} is taken for what it says`, async () => {
      const lines = ['content-length: 0', ...(head === undefined ? [] : [head])];
      const target = await receiver({
        answer: (socket) => socket.write(`HTTP/1.1 ${status} X\r\n${lines.join('\r\n')}\r\n\r\n`),
      });
      const result = await sender.send(sendRequest(target.url));
      await target.close();
      assert.deepEqual({ ...result, ...says }, result);
      assert.equal(result.answer?.status, status);
      assert.equal(result.detail, null);
      // Redirects are not followed, wherever they lead.
      assert.equal(target.received.length, 1);
      const location = /location: (.*)/.exec(head ?? '')?.[1];
      assert.equal(result.answer?.headers['location'], location);
    });
  }

  it('204 keeps the connection', async () => {
    const target = await receiver({
      answer: (socket) => socket.write('HTTP/1.1 204 No Content\r\n\r\n'),
    });
    for (const _ of [1, 2]) {
      const result = await sender.send(sendRequest(target.url));
      assert.equal(result.delivered, true);
      assert.deepEqual(result.answer?.excerpt, null);
    }
    await target.close();
    assert.equal(target.connections, 1);
  });

  it('tells when to come again, by the clock', async () => {
    const target = await receiver({
      answer: (socket) =>
        socket.write('HTTP/1.1 429 X\r\nretry-after: 120\r\ncontent-length: 0\r\n\r\n'),
    });
    const now = Date.UTC(2026, 0, 1);
    const clock = { ...systemClock, now: () => now };
    const standing = createSender({ guard: openGuard(), clock, userAgent: 'x' });
    const result = await standing.send(sendRequest(target.url));
    await Promise.all([target.close(), standing.close()]);
    assert.equal(result.retryAfterAt, now + 120_000);
  });

  it('after interim answers is the final one', async () => {
    const target = await receiver({
      answer: (socket) =>
        socket.write(`HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\nHTTP/1.1 102 P\r\n\r\n${ok}`),
    });
    const result = await sender.send(sendRequest(target.url));
    await target.close();
    assert.equal(result.answer?.status, 200);
    assert.equal(result.answer?.headers['link'], undefined);
  });

  it('in a compressed body is not decompressed', async () => {
    const { gzipSync } = await import('node:zlib');
    const bytes = gzipSync('x'.repeat(1_000_000));
    const target = await receiver({
      answer: (socket) => {
        const head = `content-encoding: gzip\r\ncontent-length: ${bytes.length}`;
        socket.write(`HTTP/1.1 200 OK\r\n${head}\r\n\r\n`);
        socket.write(bytes);
      },
    });
    const result = await sender.send(sendRequest(target.url));
    await target.close();
    assert.deepEqual(result.answer?.excerpt, {
      base64: bytes.subarray(0, 4_096).toString('base64'),
    });
  });
});
