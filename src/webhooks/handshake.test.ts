import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { AttemptResult } from '../core/delivery.ts';
import { limits } from '../core/limits.ts';
import { systemClock } from '../engine/system-clock.ts';
import { fetchHandler } from '../http/fetch-adapter.ts';
import { until } from '../testing/until.fixture.ts';
import { createSender } from './sender.ts';
import { openGuard, receiver } from './receivers.fixture.ts';
import { answered, hook, result, webhooksFixture } from './webhooks.fixture.ts';

const settings = { origin: 'raincheck.example' };

function consenting(headers: Record<string, string>, status = 200): AttemptResult {
  return answered(status, { answer: { status, headers, excerpt: null } });
}

const consent = consenting({ 'webhook-allowed-origin': 'raincheck.example' });

describe('The handshake', () => {
  it('asks before anything is sent, and what is held goes out with the consent', async (t) => {
    const f = await webhooksFixture(t, { settings });
    const endpoint = await f.register({ handshake: true });
    assert.deepEqual(
      f.sender.asked.map(({ url, origin, perMinute }) => ({ url, origin, perMinute })),
      [{ url: hook, origin: 'raincheck.example', perMinute: limits.webhookRequestRate }],
    );
    assert.equal(endpoint.disabled?.reason, 'no_consent');
    assert.equal(endpoint.handshake?.detail, 'It answered 405.');
    await f.engine.submit({ task: 'quick', tenant: '', input: { value: null, text: 'null' } });
    await until('there is a delivery', async () => (await f.deliveries()).length === 1);
    const [held] = await f.deliveries();
    assert.equal(held?.state, 'held');
    assert.equal(f.sent.length, 0);
    const url = `http://x.example/webhooks/deliveries/${held.id}`;
    const shown = await fetchHandler(f.app)(new Request(url));
    assert.match(
      await shown.text(),
      /endpoint disabled: its consent is awaited \(It answered 405\.\)/,
    );
    f.sender.consent = () => consent;
    const given = await f.webhooks.validateEndpoint({ id: endpoint.id, tenant: '' });
    assert.equal(given.disabled, null);
    assert.deepEqual(given.handshake, {
      state: 'given',
      askedAt: f.clock.now(),
      detail: null,
      perMinute: limits.webhookRequestRate,
    });
    await until('one delivery is sent', () => f.sent.length === 1);
  });

  it('takes for consent only a 2xx that names us, or everybody, and a rate that is one', async (t) => {
    const f = await webhooksFixture(t, { settings });
    const { id } = await f.register({ handshake: true });
    const origin = 'webhook-allowed-origin';
    const rate = 'webhook-allowed-rate';
    const cases: readonly (readonly [AttemptResult, 'given' | 'awaited', number | null])[] = [
      [consenting({}), 'awaited', null],
      [consenting({ [origin]: 'other.example' }), 'awaited', null],
      [consenting({ [origin]: '*' }, 404), 'awaited', null],
      [consenting({ [origin]: '*', [rate]: '0' }), 'awaited', null],
      [consenting({ [origin]: '*', [rate]: 'many' }), 'awaited', null],
      [consenting({ [origin]: 'RAINCHECK.example', [rate]: '120' }), 'given', 120],
      // No answer says anything about consent, so the previous answer stands.
      [result({ error: 'timeout' }), 'given', 120],
      [consenting({ [origin]: '*' }, 503), 'given', 120],
      [consenting({ [origin]: '*', [rate]: '*' }, 204), 'given', null],
      [consenting({}), 'awaited', null],
    ];
    for (const [answer, state, perMinute] of cases) {
      f.sender.consent = () => answer;
      const { handshake, disabled } = await f.webhooks.validateEndpoint({ id, tenant: '' });
      assert.deepEqual([handshake?.state, handshake?.perMinute], [state, perMinute]);
      assert.equal(disabled?.reason, state === 'given' ? undefined : 'no_consent');
    }
  });

  it('asks anew when the address changes, and not for other changes', async (t) => {
    const f = await webhooksFixture(t, { settings });
    f.sender.consent = ({ url }) => (url === hook ? consent : answered(404));
    const { id } = await f.register({ handshake: true });
    const change = (body: object) => f.webhooks.updateEndpoint({ id, tenant: '', body });
    assert.equal((await change({ description: 'x' })).disabled, null);
    assert.equal((await change({ enabled: false })).disabled?.reason, 'manual');
    assert.equal((await change({ enabled: true })).disabled, null);
    assert.equal(f.sender.asked.length, 1);
    const moved = await change({ url: `${hook}/elsewhere` });
    assert.equal(moved.disabled?.reason, 'no_consent');
    assert.equal((await change({ enabled: true })).disabled?.reason, 'no_consent');
    assert.deepEqual(
      f.sender.asked.map(({ url }) => url),
      [hook, `${hook}/elsewhere`, `${hook}/elsewhere`],
    );
    assert.equal((await change({ url: hook })).disabled, null);
    assert.equal((await change({ handshake: false })).handshake, null);
  });

  it('goes by the pace that was allowed', async (t) => {
    const f = await webhooksFixture(t, { settings });
    f.sender.consent = () =>
      consenting({ 'webhook-allowed-origin': '*', 'webhook-allowed-rate': '60' });
    await f.register({ handshake: true });
    for (let i = 0; i < 4; i += 1) {
      await f.engine.submit({ task: 'quick', tenant: '', input: { value: null, text: 'null' } });
    }
    await until('one delivery is sent', () => f.sent.length === 1);
    for (let n = 2; n <= 4; n += 1) {
      await until(
        'none is being sent',
        async () => (await f.deliveries({ states: ['sending'] })).length === 0,
      );
      await f.clock.advance(1_000);
      await until(`${n} deliveries are sent`, () => f.sent.length === n);
    }
    const times = f.sent.map(({ at }) => at);
    for (const [i, at] of times.slice(1).entries()) assert.ok(at - (times[i] ?? 0) >= 1_000);
  });

  it('is refused where this server has no name, and needs to be switched on', async (t) => {
    const f = await webhooksFixture(t);
    await assert.rejects(f.register({ handshake: true }), (error: Error & { errors?: unknown }) => {
      assert.match(JSON.stringify(error.errors), /\/handshake.*publicUrl.*webhooks\.origin/);
      return true;
    });
    const { id } = await f.register();
    await assert.rejects(f.webhooks.validateEndpoint({ id, tenant: '' }), /set its `handshake`/);
  });

  it('bounds how many are asked at once', async (t) => {
    const f = await webhooksFixture(t, { settings });
    const waiting: (() => void)[] = [];
    f.sender.consent = () => new Promise((resolve) => waiting.push(() => resolve(consent)));
    const registered = Array.from({ length: limits.webhookHandshakes }, () =>
      f.register({ handshake: true }),
    );
    await until('as many are asked as may be', () => waiting.length === limits.webhookHandshakes);
    const late = await f.register({ handshake: true });
    assert.match(late.handshake?.detail ?? '', /ask again/);
    for (const answer of waiting) answer();
    for (const { handshake } of await Promise.all(registered)) {
      assert.equal(handshake?.state, 'given');
    }
  });
});

