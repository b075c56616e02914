import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Webhook } from 'standardwebhooks';
import { until } from '../testing/until.fixture.ts';
import { Inbox } from './inbox.fixture.ts';
import { DocumentedAnswers } from './openapi/document.fixture.ts';
import { webhookRoutes } from './webhook-routes.ts';
import {
  assertProblem,
  contextOf,
  kit,
  transports,
  type Answer,
  type Kit,
  type Send,
  type Transport,
} from './transports.fixture.ts';

const json = { 'content-type': 'application/json' };
const unknownEndpoint = 'ep_00000000000000000000000000';
const unknownDelivery = 'msg_00000000000000000000000000';
/** Values that no answer may contain. */
const headerValue = 'Bearer of-the-receiver';
const blockedAddress = '0.0.0.0';

for (const transport of transports) {
  describe(`The routes of webhooks ${transport.name}`, () => suite(transport));
}

function suite(transport: Transport): void {
  const inbox = new Inbox();
  const secrets = new Set<string>([headerValue]);
  const visited = new Set<string>();
  let k: Kit;
  let send: Send;
  let close: () => Promise<void>;
  let documented: DocumentedAnswers;

  before(async () => {
    await inbox.open();
    k = await kit({}, { lookup: async () => [blockedAddress] });
    const opened = await transport.open(k.app);
    ({ close } = opened);
    documented = new DocumentedAnswers((await opened.send('GET', '/openapi.json')).json);
    send = async (method, target, sent) => {
      const answer = await opened.send(method, target, sent);
      documented.check(method, target, answer);
      noteSecrets(method, target, answer);
      return answer;
    };
  });
  after(async () => {
    await k.stop();
    await close();
    await inbox.close();
  });

  /**
   * Checks every answer of the suite: a secret is shown once, where it is made, and never again.
   */
  function noteSecrets(method: string, target: string, answer: Answer): void {
    for (const secret of secrets) {
      assert.ok(!answer.text.includes(secret), `${method} ${target} shows ${secret}`);
    }
    assert.ok(!answer.text.includes(blockedAddress), answer.text);
    if (answer.status < 300) {
      const path = target.split('?', 1)[0]!.replaceAll(/(?:ep|msg)_[0-9A-Z]{26}/g, ':id');
      visited.add(`${method} ${path}`);
    }
    const isTold = method === 'POST' && /\/(?:endpoints|rotate)$/.test(target);
    if (isTold && answer.status < 300) secrets.add(answer.json.secret as string);
  }

  const post = (target: string, body?: unknown): Promise<Answer> =>
    body === undefined
      ? send('POST', target)
      : send('POST', target, { headers: json, body: JSON.stringify(body) });
  const patch = (target: string, body: unknown): Promise<Answer> =>
    send('PATCH', target, { headers: json, body: JSON.stringify(body) });
  const get = (target: string): Promise<Answer> => send('GET', target);
  const finished = async (target: string, body: unknown): Promise<string> => {
    const answer = await send('POST', target, {
      headers: { ...json, prefer: 'wait=30' },
      body: JSON.stringify(body),
    });
    return answer.headers.get('location')!.slice('/operations/'.length);
  };
  const created = async (path: string, members: object = {}): Promise<Answer['json']> => {
    const answer = await post('/webhooks/endpoints', { url: inbox.origin + path, ...members });
    assert.equal(answer.status, 201, answer.text);
    return answer.json;
  };
  /** The delivery of an operation once it is in that state. */
  const deliveryAt = async (query: string, state: string): Promise<Answer['json']> => {
    const { json: page } = await until(
      `the delivery is ${state}`,
      () => get(`/webhooks/deliveries?${query}`),
      (answer) => answer.json.deliveries[0]?.state === state,
    );
    return page.deliveries[0];
  };

  describe('an endpoint', () => {
    it('is made, told its secret once, and gets what it asks for, signed with it', async () => {
      const answer = await post('/webhooks/endpoints', {
        url: `${inbox.origin}/made?x=1`,
        events: ['operation.failed'],
        tasks: ['echo', 'broken'],
        headers: { authorization: headerValue },
        description: 'For the tests',
      });
      assert.equal(answer.status, 201, answer.text);
      const endpoint = answer.json;
      assert.equal(answer.headers.get('location'), `/webhooks/endpoints/${endpoint.id}`);
      assert.equal(answer.headers.get('cache-control'), 'no-store');
      assert.match(endpoint.secret, /^whsec_/);
      assert.deepEqual(endpoint.header_names, ['authorization']);
      await finished('/echo', {});
      const id = await finished('/broken', {});
      const [arrived, ...more] = await inbox.wait('/made', 1);
      assert.deepEqual(more, []);
      assert.equal(arrived?.query, '?x=1');
      assert.equal(arrived.headers.authorization, headerValue);
      new Webhook(endpoint.secret).verify(arrived.text, arrived.headers as Record<string, string>);
      const delivery = await deliveryAt(`endpoint=${endpoint.id}&operation=${id}`, 'delivered');
      const { json: whole } = await get(delivery.delivery_url);
      assert.deepEqual(whole.request.header_names, ['authorization']);
      assert.equal(whole.request.body, arrived.text);
      assert.equal(whole.request.headers['webhook-id'], arrived.headers['webhook-id']);
      const { secret, ...shown } = endpoint;
      const { json: read } = await get(endpoint.endpoint_url);
      const { counts, ...rest } = read;
      assert.deepEqual(counts, { waiting: 0, held: 0, dead: 0 });
      assert.deepEqual({ ...rest, health: null }, { ...shown, health: null });
      assert.ok(secret);
      await send('DELETE', endpoint.endpoint_url);
    });

    const refused: [object, string, string][] = [
      [{}, 'validation_failed', '/url'],
      [{ url: 'https://192.168.0.1/' }, 'webhook_url_blocked', '/url'],
      [{ url: 'https://example.com', event: [] }, 'validation_failed', '/event'],
      [
        { url: 'https://example.com', events: ['operation.ended'] },
        'validation_failed',
        '/events/0',
      ],
      [{ url: 'https://example.com', tasks: ['ecko'] }, 'validation_failed', '/tasks/0'],
      [{ url: 'https://example.com', secret: 'short' }, 'validation_failed', '/secret'],
    ];
    for (const [body, code, pointer] of refused) {
      it(`is refused for ${JSON.stringify(body)}`, async () => {
        const answer = await post('/webhooks/endpoints', body);
        assert.equal(answer.status, 422);
        assertProblem(answer, code);
        assert.equal(answer.json.errors[0].pointer, pointer);
      });
    }

    it('is made of a JSON object, or not at all', async () => {
      assertProblem(await post('/webhooks/endpoints'), 'validation_failed');
      assertProblem(await post('/webhooks/endpoints', []), 'validation_failed');
      const headers = { 'content-type': 'text/plain' };
      const typed = await send('POST', '/webhooks/endpoints', { headers, body: '{}' });
      assertProblem(typed, 'unsupported_media_type');
    });

    it('is listed newest first, by kind and page by page', async () => {
      const made = [await created('/l1'), await created('/l2'), await created('/l3')];
      await finished('/echo', { webhook_url: `${inbox.origin}/of-a-request` });
      const seen: string[] = [];
      let target: string | undefined = '/webhooks/endpoints?kind=registered&limit=2';
      while (target !== undefined) {
        const page = await get(target);
        seen.push(...page.json.endpoints.map((one: { id: string }) => one.id));
        const link = page.headers.get('link');
        assert.equal(link === null, page.json.next_cursor === null);
        target = /^<(.*)>; rel="next"$/.exec(link ?? '')?.[1];
      }
      assert.deepEqual(seen, seen.toSorted().toReversed());
      for (const { id } of made) assert.ok(seen.includes(id));
      const { json: others } = await get('/webhooks/endpoints?kind=request&limit=200');
      const urls = others.endpoints.map((one: { url: string }) => one.url);
      assert.ok(urls.includes(`${inbox.origin}/of-a-request`));
      assert.equal('counts' in others.endpoints[0], false);
      for (const { endpoint_url: url } of made) {
        assert.equal((await send('DELETE', url)).status, 204);
        assertProblem(await get(url), 'endpoint_not_found');
      }
    });

    it('is changed member by member', async () => {
      const endpoint = await created('/changed', { description: 'old' });
      const changed = await patch(endpoint.endpoint_url, {
        description: 'new',
        events: ['operation.completed'],
        headers: { 'x-team': headerValue },
      });
      assert.equal(changed.status, 200, changed.text);
      assert.equal(changed.json.description, 'new');
      assert.deepEqual(changed.json.events, ['operation.completed']);
      assert.deepEqual(changed.json.header_names, ['x-team']);
      assert.equal(changed.json.url, endpoint.url);
      for (const body of [{ enabled: 1 }, { desription: 'x' }, { secret: 'whsec_x' }]) {
        const answer = await patch(endpoint.endpoint_url, body);
        assertProblem(answer, 'validation_failed');
        assert.equal(answer.json.errors[0].pointer, `/${Object.keys(body)[0]}`);
      }
      const blocked = await patch(endpoint.endpoint_url, { url: 'https://10.0.0.1/' });
      assertProblem(blocked, 'webhook_url_blocked');
      await send('DELETE', endpoint.endpoint_url);
    });

    it('that is disabled holds what is due, says why, and lets it go when enabled', async () => {
      const endpoint = await created('/paused', { tasks: ['nothing'] });
      const disabled = await patch(endpoint.endpoint_url, { enabled: false });
      assert.equal(disabled.json.enabled, false);
      assert.equal(disabled.json.disabled_reason, 'manual');
      assert.equal(disabled.json.next_attempt_reason, 'endpoint disabled: by hand');
      await finished('/nothing', {});
      const held = await deliveryAt(`endpoint=${endpoint.id}`, 'held');
      assert.equal(held.next_attempt_at, null);
      assert.equal(held.next_attempt_reason, 'endpoint disabled: by hand');
      assert.equal((await get(endpoint.endpoint_url)).json.counts.held, 1);
      const enabled = await patch(endpoint.endpoint_url, { enabled: true });
      assert.equal(enabled.json.enabled, true);
      const [arrived] = await inbox.wait('/paused', 1);
      assert.equal(arrived?.headers['webhook-id'], held.id);
      await send('DELETE', endpoint.endpoint_url);
    });

    it('that answers 410 is disabled by it', async () => {
      inbox.answers('/gone', () => ({ status: 410 }));
      const endpoint = await created('/gone', { tasks: ['nothing'] });
      await finished('/nothing', {});
      await deliveryAt(`endpoint=${endpoint.id}`, 'held');
      const { json: read } = await get(endpoint.endpoint_url);
      assert.equal(read.disabled_reason, 'gone');
      assert.ok(read.disabled_at);
      await send('DELETE', endpoint.endpoint_url);
    });

    it('is tested, and the answer is the attempt, whatever came of it', async () => {
      inbox.answers('/test', (number) => ({
        status: number === 1 ? 200 : 500,
        headers: { 'x-seen': 'yes' },
        body: 'heard',
      }));
      const endpoint = await created('/test');
      const good = await post(`${endpoint.endpoint_url}/test`);
      assert.equal(good.status, 200, good.text);
      assert.equal(good.json.delivery.event, 'webhook.test');
      assert.equal(good.json.delivery.operation_id, null);
      const { attempt } = good.json;
      assert.equal(attempt.outcome, 'delivered');
      assert.equal(attempt.status, 200);
      assert.equal(attempt.answer.headers['x-seen'], 'yes');
      assert.deepEqual(attempt.answer.excerpt, { text: 'heard' });
      const bad = await post(`${endpoint.endpoint_url}/test`);
      assert.equal(bad.json.attempt.outcome, 'failed');
      assert.equal(bad.json.attempt.error, 'http_500');
      for (const { text, headers } of inbox.at('/test')) {
        documented.checkDelivery('webhook.test', { headers, body: JSON.parse(text) });
      }
      await patch(endpoint.endpoint_url, { enabled: false });
      const none = await post(`${endpoint.endpoint_url}/test`);
      assert.equal(none.status, 200);
      assert.equal(none.json.attempt, null);
      assert.equal(none.json.reason, 'endpoint disabled: by hand');
      await send('DELETE', endpoint.endpoint_url);
    });

    it('is asked for its consent, and gets nothing before it gives it', async () => {
      let allowed: Record<string, string> = {};
      inbox.answers('/consent', () => ({ status: 200, headers: allowed }));
      const endpoint = await created('/consent', { handshake: true });
      assert.equal(endpoint.enabled, false);
      assert.equal(endpoint.disabled_reason, 'no_consent');
      const { state, detail, per_minute: none } = endpoint.handshake;
      assert.deepEqual([state, none], ['awaited', null]);
      assert.match(detail, /WebHook-Allowed-Origin/);
      const test = await post(`${endpoint.endpoint_url}/test`);
      assert.match(test.json.reason, /^endpoint disabled: its consent is awaited \(/);
      allowed = { 'webhook-allowed-origin': 'raincheck.example', 'webhook-allowed-rate': '600' };
      const given = await post(`${endpoint.endpoint_url}/validate`);
      assert.equal(given.status, 200, given.text);
      assert.equal(given.json.enabled, true);
      assert.equal(given.json.handshake.state, 'given');
      assert.equal(given.json.handshake.per_minute, 600);
      const questions = inbox.at('/consent');
      assert.deepEqual(
        questions.map(({ headers }) => headers['webhook-request-origin']),
        ['raincheck.example', 'raincheck.example'],
      );
      assert.equal((await post(`${endpoint.endpoint_url}/test`)).json.attempt.outcome, 'delivered');
      const off = await patch(endpoint.endpoint_url, { handshake: false });
      assert.equal(off.json.handshake, null);
      assert.equal((await post(`${endpoint.endpoint_url}/validate`)).status, 422);
      await send('DELETE', endpoint.endpoint_url);
    });

    it('that is not there, or no id at all, is 404 on every route', async () => {
      for (const id of [unknownEndpoint, 'x', '%00', '..%2F..%2Fsecret', unknownDelivery]) {
        const target = `/webhooks/endpoints/${id}`;
        const answers = [
          await get(target),
          await patch(target, { enabled: true }),
          await send('DELETE', target),
          await post(`${target}/test`),
          await post(`${target}/validate`),
          await get(`${target}/secret`),
          await post(`${target}/secret/rotate`),
        ];
        for (const answer of answers) {
          assert.equal(answer.status, 404, id);
          assertProblem(answer, 'endpoint_not_found');
        }
      }
    });
  });

  describe('a secret', () => {
    it('of an endpoint is replaced, and both sign for a while', async () => {
      const endpoint = await created('/rotated');
      const target = `${endpoint.endpoint_url}/secret`;
      assert.equal((await get(target)).json.secrets.length, 1);
      const rotated = await post(`${target}/rotate`, { grace_seconds: 60 });
      assert.equal(rotated.status, 200, rotated.text);
      assert.notEqual(rotated.json.secret, endpoint.secret);
      const { json: list } = await get(target);
      assert.deepEqual(list.secrets, rotated.json.secrets);
      const [newest, former] = list.secrets;
      assert.equal(newest.expires_at, null);
      assert.ok(former.expires_at > former.created_at);
      await post(`${endpoint.endpoint_url}/test`);
      const [arrived] = await inbox.wait('/rotated', 1);
      for (const secret of [endpoint.secret, rotated.json.secret]) {
        new Webhook(secret).verify(arrived!.text, arrived!.headers as Record<string, string>);
      }
      for (const [body, pointer] of [
        [{ grace_seconds: -1 }, '/grace_seconds'],
        [{ grace_seconds: 8 * 86_400 }, '/grace_seconds'],
        [{ secret: 'whsec_' }, '/secret'],
        [{ grace: 1 }, '/grace'],
      ] as const) {
        const answer = await post(`${target}/rotate`, body);
        assertProblem(answer, 'validation_failed');
        assert.equal(answer.json.errors[0].pointer, pointer);
      }
      await send('DELETE', endpoint.endpoint_url);
    });

    it('for addresses that requests name can be brought along', async () => {
      const secret = `whsec_${Buffer.alloc(32, 9).toString('base64')}`;
      const rotated = await post('/webhooks/secret/rotate', { secret, grace_seconds: 0 });
      assert.equal(rotated.status, 200, rotated.text);
      const { json: list } = await get('/webhooks/secret');
      assert.equal(list.secrets[0].expires_at, null);
      await finished('/echo', { webhook_url: `${inbox.origin}/own-secret` });
      const [arrived] = await inbox.wait('/own-secret', 1);
      new Webhook(secret).verify(arrived!.text, arrived!.headers as Record<string, string>);
    });
  });

  describe('a delivery', () => {
    it('that failed tells each attempt and when the next is due, and why', async () => {
      inbox.answers('/flaky', (number) => ({
        status: number < 3 ? 500 : 200,
        body: `no ${number}`,
      }));
      const id = await finished('/echo', { webhook_url: `${inbox.origin}/flaky` });
      const delivery = await deliveryAt(`operation=${id}`, 'delivered');
      assert.equal(delivery.attempts, 3);
      assert.equal(delivery.failures, 2);
      assert.equal(delivery.operation_url, `/operations/${id}`);
      const { json: list } = await get(delivery.attempts_url);
      const outcomes = list.attempts.map((one: Answer['json']) => [
        one.number,
        one.outcome,
        one.error,
        one.answer.excerpt.text,
        one.next_attempt_reason,
      ]);
      assert.deepEqual(outcomes, [
        [1, 'failed', 'http_500', 'no 1', 'schedule step 1 ±20 %'],
        [2, 'failed', 'http_500', 'no 2', 'schedule step 2 ±20 %'],
        [3, 'delivered', null, 'no 3', null],
      ]);
    });

    it('shows neither the secret nor the header values that its request named', async () => {
      const secret = `whsec_${Buffer.alloc(32, 5).toString('base64')}`;
      secrets.add(secret);
      const headers = { authorization: headerValue };
      const id = await finished('/echo', {
        webhook: { url: `${inbox.origin}/named?t=1`, headers, secret },
      });
      const delivery = await deliveryAt(`operation=${id}`, 'delivered');
      const { json: whole } = await get(delivery.delivery_url);
      assert.deepEqual(whole.request.header_names, ['authorization']);
      assert.equal(whole.url, `${inbox.origin}/named`);
      for (const target of [delivery.attempts_url, `/operations/${id}`, '/operations']) {
        assert.equal((await get(target)).status, 200);
      }
      const [arrived] = inbox.at('/named');
      new Webhook(secret).verify(arrived!.text, arrived!.headers as Record<string, string>);
    });

    it('is found by state, endpoint, operation, event, error and time', async () => {
      inbox.answers('/found', () => ({ status: 418 }));
      const id = await finished('/broken', { webhook_url: `${inbox.origin}/found` });
      const dead = await deliveryAt(`operation=${id}`, 'dead');
      const ids = async (query: string): Promise<string[]> => {
        const page = await get(`/webhooks/deliveries?limit=200&${query}`);
        assert.equal(page.status, 200, page.text);
        return page.json.deliveries.map((one: { id: string }) => one.id);
      };
      const all = `endpoint=${dead.endpoint_id}&event=operation.failed&error=http_418&since=1h`;
      assert.deepEqual(await ids(`state=dead,held&${all}`), [dead.id]);
      assert.deepEqual(await ids(`state=dead&state=held&operation=${id}`), [dead.id]);
      for (const other of [
        'state=delivered',
        'event=operation.completed',
        'error=http_500',
        'until=1h',
        `endpoint=${unknownEndpoint}`,
      ]) {
        assert.ok(!(await ids(`${other}&operation=${id}`)).includes(dead.id), other);
      }
    });

    it('is listed newest first, page by page', async () => {
      const endpoint = await created('/pages', { tasks: ['digits'] });
      for (let i = 0; i < 3; i += 1) await finished('/digits', {});
      const seen: string[] = [];
      let target: string | undefined = `/webhooks/deliveries?limit=2&endpoint=${endpoint.id}`;
      while (target !== undefined) {
        const page = await get(target);
        seen.push(...page.json.deliveries.map((one: { id: string }) => one.id));
        target = /^<(.*)>; rel="next"$/.exec(page.headers.get('link') ?? '')?.[1];
      }
      assert.equal(seen.length, 3);
      assert.deepEqual(seen, seen.toSorted().toReversed());
      await send('DELETE', endpoint.endpoint_url);
    });

    const refused: [string, string][] = [
      ['cursor=c1_00000000000000000000000000', 'invalid_cursor'],
      ['cursor=', 'invalid_cursor'],
      ['limit=0', 'invalid_request'],
      ['state=done', 'invalid_request'],
      ['state=', 'invalid_request'],
      ['event=operation.ended', 'invalid_request'],
      ['error=%27%20OR%201=1', 'invalid_request'],
      ['endpoint=x', 'invalid_request'],
      [`operation=${unknownDelivery}`, 'invalid_request'],
      ['since=yesterday', 'invalid_request'],
    ];
    for (const [query, code] of refused) {
      it(`is not looked for with ${query}`, async () => {
        for (const list of ['deliveries', 'dead-letters']) {
          if (list === 'dead-letters' && query.startsWith('state')) continue;
          const answer = await get(`/webhooks/${list}?${query}`);
          assert.equal(answer.status, 400);
          assertProblem(answer, code);
        }
      });
    }

    it('is sent again with the same id and the same bytes, whatever became of it', async () => {
      const id = await finished('/echo', { webhook_url: `${inbox.origin}/again` });
      const delivery = await deliveryAt(`operation=${id}`, 'delivered');
      const answer = await post(`${delivery.delivery_url}/redeliver`);
      assert.equal(answer.status, 202, answer.text);
      assert.equal(answer.headers.get('location'), delivery.delivery_url);
      const [first, second] = await inbox.wait('/again', 2);
      assert.equal(second?.headers['webhook-id'], first?.headers['webhook-id']);
      assert.equal(second?.text, first?.text);
      await deliveryAt(`operation=${id}`, 'delivered');
      const { json: list } = await get(delivery.attempts_url);
      assert.equal(list.attempts[1].trigger, 'manual');
    });

    it('is discarded when it is dead, and not when it is over', async () => {
      inbox.answers('/dead', () => ({ status: 500 }));
      const id = await finished('/echo', { webhook_url: `${inbox.origin}/dead` });
      const dead = await deliveryAt(`operation=${id}`, 'dead');
      const answer = await post(`${dead.delivery_url}/discard`);
      assert.equal(answer.status, 200, answer.text);
      assert.equal(answer.json.state, 'cancelled');
      const again = await post(`${dead.delivery_url}/discard`);
      assert.equal(again.status, 409);
      assertProblem(again, 'delivery_not_waiting');
    });

    it('that is under way cannot be sent beside itself', async () => {
      const gate = Promise.withResolvers<void>();
      const path = '/slow';
      inbox.holds(path, gate.promise);
      const id = await finished('/echo', { webhook_url: inbox.origin + path });
      await inbox.wait(path, 1);
      const sending = await deliveryAt(`operation=${id}`, 'sending');
      const answer = await post(`${sending.delivery_url}/redeliver`);
      assert.equal(answer.status, 409);
      assertProblem(answer, 'delivery_in_flight');
      assert.match(answer.headers.get('retry-after')!, /^\d+$/);
      gate.resolve();
      await deliveryAt(`operation=${id}`, 'delivered');
    });

    it('to an address that has become one of ours is blocked without a word on why', async () => {
      // As if it had been registered while its name resolved elsewhere.
      const id = 'ep_01M8A2FC7Z89HCJPXB06DH80CR';
      const like = await created('/like', { tasks: ['huge'] });
      const stored = await k.store.readEndpoint({ id: like.id as string });
      await k.store.createEndpoint({
        endpoint: { ...stored!.endpoint, id, url: 'https://rebound.example/hook' },
        secret: null,
        now: 1,
      });
      const { json: tested } = await post(`/webhooks/endpoints/${id}/test`);
      assert.equal(tested.attempt.error, 'blocked_address');
      assert.equal(tested.attempt.detail, null);
      assert.equal(tested.attempt.timings, null);
    });

    it('that is not there, or no id at all, is 404 on every route', async () => {
      for (const id of [unknownDelivery, 'x', '%00', unknownEndpoint]) {
        const target = `/webhooks/deliveries/${id}`;
        const answers = [
          await get(target),
          await get(`${target}/attempts`),
          await post(`${target}/redeliver`),
          await post(`${target}/discard`),
        ];
        for (const answer of answers) {
          assert.equal(answer.status, 404, id);
          assertProblem(answer, 'delivery_not_found');
        }
      }
    });
  });

  describe('the dead letters', () => {
    /** Three dead letters at a path of their own, whose receiver works again afterwards. */
    async function threeDead(path: string): Promise<{ endpoint: string; ids: string[] }> {
      inbox.answers(path, () => ({ status: 422 }));
      const ids: string[] = [];
      for (let i = 0; i < 3; i += 1) {
        const id = await finished('/echo', { webhook_url: inbox.origin + path });
        ids.push((await deliveryAt(`operation=${id}`, 'dead')).id);
      }
      inbox.answers(path, () => ({ status: 200 }));
      const { json: page } = await get(`/webhooks/dead-letters?error=http_422&limit=3`);
      const listed = page.deliveries.map((one: { id: string }) => one.id);
      assert.deepEqual(listed, ids.toReversed());
      return { endpoint: page.deliveries[0].endpoint_id, ids };
    }
    const redrive = '/webhooks/dead-letters/redrive';

    it('are counted, then sent again by an operation, with the same ids', async () => {
      const { endpoint, ids } = await threeDead('/redriven');
      const counted = await post(redrive, { filter: { endpoint }, dry_run: true });
      assert.equal(counted.status, 200);
      const expected = { dry_run: true, action: 'redrive', count: 3, more: false };
      assert.deepEqual(counted.json, expected);
      const accepted = await post(`${redrive}?label.by=me`, {
        filter: { endpoint },
        per_second: 1000,
        webhook_url: `${inbox.origin}/redrive-done`,
      });
      assert.equal(accepted.status, 202, accepted.text);
      assert.equal(accepted.json.task, 'webhooks.redrive');
      assert.deepEqual(accepted.json.labels, { by: 'me' });
      const [done] = await inbox.wait('/redrive-done', 1);
      const { result_url: resultUrl } = JSON.parse(done!.text) as { result_url: string };
      assert.equal(resultUrl, `/operations/${accepted.json.id}/result`);
      assert.deepEqual((await get(resultUrl)).json, { action: 'redrive', changed: 3, skipped: 0 });
      // Nine failed attempts before, and now one success each.
      const arrived = await inbox.wait('/redriven', 12);
      const again = arrived.slice(9).map(({ headers }) => headers['webhook-id']);
      assert.deepEqual(new Set(again), new Set(ids));
    });

    it('are discarded by an operation', async () => {
      const { endpoint } = await threeDead('/discarded');
      const body = JSON.stringify({ filter: { endpoint }, action: 'discard', per_second: 1000 });
      const headers = { ...json, prefer: 'wait=30' };
      const answer = await send('POST', redrive, { headers, body });
      assert.equal(answer.status, 200, answer.text);
      assert.deepEqual(answer.json, { action: 'discard', changed: 3, skipped: 0 });
      const { json: page } = await get(`/webhooks/deliveries?endpoint=${endpoint}`);
      const states = page.deliveries.map((one: { state: string }) => one.state);
      assert.deepEqual(states, ['cancelled', 'cancelled', 'cancelled']);
    });

    it('are grouped by endpoint and error, and a redrive takes one group', async () => {
      const { endpoint, ids } = await threeDead('/grouped');
      inbox.answers('/grouped', () => ({ status: 500 }));
      const other = await finished('/echo', { webhook_url: `${inbox.origin}/grouped` });
      await deliveryAt(`operation=${other}`, 'dead');
      inbox.answers('/grouped', () => ({ status: 200 }));
      const answer = await get(`/webhooks/dead-letters:groups?endpoint=${endpoint}`);
      assert.equal(answer.status, 200, answer.text);
      const { groups, complete } = answer.json;
      assert.equal(complete, true);
      const counts = groups.map((one: { error: string; count: number }) => [one.error, one.count]);
      assert.deepEqual(counts, [
        ['http_422', 3],
        ['http_500', 1],
      ]);
      const [group] = groups;
      assert.match(group.fingerprint, /^[0-9a-f]{16}$/);
      assert.notEqual(group.fingerprint, groups[1].fingerprint);
      assert.equal(group.endpoint_id, endpoint);
      assert.equal(group.sample_delivery_id, ids[2]);
      assert.ok(group.first_at <= group.last_at);
      const one = await get(`/webhooks/dead-letters:groups?endpoint=${endpoint}&limit=1`);
      assert.deepEqual(one.json.groups, [group]);
      const filter = { endpoint: group.endpoint_id, error: group.error };
      const body = JSON.stringify({ filter, action: 'discard', per_second: 1000 });
      const headers = { ...json, prefer: 'wait=30' };
      const done = await send('POST', redrive, { headers, body });
      assert.deepEqual(done.json, { action: 'discard', changed: 3, skipped: 0 }, done.text);
      const left = await get(`/webhooks/dead-letters:groups?endpoint=${endpoint}`);
      assert.deepEqual(left.json.groups, [groups[1]]);
      assertProblem(await get('/webhooks/dead-letters:groups?limit=0'), 'invalid_request');
    });

    it('are not touched by a wish that makes no sense', async () => {
      for (const [body, pointer] of [
        [{}, '/filter'],
        [{ filter: {}, dry_rnu: true }, '/dry_rnu'],
        [{ filter: { endpiont: 'x' } }, '/filter/endpiont'],
        [{ filter: { since: '2h' } }, '/filter/since'],
        [{ filter: {}, per_second: 0 }, '/per_second'],
      ] as const) {
        const answer = await post(redrive, body);
        assert.equal(answer.status, 422);
        assertProblem(answer, 'validation_failed');
        assert.equal(answer.json.errors[0].pointer, pointer);
      }
    });
  });

  it('No answer of any route has shown a secret, and none was left out', () => {
    const methods = ['get', 'post', 'patch', 'delete'] as const;
    const all = webhookRoutes(contextOf(k)).flatMap((route) =>
      methods
        .filter((method) => route[method] !== undefined)
        .map((method) => `${method.toUpperCase()} ${route.pattern.replaceAll('::', ':')}`),
    );
    assert.deepEqual(
      all.filter((one) => !visited.has(one)),
      [],
    );
    assert.ok(secrets.size > 5);
  });
}
