import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Webhook } from 'standardwebhooks';
import { limits } from '../core/limits.ts';
import type { WireOperation } from '../core/wire-operation.ts';
import { systemClock } from '../engine/system-clock.ts';
import { until } from '../testing/until.fixture.ts';
import { createApp } from './app.ts';
import { Inbox } from './inbox.fixture.ts';
import { DocumentedAnswers } from './openapi/document.fixture.ts';
import {
  assertProblem,
  kit,
  transports,
  webhookSettings,
  type Answer,
  type Kit,
  type Send,
  type Transport,
} from './transports.fixture.ts';

const json = { 'content-type': 'application/json' };

for (const transport of transports) {
  describe(`A webhook of a submit ${transport.name}`, () => suite(transport));
}

function suite(transport: Transport): void {
  const inbox = new Inbox();
  let k: Kit;
  let send: Send;
  let close: () => Promise<void>;
  let openapi: Answer['json'];
  let documented: DocumentedAnswers;

  before(async () => {
    await inbox.open();
    k = await kit();
    const opened = await transport.open(k.app);
    ({ close } = opened);
    openapi = (await opened.send('GET', '/openapi.json')).json;
    documented = new DocumentedAnswers(openapi);
    send = async (method, target, sent) => {
      const answer = await opened.send(method, target, sent);
      documented.check(method, target, answer);
      return answer;
    };
  });
  after(async () => {
    await k.stop();
    await close();
    await inbox.close();
  });

  const submit = (target: string, body: unknown, headers = {}): Promise<Answer> =>
    send('POST', target, { headers: { ...json, ...headers }, body: JSON.stringify(body) });
  const get = (target: string, headers = {}): Promise<Answer> => send('GET', target, { headers });
  /** The status, once its webhook is in that state. */
  const statusAt = (url: string, state: string): Promise<Answer> =>
    until(
      `the webhook is ${state}`,
      () => get(url),
      (answer) => answer.json.webhook.state === state,
    );

  it('is lifted out of the input, and told of the end', async () => {
    const accepted = await submit('/echo', { a: 1, webhook_url: `${inbox.origin}/plain?t=k` });
    assert.equal(accepted.status, 202, accepted.text);
    assert.deepEqual(accepted.json.webhook, {
      url: `${inbox.origin}/plain`,
      events: ['operation.completed', 'operation.failed'],
      state: 'waiting',
      delivery_id: null,
      attempts: 0,
      last_status: null,
      last_error: null,
      next_attempt_at: null,
      next_attempt_reason: null,
      delivery_url: null,
    });
    const [arrived] = await inbox.wait('/plain', 1);
    assert.equal(arrived?.query, '?t=k');
    const told = JSON.parse(arrived.text) as { status: string; result_url: string };
    assert.equal(told.status, 'completed');
    assert.deepEqual((await get(told.result_url)).json, { echo: { a: 1 } });
    const { json: status } = await statusAt(accepted.json.status_url, 'delivered');
    assert.equal(status.webhook.delivery_id, arrived.headers['webhook-id']);
    assert.equal(status.webhook.attempts, 1);
    assert.equal(status.webhook.last_status, 204);
    const { json: delivery } = await get(status.webhook.delivery_url);
    assert.equal(delivery.operation_id, status.id);
    assert.equal(delivery.request.body, arrived.text);
  });

  it('is not lost by a slip of the pen', async () => {
    const input = { from: 'x', days: 1, webhook_ulr: `${inbox.origin}/never` };
    const refused = await submit('/strict', input);
    assertProblem(refused, 'validation_failed');
    assert.equal(refused.json.errors[0].pointer, '/webhook_ulr');
    assert.match(refused.json.errors[0].detail, /Did you mean `webhook_url`\?$/);
    // A task without a schema accepts any input.
    assert.equal((await submit('/echo', input)).status, 202);
  });

  it('arrives as the OpenAPI document has it', async () => {
    const events = ['operation.started', 'operation.completed', 'operation.failed'];
    const webhook = { url: `${inbox.origin}/documented`, events };
    // The event of a start is dropped if the operation has ended already.
    await submit('/slow/held', { webhook });
    await inbox.wait('/documented', 1);
    k.release();
    await inbox.wait('/documented', 2);
    await submit('/broken', { webhook: { ...webhook, events: ['operation.failed'] } });
    const arrived = await inbox.wait('/documented', 3);
    for (const { text, headers } of arrived) {
      const event = JSON.parse(text) as { type: string };
      documented.checkDelivery(event.type, { headers, body: event });
    }
    const types = new Set(arrived.map(({ text }) => (JSON.parse(text) as { type: string }).type));
    assert.deepEqual(types, new Set(events));
    assert.ok(openapi.paths['/echo'].post.callbacks.ended.$ref);
    const callbacks = openapi.components.callbacks.ended;
    assert.deepEqual(Object.keys(callbacks), [
      '{$request.body#/webhook_url}',
      '{$request.body#/webhook/url}',
    ]);
    const input = openapi.components.schemas['strict.input'];
    assert.ok('webhook_url' in input.properties && 'webhook' in input.properties);
  });

  it('with more to say gets its headers and is signed with its secret', async () => {
    const secret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
    const webhook = { url: `${inbox.origin}/full`, headers: { 'x-team': 'acme' }, secret };
    const accepted = await submit('/echo', { webhook });
    assert.equal(accepted.status, 202, accepted.text);
    assert.ok(!accepted.text.includes(secret) && !accepted.text.includes('acme'));
    const [arrived] = await inbox.wait('/full', 1);
    assert.equal(arrived?.headers['x-team'], 'acme');
    new Webhook(secret).verify(arrived.text, arrived.headers as Record<string, string>);
    const { json: operation } = await get(accepted.json.status_url);
    assert.deepEqual(operation.result, { echo: {} });
  });

  it('that did not ask for this end is told nothing, and the status says so', async () => {
    const webhook = { url: `${inbox.origin}/failed`, events: ['operation.failed'] };
    const { headers } = await submit('/echo', { webhook }, { prefer: 'wait=30' });
    const { json: operation } = await get(headers.get('location')!);
    assert.equal(operation.webhook.state, 'none');
    assert.deepEqual(operation.webhook.events, ['operation.failed']);
  });

  it('does not stand in the way of a schema', async () => {
    const webhook_url = `${inbox.origin}/strict`;
    const wrong = await submit('/strict', { from: 'x', days: 0, webhook_url });
    assertProblem(wrong, 'validation_failed');
    assert.equal(wrong.json.errors[0].pointer, '/days');
    const right = await submit('/strict', { from: 'x', days: 1, webhook_url });
    assert.equal(right.status, 202);
    await inbox.wait('/strict', 1);
  });

  it('is no member of anything but an object', async () => {
    const body = [{ webhook_url: 'x' }, 'webhook_url'];
    const answer = await submit('/echo', body, { prefer: 'wait=30' });
    assert.deepEqual(answer.json, { echo: body });
  });

  const refused: [Record<string, unknown>, string, string][] = [
    [{ webhook_url: 'https://10.0.0.1/' }, 'webhook_url_blocked', '/webhook_url'],
    [{ webhook: { url: 'http://169.254.169.254/' } }, 'webhook_url_blocked', '/webhook/url'],
    [{ webhook_url: 'ftp://example.com' }, 'validation_failed', '/webhook_url'],
    [{ webhook_url: null }, 'validation_failed', '/webhook_url'],
    [{ webhook_url: 5 }, 'validation_failed', '/webhook_url'],
    [{ webhook: [] }, 'validation_failed', '/webhook'],
    [{ webhook: {} }, 'validation_failed', '/webhook/url'],
    [
      { webhook: { url: 'https://example.com', evnets: [] } },
      'validation_failed',
      '/webhook/evnets',
    ],
  ];
  for (const [body, code, pointer] of refused) {
    it(`is refused for ${JSON.stringify(body)}, before anything is stored`, async () => {
      const answer = await submit('/echo?label.refused=1', { ...body, a: 1 });
      assert.equal(answer.status, 422);
      assertProblem(answer, code);
      assert.ok(
        answer.json.errors.some((one: { pointer: string }) => one.pointer === pointer),
        answer.text,
      );
      assert.deepEqual((await get('/operations?label.refused=1')).json.operations, []);
    });
  }

  it('is part of what an Idempotency-Key stands for', async () => {
    const headers = { 'idempotency-key': `webhook-${transport.name.length}` };
    const body = { a: 1, webhook_url: `${inbox.origin}/key` };
    const first = await submit('/echo', body, headers);
    const again = await submit('/echo', body, headers);
    assert.equal(again.json.id, first.json.id);
    assert.equal(again.headers.get('idempotent-replayed'), 'true');
    assert.equal(again.json.webhook.url, body.webhook_url);
    const other = await submit('/echo', { ...body, webhook_url: `${inbox.origin}/other` }, headers);
    assertProblem(other, 'idempotency_key_reused');
    assertProblem(await submit('/echo', { a: 1 }, headers), 'idempotency_key_reused');
  });

  it('is told of a retry too, whose input cannot name another', async () => {
    const webhook_url = `${inbox.origin}/retried`;
    const { headers } = await submit('/broken', { webhook_url }, { prefer: 'wait=30' });
    const target = `${headers.get('location')!}/retry`;
    const wrong = await submit(target, { input: { webhook_url } });
    assertProblem(wrong, 'validation_failed');
    assert.equal(wrong.json.errors[0].pointer, '/input/webhook_url');
    const again = await submit(target, { input: {} });
    assert.equal(again.json.webhook.url, webhook_url);
    const arrived = await inbox.wait('/retried', 2);
    const ids = arrived.map(({ text }) => (JSON.parse(text) as WireOperation).operation_id);
    assert.equal(new Set(ids).size, 2);
    assert.ok(ids.includes(again.json.id));
  });

  it('moves the tag of a final status as its delivery goes on', async () => {
    inbox.answers('/tags', (number) => ({ status: number === 1 ? 500 : 204 }));
    const body = { webhook_url: `${inbox.origin}/tags` };
    const { headers } = await submit('/echo', body, { prefer: 'wait=30' });
    const target = headers.get('location')!;
    const tags = new Map<string, string>();
    const tagged = async (): Promise<Answer> => {
      const answer = await get(target);
      const tag = answer.headers.get('etag')!;
      assert.match(tag, /^"[^"]+"$/);
      assert.equal(tags.get(tag) ?? answer.text, answer.text, 'one tag, one representation');
      tags.set(tag, answer.text);
      return answer;
    };
    const isDelivered = ({ json: { webhook } }: Answer): boolean => webhook.state === 'delivered';
    const answer = await until('the webhook is delivered', tagged, isDelivered);
    assert.equal(new Set(tags.values()).size, tags.size);
    const final = answer.headers.get('etag')!;
    const same = await get(target, { 'if-none-match': final });
    assert.equal(same.status, 304);
    assert.equal(same.headers.get('etag'), final);
    assert.equal((await get(target, { 'if-none-match': final, prefer: 'wait=30' })).status, 304);
  });

  it('is shown with what it waits for, and under another tag when its endpoint is what it waits for', async () => {
    inbox.answers('/busy', () => ({ status: 503, headers: { 'retry-after': '3600' } }));
    const body = { webhook_url: `${inbox.origin}/busy` };
    const first = await submit('/echo', body);
    await inbox.wait('/busy', 1);
    const failed = await statusAt(first.json.status_url, 'pending');
    assert.equal(failed.json.webhook.last_error, 'http_503');
    assert.match(failed.json.webhook.next_attempt_reason, /Retry-After/);
    const inMs = Date.parse(failed.json.webhook.next_attempt_at) - Date.now();
    assert.ok(inMs > 3_000_000, failed.text);
    // The second has not been tried, so only its endpoint knows why it waits.
    const { headers } = await submit('/echo', body, { prefer: 'wait=30' });
    const second = await get(headers.get('location')!);
    assert.equal(second.json.webhook.attempts, 0);
    assert.equal(second.json.webhook.next_attempt_reason, 'Retry-After of the endpoint');
    const tag = second.headers.get('etag')!;
    await k.webhooks.updateEndpoint({
      id: (await get(second.json.webhook.delivery_url)).json.endpoint_id,
      tenant: '',
      body: { enabled: false },
    });
    const held = await get(headers.get('location')!, { 'if-none-match': tag });
    assert.equal(held.status, 200);
    assert.equal(held.json.webhook.state, 'held');
    assert.equal(held.json.webhook.next_attempt_reason, 'endpoint disabled: by hand');
  });

  it('moves the tag when only its endpoint changes, and the delivery does not', async () => {
    const settings = { ...webhookSettings, endpointConcurrency: 1 };
    const own = await kit({}, { settings });
    const opened = await transport.open(own.app);
    const gate = Promise.withResolvers<void>();
    inbox.answers('/gated', () => ({ status: 503, headers: { 'retry-after': '3600' } }));
    inbox.holds('/gated', gate.promise);
    const body = JSON.stringify({ webhook_url: `${inbox.origin}/gated` });
    const ended = async (): Promise<string> => {
      const headers = { ...json, prefer: 'wait=30' };
      const answer = await opened.send('POST', '/echo', { headers, body });
      return answer.headers.get('location')!;
    };
    await ended();
    await inbox.wait('/gated', 1);
    // The second waits for the first, which is in flight.
    const second = await ended();
    const waiting = await opened.send('GET', second);
    const { delivery_id: id } = waiting.json.webhook;
    const version = (await own.store.readDelivery({ id }))!.delivery.version;
    gate.resolve();
    const headers = { 'if-none-match': waiting.headers.get('etag')! };
    const changed = await until(
      'the status changes',
      () => opened.send('GET', second, { headers }),
      ({ status }) => status !== 304,
    );
    assert.equal(changed.json.webhook.next_attempt_reason, 'Retry-After of the endpoint');
    assert.equal((await own.store.readDelivery({ id }))!.delivery.version, version);
    await own.stop();
    await opened.close();
  });

  it('is left out of lists, as it would be a read for each', async () => {
    await submit('/echo?label.listed=1', { webhook_url: `${inbox.origin}/listed` });
    const { json: page } = await get('/operations?label.listed=1');
    assert.equal('webhook' in page.operations[0], false);
  });
}

