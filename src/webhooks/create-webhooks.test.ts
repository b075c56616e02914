import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { limits } from '../core/limits.ts';
import { memoryStore } from '../store-memory/memory-store.ts';
import { faultyStore } from '../testing/faulty-store.ts';
import { until } from '../testing/until.fixture.ts';
import { createWebhooks, type WebhooksOptions } from './create-webhooks.ts';
import type { WebhookSettings } from './webhook-settings.ts';
import { answered, hook, target, webhooksFixture } from './webhooks.fixture.ts';

const tenant = '';
const secretOf = (byte: number): string => `whsec_${Buffer.alloc(32, byte).toString('base64')}`;

describe('The settings of webhooks', () => {
  const refuses = (settings: object, message: RegExp) =>
    assert.throws(() => createWebhooks({ settings } as WebhooksOptions), {
      code: 'invalid_option',
      message,
    });

  it('are refused by name', () => {
    refuses({ secrets: 'x' }, /Unknown option `secrets` in webhooks. Did you mean `secret`/);
    refuses({ concurrency: 0 }, /`webhooks.concurrency` to be an integer from 1/);
    refuses({ attemptTimeout: '11m' }, /`webhooks.attemptTimeout` to be a duration/);
    refuses({ retryPauses: [] }, /`webhooks.retryPauses` to be a list of 1 to 11/);
    const tooMany = Array<number>(limits.deliveryFailuresMax).fill(1);
    refuses({ retryPauses: tooMany }, /`webhooks.retryPauses` to be a list of 1 to 11/);
    refuses({ retryPauses: ['4d', '2d'] }, /`webhooks.retryPauses` to be at most/);
    refuses({ retryPauses: ['soon'] }, /`webhooks.retryPauses\[0\]` to be a duration/);
    refuses({ allowedCidrs: ['10.0.0.0/99'] }, /allowedCidrs/);
  });

  it('never show a secret that does not fit', () => {
    refuses({ secret: ['whsec_hunter2'] }, /^(?!.*hunter2)webhooks\.secret: /);
  });
});

describe('The secrets that sign', () => {
  async function signedBy(t: Parameters<typeof webhooksFixture>[0], p: WebhookSettings) {
    const f = await webhooksFixture(t, { settings: p });
    const endpoint = await f.register({ url: 'https://registered.example/' });
    await f.complete();
    const own = { ...target('https://own.example/')!, secret: secretOf(3) };
    await f.complete({ webhook: own });
    await f.clock.advance(0);
    const of = (url: string) => f.sent.find((sent) => sent.url === url)!.secrets;
    return { f, endpoint, of };
  }

  it("are the request's own, the endpoint's, or the tenant's from the setting, all of them", async (t) => {
    const secrets = [secretOf(1), secretOf(2)];
    const { f, of } = await signedBy(t, { secret: secrets });
    assert.deepEqual(of(hook), secrets);
    assert.deepEqual(of('https://own.example/'), [secretOf(3)]);
    assert.equal(of('https://registered.example/').length, 1);
    assert.ok(!secrets.includes(of('https://registered.example/')[0]!));
    const listed = await f.webhooks.listSecrets({ tenant, endpointId: null });
    assert.equal(listed.length, 2);
    await assert.rejects(f.webhooks.rotateSecret({ tenant, endpointId: null, body: {} }), {
      code: 'validation_failed',
      message: /setting `webhooks.secret`/,
    });
  });

  it('are made and kept when there is no setting, and rotate with a grace in which both sign', async (t) => {
    const { f, of } = await signedBy(t, {});
    const [made] = of(hook);
    assert.match(made!, /^whsec_/);
    const rotated = await f.webhooks.rotateSecret({ tenant, endpointId: null, body: {} });
    assert.equal(rotated.secrets.length, 2);
    assert.ok(!JSON.stringify(rotated.secrets).includes('whsec_'));
    f.sender.sent.length = 0;
    await f.complete();
    await f.clock.advance(0);
    assert.deepEqual(of(hook), [rotated.secret, made]);
    f.sender.sent.length = 0;
    await f.jumpTo(f.clock.now() + limits.secretGraceMsDefault + 1);
    await f.complete();
    await f.clock.advance(0);
    assert.deepEqual(of(hook), [rotated.secret]);
  });

  it('of an endpoint are told once, and of a key pair only the public half', async (t) => {
    const f = await webhooksFixture(t);
    const body = { url: hook, signature: 'v1a' };
    const { endpoint, secret } = await f.webhooks.createEndpoint({ tenant, body });
    assert.match(secret, /^whpk_/);
    const { id: endpointId } = endpoint;
    const rotated = await f.webhooks.rotateSecret({ tenant, endpointId, body: {} });
    assert.match(rotated.secret, /^whpk_/, 'a key pair is followed by a key pair');
    await f.complete({ webhook: undefined });
    await f.clock.advance(0);
    assert.deepEqual(
      f.sent[0]!.secrets.map((one) => one.slice(0, 5)),
      ['whsk_', 'whsk_'],
    );
  });

  it('that cannot be had use up no attempt', async (t) => {
    const verbs = ['readSecrets'] as const;
    const faulty = faultyStore(memoryStore(), { nth: 1, when: 'before', verbs });
    const f = await webhooksFixture(t, { store: faulty.store });
    await f.complete();
    await f.clock.advance(60_000);
    const [delivery] = await f.deliveries();
    assert.deepEqual([delivery!.state, delivery!.failures, f.sent.length], ['delivered', 0, 1]);
  });
});

