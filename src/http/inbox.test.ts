import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { limits } from '../core/limits.ts';
import { until } from '../testing/until.fixture.ts';
import type { CaughtWebhook } from './inbox.ts';
import {
  assertProblem,
  kit,
  listening,
  transports,
  type Kit,
  type Send,
} from './transports.fixture.ts';

const json = { 'content-type': 'application/json' };
const browser = { accept: 'text/html,*/*;q=0.8' };

for (const transport of transports) {
  describe(`The inbox ${transport.name}`, () => {
    let k: Kit;
    let send: Send;
    let close: () => Promise<void>;
    let inbox = '';
    let closeReceiver: () => Promise<void>;
    before(async () => {
      k = await kit({ dev: true, basePath: '/ops' });
      ({ send, close } = await transport.open(k.app));
      // The server's own sender needs a real socket, whichever transport the test uses.
      const receiver = await listening(k.app);
      closeReceiver = receiver.close;
      inbox = `http://127.0.0.1:${receiver.port}/ops/inbox`;
    });
    after(async () => {
      await k.stop();
      await closeReceiver();
      await close();
    });

    const caught = async (path = ''): Promise<CaughtWebhook[]> =>
      (await send('GET', `/ops/inbox${path}`)).json.webhooks as CaughtWebhook[];
    /** The webhooks at a path, once there are `count`. */
    const arrived = (path: string, count: number): Promise<CaughtWebhook[]> =>
      until(
        `${count} webhooks came to ${path}`,
        () => caught(path),
        (webhooks) => webhooks.length >= count,
      );
    const post = (target: string, body: unknown) =>
      send('POST', `/ops${target}`, { headers: json, body: JSON.stringify(body) });

    it('catches what the server sends to an address that a request names, and sees that it is signed', async () => {
      const { json: operation } = await post('/echo', { a: 1, webhook_url: `${inbox}/named?x=1` });
      const [one] = await arrived('/named', 1);
      assert.deepEqual(one?.signature, { state: 'valid', detail: null });
      assert.deepEqual([one.status, one.query, one.path], [204, 'x=1', '/named']);
      const event = JSON.parse(one.body ?? '') as { type: string; operation_id: string };
      assert.deepEqual([event.type, event.operation_id], ['operation.completed', operation.id]);
      assert.match(one.headers['webhook-id'] ?? '', /^msg_/);
      assert.equal(one.bytes, Buffer.byteLength(one.body ?? ''));
    });

    it('knows the secrets of requests and of endpoints, of both kinds, and shows no credentials', async () => {
      const secret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
      const headers = { authorization: 'Bearer of-the-receiver', 'x-team': 'acme' };
      await post('/echo', { webhook: { url: `${inbox}/own-secret`, secret, headers } });
      const [own] = await arrived('/own-secret', 1);
      assert.equal(own?.signature.state, 'valid', own?.signature.detail ?? '');
      assert.equal(own.headers['authorization'], '[22 characters]');
      assert.equal(own.headers['x-team'], 'acme');
      for (const signature of ['v1', 'v1a']) {
        const path = `/endpoint-${signature}`;
        const { json: endpoint } = await post('/webhooks/endpoints', {
          url: `${inbox}${path}`,
          signature,
        });
        await send('POST', `/ops/webhooks/endpoints/${endpoint.id}/test`);
        const [test] = await arrived(path, 1);
        assert.equal(test?.signature.state, 'valid', test?.signature.detail ?? '');
        await send('DELETE', `/ops/webhooks/endpoints/${endpoint.id}`);
      }
    });

    it('says what is wrong with what is not ours', async () => {
      const { json: rotated } = await post('/webhooks/secret/rotate', {});
      const key = Buffer.from((rotated.secret as string).slice('whsec_'.length), 'base64');
      const sign = (body: string, seconds: number) => ({
        'webhook-id': 'msg_x',
        'webhook-timestamp': String(seconds),
        'webhook-signature': `v1,${createHmac('sha256', key).update(`msg_x.${seconds}.${body}`).digest('base64')}`,
      });
      const now = Math.floor(Date.now() / 1000);
      const cases: [Record<string, string>, string, RegExp][] = [
        [{}, 'unsigned', /no webhook-id/],
        [{ 'webhook-id': 'msg_x' }, 'unsigned', /no webhook-timestamp/],
        [{ ...sign('{}', now), 'webhook-signature': 'v1,AAAA' }, 'invalid', /No secret/],
        [sign('{} ', now), 'invalid', /No secret/],
        [{ ...sign('{}', now), 'webhook-timestamp': 'now' }, 'invalid', /no number/],
        [sign('{}', now - 3_600), 'invalid', /3600 s from now|3601 s/],
        [sign('{}', now), 'valid', /^$/],
      ];
      for (const [headers, state, detail] of cases) {
        const answer = await send('POST', '/ops/inbox/mine', { headers, body: '{}' });
        assert.equal(answer.status, 204);
        const [newest] = await caught('/mine');
        assert.equal(newest?.signature.state, state);
        assert.match(newest.signature.detail ?? '', detail);
      }
    });

    it('answers as it is asked to, so that retries can be seen', async () => {
      await post('/echo', { webhook_url: `${inbox}/down?status=503` });
      const tries = await arrived('/down', 3);
      assert.ok(tries.every(({ status }) => status === 503));
      assert.equal(new Set(tries.map(({ headers }) => headers['webhook-id'])).size, 1);
      assertProblem(await send('POST', '/ops/inbox?status=999'), 'invalid_request');
    });

    it('shows people what came, as text', async () => {
      const evil = '<img src=x onerror=alert(1)>';
      await send('POST', `/ops/inbox/shown?q=${encodeURIComponent(evil)}`, {
        headers: { 'x-evil': evil },
        body: evil,
      });
      await post('/inbox/shown', { type: evil, operation_id: 'op_00000000000000000000000000' });
      const page = await send('GET', '/ops/inbox/shown', { headers: browser });
      assert.equal(page.headers.get('content-type'), 'text/html; charset=utf-8');
      assert.match(page.headers.get('content-security-policy') ?? '', /^default-src 'none'/);
      assert.ok(!page.text.includes('<img'));
      assert.match(page.text, /&lt;img src=x/);
      assert.match(page.text, /href="\/ops\/operations\/op_0{26}"/);
      assert.match(page.text, /✖ Not signed/);
      const scripts = page.text.match(/<script[^>]*>/g);
      assert.deepEqual(scripts, ['<script src="/ops/assets/status.js" defer>']);
      assert.doesNotMatch(page.text, /http-equiv|data-awaits/, 'it stays as long as it is read');
      const empty = await send('GET', '/ops/inbox/nobody', { headers: browser });
      assert.match(empty.text, /Nothing has arrived yet/);
      assert.match(empty.text, /<noscript>\s*<meta http-equiv="refresh" content="3"/);
      assert.match(empty.text, /curl http:\/\/[^ ]+\/ops\/echo \\\n[^]*webhook_url/);
    });

    it('holds the last hundred, none too large, until it is told to forget', async () => {
      for (let i = 0; i < limits.inboxWebhooks + 5; i += 1) {
        await send('POST', `/ops/inbox/${i}`, { body: Buffer.from([0xff, i]) });
      }
      const all = await caught();
      assert.equal(all.length, limits.inboxWebhooks);
      assert.equal(all[0]?.path, `/${limits.inboxWebhooks + 4}`);
      assert.deepEqual([all[0].body, all[0].bytes], [null, 2]);
      const large = Buffer.alloc(limits.inboxBodyBytes + 1);
      assertProblem(await send('POST', '/ops/inbox', { body: large }), 'payload_too_large');
      assert.equal((await send('DELETE', '/ops/inbox')).status, 204);
      assert.deepEqual(await caught(), []);
    });
  });
}