describe('A server without webhooks', () => {
  it('refuses a submit that asks for one rather than ignore it, and has no addresses for them', async () => {
    const k = await kit();
    const app = createApp({ engine: k.engine });
    for (const transport of transports) {
      const { send, close } = await transport.open(app);
      for (const member of ['webhook_url', 'webhook']) {
        const body = JSON.stringify({ [member]: 'https://example.com' });
        const answer = await send('POST', '/echo', { headers: json, body });
        assert.equal(answer.status, 422);
        assertProblem(answer, 'validation_failed');
        assert.equal(answer.json.errors[0].pointer, `/${member}`);
      }
      const none = await send('GET', '/webhooks/endpoints');
      assertProblem(none, 'not_found');
      assert.equal(none.json.detail, 'This server sends no webhooks.');
      const openapi = await send('GET', '/openapi.json');
      assert.doesNotMatch(openapi.text, /"\/webhooks|webhook_url"/);
      assert.equal('webhook_endpoints_url' in (await send('GET', '/')).json, false);
      await close();
    }
    await k.stop();
  });
});

describe('A repeated submit that asks for a webhook', () => {
  it('finds its operation also when the address is none by now', async (t) => {
    let isThere = true;
    let ahead = 0;
    const k = await kit(
      {},
      {
        clock: { ...systemClock, now: () => systemClock.now() + ahead },
        lookup: async (name) => {
          if (isThere) return ['127.0.0.1'];
          throw Object.assign(new Error(`No ${name}`), { code: 'ENOTFOUND' });
        },
      },
    );
    const { send, close } = await transports[0]!.open(k.app);
    t.after(async () => {
      await k.stop();
      await close();
    });
    const submit = (key: string, body: object): Promise<Answer> =>
      send('POST', '/slow/held', {
        headers: { ...json, 'idempotency-key': key },
        body: JSON.stringify(body),
      });
    const body = { webhook_url: 'http://hooks.example:9999/x' };
    const first = await submit('lost', body);
    assert.equal(first.status, 202, first.text);
    isThere = false;
    ahead = limits.webhookLookupMs;
    const again = await submit('lost', body);
    assert.equal(again.status, 202, again.text);
    assert.equal(again.json.id, first.json.id);
    assert.equal(again.headers.get('idempotent-replayed'), 'true');
    assertProblem(await submit('new', body), 'webhook_url_blocked');
    assertProblem(await submit('new', body), 'webhook_url_blocked');
    assertProblem(await submit('lost', { ...body, a: 1 }), 'idempotency_key_reused');
    assert.equal((await send('GET', '/operations')).json.operations.length, 1);
  });
});