describe('Endpoints', () => {
  it('of another tenant, and such as never were, are not there', async (t) => {
    const f = await webhooksFixture(t);
    const { id } = await f.register();
    for (const key of [
      { id, tenant: 'other' },
      { id: 'ep_none', tenant },
    ]) {
      const missing = { code: 'endpoint_not_found' };
      await assert.rejects(f.webhooks.readEndpoint(key), missing);
      await assert.rejects(f.webhooks.updateEndpoint({ ...key, body: {} }), missing);
      await assert.rejects(f.webhooks.removeEndpoint(key), missing);
      await assert.rejects(f.webhooks.testEndpoint(key), missing);
      const owner = { tenant: key.tenant, endpointId: key.id };
      await assert.rejects(f.webhooks.listSecrets(owner), missing);
      await assert.rejects(f.webhooks.rotateSecret({ ...owner, body: {} }), missing);
    }
  });

  it('are a hundred at most', async (t) => {
    const f = await webhooksFixture(t);
    for (let i = 0; i < limits.endpointsMax; i += 1) await f.register();
    await assert.rejects(f.register(), { code: 'endpoints_full' });
  });

  it('that requests name can be enabled, but say nothing of their own', async (t) => {
    const f = await webhooksFixture(t);
    await f.complete();
    const { endpoints } = await f.webhooks.listEndpoints({ tenant, limit: 1, beforeId: null });
    const { id } = endpoints[0]!;
    await f.webhooks.updateEndpoint({ id, tenant, body: { enabled: false } });
    const wrong = f.webhooks.updateEndpoint({ id, tenant, body: { events: ['operation.failed'] } });
    await assert.rejects(wrong, { code: 'validation_failed' });
    const rotation = f.webhooks.rotateSecret({ tenant, endpointId: id, body: {} });
    await assert.rejects(rotation, { code: 'validation_failed' });
  });
});