describe('The question on the wire', () => {
  const question = {
    headers: { authorization: 'Bearer 1' },
    origin: 'raincheck.example',
    perMinute: 600,
    signal: new AbortController().signal,
  };

  it('is an OPTIONS without a body, with who asks for how much', async (t) => {
    const to = await receiver({
      answer: (socket) =>
        socket.write(
          'HTTP/1.1 200 OK\r\nWebHook-Allowed-Origin: *\r\nWebHook-Allowed-Rate: 9\r\ncontent-length: 0\r\n\r\n',
        ),
    });
    t.after(() => to.close());
    const sender = createSender({ guard: openGuard(), clock: systemClock, userAgent: 'x/1' });
    t.after(() => sender.close());
    const answer = await sender.ask({ ...question, url: `${to.url}?a=1` });
    assert.ok(answer.delivered);
    assert.equal(answer.answer?.headers['webhook-allowed-rate'], '9');
    const [request] = to.received;
    assert.equal(request?.line, 'OPTIONS /hook?a=1 HTTP/1.1');
    assert.equal(request?.body, '');
    const { host, connection, ...headers } = request?.headers ?? {};
    assert.equal(host, `127.0.0.1:${to.port}`);
    assert.equal(connection, 'keep-alive');
    assert.deepEqual(headers, {
      'user-agent': 'x/1',
      authorization: 'Bearer 1',
      'webhook-request-origin': 'raincheck.example',
      'webhook-request-rate': '600',
    });
  });

  it('is not waited for as long as an attempt is', async (t) => {
    const to = await receiver({ answer: () => undefined });
    t.after(() => to.close());
    const common = { guard: openGuard(), clock: systemClock, userAgent: 'x/1' };
    const patient = createSender({ ...common, askMs: 60 });
    const hasty = createSender({ ...common, attemptMs: 50 });
    t.after(() => Promise.all([patient.close(), hasty.close()]));
    for (const [sender, ms] of [
      [patient, 60],
      [hasty, 50],
    ] as const) {
      const answer = await sender.ask({ ...question, url: to.url });
      assert.equal(answer.error, 'timeout');
      assert.equal(answer.detail, `No answer within ${ms} ms.`);
    }
  });

  it('goes through the guard', async (t) => {
    const to = await receiver();
    t.after(() => to.close());
    const guard = openGuard({ allowedCidrs: [] });
    const sender = createSender({ guard, clock: systemClock, userAgent: 'x/1' });
    t.after(() => sender.close());
    const answer = await sender.ask({ ...question, url: to.url });
    assert.equal(answer.error, 'blocked_address');
    assert.equal(to.connections, 0);
  });
});
