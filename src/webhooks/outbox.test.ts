import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { limits } from '../core/limits.ts';
import type { WireOperationEvent } from '../core/wire-webhook.ts';
import { requestEndpointId } from './request-endpoint-id.ts';
import { hook, target, webhooksFixture } from './webhooks.fixture.ts';

describe('The body of a final event', () => {
  it('has what a receiver of a bare {status, result_url} needs, and the status resource', async (t) => {
    const f = await webhooksFixture(t);
    const input = { value: { total: 3 }, text: '{"total":3}' };
    const operation = await f.complete({ input, labels: { team: 'a"b' } });
    await f.clock.advance(0);
    const event = JSON.parse(f.sent[0]!.body) as WireOperationEvent;
    const { data, ...top } = event;
    assert.deepEqual(top, {
      type: 'operation.completed',
      timestamp: new Date(operation.finishedAt!).toISOString(),
      operation_id: operation.id,
      status: 'completed',
      result_url: `/quick/${operation.id}`,
      error: null,
    });
    assert.deepEqual(data.operation.result, { total: 3 });
    assert.deepEqual(data.operation.labels, { team: 'a"b' });
    assert.equal(data.operation.status, 'completed');
    assert.equal(data.operation.finished_at, top.timestamp);
    assert.ok(Buffer.byteLength(f.sent[0]!.body) < 1_500);
  });

  it('tells why an operation failed, at the top as well', async (t) => {
    const f = await webhooksFixture(t);
    await f.complete({ input: { value: 'fail', text: '"fail"' } });
    await f.clock.advance(0);
    const event = JSON.parse(f.sent[0]!.body) as WireOperationEvent;
    assert.equal(event.type, 'operation.failed');
    assert.deepEqual([event.status, event.result_url], ['failed', null]);
    assert.deepEqual(
      [event.error?.code, event.error?.detail, event.error?.attempts],
      ['task_error', 'as it was told to', undefined],
    );
    assert.deepEqual(event.data.operation.error, event.error);
  });

  it('has the result inside up to 2 KiB, so that the whole stays below 4 kB, and its address beyond', async (t) => {
    const f = await webhooksFixture(t);
    const fits = 'ü'.repeat(limits.webhookResultBytes / 2 - 1);
    for (const value of [fits, `${fits}x`]) {
      await f.complete({ input: { value, text: JSON.stringify(value) } });
    }
    await f.clock.advance(0);
    const [small, large] = f.sent.map(({ body }) => JSON.parse(body) as WireOperationEvent);
    assert.equal(small!.data.operation.result, fits);
    assert.ok(Buffer.byteLength(f.sent[0]!.body) < 4_096);
    assert.equal('result' in large!.data.operation, false);
    assert.match(large!.result_url ?? '', /^\/quick\/op_/);
  });
});

describe('The deliveries of a final state', () => {
  it('go to the address of the request and to each endpoint that asks for the event and the task', async (t) => {
    const f = await webhooksFixture(t);
    await f.register({ url: 'https://all.example/' });
    await f.register({ url: 'https://failed.example/', events: ['operation.failed'] });
    await f.register({ url: 'https://quick.example/', tasks: ['quick'] });
    await f.register({ url: 'https://redrive.example/', tasks: ['webhooks.redrive'] });
    const operation = await f.complete({ traceparent: '00-aa-bb-01' });
    await f.clock.advance(0);
    assert.deepEqual(f.sent.map(({ url }) => url).sort(), [
      'https://all.example/',
      hook,
      'https://quick.example/',
    ]);
    assert.equal(new Set(f.sent.map(({ body }) => body)).size, 1);
    assert.equal(new Set(f.sent.map(({ id }) => id)).size, 3, 'each is a delivery of its own');
    for (const { traceparent, headers } of f.sent) {
      assert.deepEqual([traceparent, headers], ['00-aa-bb-01', {}]);
    }
    for (const { operationId } of await f.deliveries()) assert.equal(operationId, operation.id);
  });

  it('leave out the event that the request did not ask for', async (t) => {
    const f = await webhooksFixture(t);
    await f.complete({ webhook: target(hook, ['operation.failed']) });
    assert.deepEqual(await f.deliveries(), []);
  });

  it('to a disabled endpoint are kept for later', async (t) => {
    const f = await webhooksFixture(t);
    const { id } = await f.register({ enabled: false });
    await f.complete({ webhook: undefined });
    await f.clock.advance(0);
    assert.deepEqual(
      (await f.deliveries()).map(({ state }) => state),
      ['held'],
    );
    await f.webhooks.updateEndpoint({ id, tenant: '', body: { enabled: true } });
    await f.clock.advance(0);
    assert.equal(f.sent.length, 1);
  });

  it('go to where their endpoint is by then, also those that waited for its old address', async (t) => {
    const f = await webhooksFixture(t);
    const { id } = await f.register({ enabled: false });
    await f.complete({ webhook: undefined });
    const url = 'https://moved.example/';
    await f.webhooks.updateEndpoint({ id, tenant: '', body: { url, enabled: true } });
    await f.clock.advance(0);
    assert.deepEqual(
      f.sent.map((one) => one.url),
      [url],
    );
  });

  it('of a cancelled and of a swept operation are there as well', async (t) => {
    const f = await webhooksFixture(t);
    const input = { value: null, text: 'null' };
    const webhook = target();
    const common = { task: 'quick', tenant: '', input, webhook };
    const later = f.clock.now() + 60_000;
    const { operation } = await f.engine.submit({ ...common, notBefore: later });
    await f.engine.cancel({ id: operation.id, tenant: '' });
    await f.engine.submit({ ...common, notBefore: later, deadlineAt: later + 1 });
    f.clock.stall(120_000);
    await f.clock.advance(1_000);
    const codes = f.sent.map(
      ({ body }) => (JSON.parse(body) as WireOperationEvent).error?.code ?? '',
    );
    assert.deepEqual(codes.sort(), ['cancelled', 'deadline_exceeded']);
  });
});

describe('The endpoint that a request names', () => {
  it('is one for the same tenant, origin and path, whatever the query', () => {
    const id = (p: Partial<Parameters<typeof requestEndpointId>[0]> = {}) =>
      requestEndpointId({ tenant: 'a', origin: 'https://h.example', path: '/x', ...p });
    assert.match(id(), /^ep_[0-9A-HJKMNP-TV-Z]{26}$/);
    assert.equal(id(), id());
    const others = [
      id({ tenant: 'b' }),
      id({ origin: 'https://h.example:444' }),
      id({ path: '/y' }),
    ];
    assert.equal(new Set([id(), ...others]).size, 4);
    assert.notEqual(id({ tenant: 'a","b' }), id({ tenant: 'a' }));
  });

  it('shares its health between queries, and each delivery keeps its own', async (t) => {
    const f = await webhooksFixture(t);
    for (const query of ['?a=1', '?b=2']) await f.complete({ url: hook + query });
    await f.clock.advance(0);
    assert.deepEqual(f.sent.map(({ url }) => url).sort(), [`${hook}?a=1`, `${hook}?b=2`]);
    const { endpoints } = await f.webhooks.listEndpoints({ tenant: '', limit: 10, beforeId: null });
    assert.deepEqual(
      endpoints.map(({ kind, url }) => [kind, url]),
      [['request', hook]],
    );
  });
});
