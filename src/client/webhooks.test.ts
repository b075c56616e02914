import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { scriptedServer, type Scripted } from '../../test/support/scripted-server.ts';
import {
  sampleDeliveryId,
  sampleEndpointId,
  wireDelivery,
  wireEndpoint,
  wireOperation,
  wireTask,
} from '../../test/support/wire-samples.ts';
import { createClient, type Client } from './client.ts';
import { NetworkError, ProblemError } from './problem.ts';

const page = { status: 200, body: { deliveries: [wireDelivery()], next_cursor: null } } as const;

describe('a submit that names an address', () => {
  it('sends it beside the members of the input, which must be an object', async () => {
    await using server = await scriptedServer(({ method }) =>
      method === 'GET' ? { status: 200, body: wireTask() } : { status: 202, body: wireOperation() },
    );
    const client = createClient({ baseUrl: server.url });
    const webhookUrl = 'https://example.com/done';
    await client.submit('countdown', { seconds: 1 }, { webhookUrl });
    assert.deepEqual(server.seen[1]?.body, { seconds: 1, webhook_url: webhookUrl });
    await assert.rejects(client.submit('countdown', [1], { webhookUrl }), {
      code: 'invalid_option',
      message: /`input` to be an object/,
    });
    assert.equal(server.seen.length, 2);
  });
});

describe('webhooks', () => {
  it('are asked for with filters in the query, instants as ISO 8601', async () => {
    await using server = await scriptedServer(() => page);
    const { webhooks } = createClient({ baseUrl: `${server.url}/ops` });
    await webhooks.deliveries({
      state: ['dead', 'held'],
      endpoint: sampleEndpointId,
      error: 'http_500',
      since: new Date(0),
      limit: 5,
    });
    await webhooks.deadLetters({ cursor: 'd1_x' });
    const [first, second] = server.seen;
    assert.equal(first?.path, '/ops/webhooks/deliveries');
    assert.deepEqual(Object.fromEntries(first?.query ?? []), {
      state: 'dead,held',
      endpoint: sampleEndpointId,
      error: 'http_500',
      since: '1970-01-01T00:00:00.000Z',
      limit: '5',
    });
    assert.equal(second?.path, '/ops/webhooks/dead-letters');
    assert.deepEqual(Object.fromEntries(second?.query ?? []), { cursor: 'd1_x' });
  });

  it('are changed by PATCH and removed by DELETE, whose answer is empty', async () => {
    await using server = await scriptedServer(({ method }) =>
      method === 'DELETE' ? { status: 204 } : { status: 200, body: wireEndpoint() },
    );
    const { webhooks } = createClient({ baseUrl: server.url });
    await webhooks.updateEndpoint(sampleEndpointId, { enabled: false, tasks: null });
    await webhooks.removeEndpoint(sampleEndpointId);
    const [patch, remove] = server.seen;
    assert.equal(patch?.method, 'PATCH');
    assert.deepEqual(patch?.body, { enabled: false, tasks: null });
    assert.equal(remove?.method, 'DELETE');
    assert.equal(remove?.path, `/webhooks/endpoints/${sampleEndpointId}`);
  });

  const once: [string, (client: Client) => Promise<unknown>][] = [
    ['createEndpoint', ({ webhooks }) => webhooks.createEndpoint({ url: 'https://example.com' })],
    ['rotateSecret', ({ webhooks }) => webhooks.rotateSecret(null)],
    ['testEndpoint', ({ webhooks }) => webhooks.testEndpoint(sampleEndpointId)],
    ['redeliver', ({ webhooks }) => webhooks.redeliver(sampleDeliveryId)],
    ['discard', ({ webhooks }) => webhooks.discard(sampleDeliveryId)],
    ['removeEndpoint', ({ webhooks }) => webhooks.removeEndpoint(sampleEndpointId)],
  ];
  for (const [name, call] of once) {
    it(`${name} is not asked for again when its answer is lost`, async () => {
      await using server = await scriptedServer(() => 'hang up');
      await assert.rejects(call(createClient({ baseUrl: server.url })), NetworkError);
      assert.equal(server.seen.length, 1);
    });
  }

  it('are counted and redriven at one address, the redrive under a key of its own', async () => {
    const script: Scripted[] = [
      'hang up',
      { status: 200, body: { dry_run: true, action: 'discard', count: 3, more: false } },
      'hang up',
      { status: 202, body: wireOperation() },
    ];
    await using server = await scriptedServer((_, n) => script[n - 1] ?? 'hang');
    const { webhooks } = createClient({ baseUrl: server.url });
    const redrive = { action: 'discard', filter: { endpoint: sampleEndpointId } } as const;
    assert.equal((await webhooks.countDeadLetters(redrive)).count, 3);
    await webhooks.redrive({ ...redrive, perSecond: 5 });
    const [, counted, lost, submitted] = server.seen;
    assert.deepEqual(counted?.body, { ...redrive, dry_run: true });
    assert.deepEqual(submitted?.body, { ...redrive, per_second: 5 });
    assert.equal(submitted?.path, '/webhooks/dead-letters/redrive');
    assert.equal(lost?.headers['idempotency-key'], submitted?.headers['idempotency-key']);
    assert.match(String(submitted?.headers['idempotency-key']), /^"[0-9a-f]{32}"$/);
  });

  it('of something else that speaks JSON are an error, not an answer', async () => {
    await using server = await scriptedServer(() => ({ status: 200, body: { ok: true } }));
    const { webhooks } = createClient({ baseUrl: server.url });
    await assert.rejects(webhooks.endpoint(sampleEndpointId), (error) => {
      assert.ok(error instanceof ProblemError);
      assert.match(error.message, /did not answer as a Raincheck server does/);
      return true;
    });
  });
});