describe('The inbox', () => {
  it('is open to what sends webhooks, and not to who would read them', async () => {
    const tokens = [
      { name: 'reads', token: 'rck_only_read', scopes: ['read'] },
      { name: 'submits', token: 'rck_only_submit', scopes: ['submit'] },
    ] as const;
    const k = await kit({ dev: true, tokens });
    const { send } = await transports[0]!.open(k.app);
    const bearer = (token: string) => ({ headers: { authorization: `Bearer ${token}` } });
    assert.equal((await send('POST', '/inbox/x')).status, 204);
    assertProblem(await send('GET', '/inbox'), 'unauthorized');
    assertProblem(await send('DELETE', '/inbox/x'), 'unauthorized');
    assertProblem(await send('GET', '/inbox', bearer('rck_only_submit')), 'forbidden');
    assertProblem(await send('DELETE', '/inbox', bearer('rck_only_read')), 'forbidden');
    assert.equal((await send('GET', '/inbox/x', bearer('rck_only_read'))).json.webhooks.length, 1);
    await k.stop();
  });

  it('is only there in dev', async () => {
    const k = await kit();
    const { send } = await transports[0]!.open(k.app);
    assertProblem(await send('POST', '/inbox'), 'not_found');
    assertProblem(await send('GET', '/inbox/x'), 'not_found');
    await k.stop();
  });
});