describe('A test of an endpoint', () => {
  it('sends webhook.test and gives the attempt', async (t) => {
    const f = await webhooksFixture(t, { script: () => answered(204) });
    const { id } = await f.register();
    const { delivery, attempt } = await f.webhooks.testEndpoint({ id, tenant });
    assert.deepEqual([delivery.state, attempt?.answer?.status], ['delivered', 204]);
    const { body, event } = f.sent[0]!;
    assert.equal(event, 'webhook.test');
    assert.deepEqual(JSON.parse(body), {
      type: 'webhook.test',
      timestamp: new Date(delivery.createdAt).toISOString(),
      data: { endpoint_id: id },
    });
  });

  it('that fails is told as it is, and is never sent again', async (t) => {
    const f = await webhooksFixture(t, { script: () => 500 });
    const { id } = await f.register();
    const { delivery, attempt } = await f.webhooks.testEndpoint({ id, tenant });
    assert.deepEqual([delivery.state, attempt?.error], ['cancelled', 'http_500']);
    await f.clock.advance(60_000);
    assert.equal(f.sent.length, 1);
  });

  it('of a disabled one makes no attempt, and leaves nothing behind', async (t) => {
    const f = await webhooksFixture(t);
    const { id } = await f.register({ enabled: false });
    const { delivery, attempt } = await f.webhooks.testEndpoint({ id, tenant });
    assert.deepEqual([delivery.state, attempt], ['cancelled', null]);
  });

  it('gives up when nothing sends it in time', async (t) => {
    const f = await webhooksFixture(t, { start: false });
    const { id } = await f.register();
    const testing = f.webhooks.testEndpoint({ id, tenant });
    let isDone = false;
    void testing.then(() => (isDone = true));
    await f.clock.advance(19_000);
    assert.equal(isDone, false);
    await f.clock.advance(1_000);
    const { delivery, attempt } = await testing;
    assert.deepEqual([delivery.state, attempt], ['cancelled', null]);
  });
});

describe('A delivery', () => {
  it('of another tenant, and such as never were, are not there', async (t) => {
    const f = await webhooksFixture(t);
    await f.complete();
    const { id } = (await f.deliveries())[0]!;
    for (const key of [
      { id, tenant: 'other' },
      { id: 'msg_none', tenant },
    ]) {
      const missing = { code: 'delivery_not_found' };
      await assert.rejects(f.webhooks.readDelivery(key), missing);
      await assert.rejects(f.webhooks.listAttempts(key), missing);
      await assert.rejects(f.webhooks.redeliver(key), missing);
      await assert.rejects(f.webhooks.discard(key), missing);
    }
  });

  it('is sent again by hand with its id and bytes, but never beside an attempt under way', async (t) => {
    let hangs = false;
    const f = await webhooksFixture(t, {
      script: () => (hangs ? new Promise(() => undefined) : 200),
    });
    await f.complete();
    await f.clock.advance(0);
    const { id } = f.sent[0]!;
    hangs = true;
    const again = await f.webhooks.redeliver({ id, tenant });
    assert.deepEqual([again.state, again.trigger], ['pending', 'manual']);
    await until('two deliveries are sent', () => f.sent.length === 2);
    assert.equal(f.sent[1]!.body, f.sent[0]!.body);
    assert.equal(f.sent[1]!.id, id);
    await assert.rejects(f.webhooks.redeliver({ id, tenant }), { code: 'delivery_in_flight' });
    await assert.rejects(f.webhooks.discard({ id, tenant }), { code: 'delivery_not_waiting' });
  });

  it('whose endpoint was removed cannot be sent again', async (t) => {
    const f = await webhooksFixture(t, { script: () => answered(404, { abort: true }) });
    const endpoint = await f.register();
    await f.complete({ webhook: undefined });
    await f.clock.advance(0);
    await f.webhooks.removeEndpoint({ id: endpoint.id, tenant });
    const { id } = f.sent[0]!;
    await assert.rejects(f.webhooks.redeliver({ id, tenant }), { code: 'endpoint_not_found' });
    assert.equal((await f.webhooks.discard({ id, tenant })).state, 'cancelled');
  });

  it('that waits past its time expires, as the log says', async (t) => {
    const f = await webhooksFixture(t, { start: false });
    await f.complete();
    f.clock.stall(limits.deliveryTtlMs + 1);
    await f.webhooks.start();
    await f.clock.advance(2_000);
    assert.deepEqual([(await f.deliveries())[0]!.state, f.sent.length], ['expired', 0]);
    assert.ok(f.lines.some(({ message }) => message.startsWith('A delivery waited too long')));
  });
});
