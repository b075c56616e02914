import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { wireOperation } from '../../../test/support/wire-samples.ts';
import { html } from './html.ts';
import { statusPage } from './status-page.ts';
import {
  assertProblem,
  kit,
  transports,
  type Answer,
  type Kit,
  type Send,
} from '../transports.fixture.ts';

const browser = { accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8' };

describe('html``', () => {
  it('escapes every value but what is a template itself', () => {
    const evil = `<script>"&'`;
    const list = [html`<li>${evil}</li>`, html`<li>2</li>`];
    // The formatter reflows templates, so white space between tags is not compared.
    assert.equal(
      html`<ul title="${evil}">
        ${list}
      </ul>`.text.replaceAll(/\s*\n\s*/g, ''),
      '<ul title="&lt;script&gt;&quot;&amp;&#39;"><li>&lt;script&gt;&quot;&amp;&#39;</li><li>2</li></ul>',
    );
  });
});

describe('The status page', () => {
  const page = (operation: Parameters<typeof wireOperation>[0]): string =>
    statusPage(wireOperation(operation), {
      basePath: '/ops',
      origin: 'http://127.0.0.1:7333',
      now: 0,
      retryAfter: '7',
    });

  it('escapes whatever a client or a handler wrote', () => {
    const evil = '<img src=x onerror=alert(1)>"\'';
    const shown = page({
      task: evil,
      status: 'failed',
      error: { type: '', title: evil, status: 500, detail: evil, code: 'task_error' },
      result_url: `/x"${evil}`,
      result: evil,
      progress: { fraction: 0.5, message: evil, current: null, total: null, updated_at: '' },
    });
    assert.ok(!shown.includes('<img'));
    assert.ok(!shown.includes('"\''), 'no quote leaves its attribute');
  });

  it('reloads itself without a script as long as there is something to come, and is small', () => {
    const running = page({ status: 'processing', cancel_url: '/ops/operations/op_1/cancel' });
    assert.match(running, /<noscript>\s*<meta http-equiv="refresh" content="7"/);
    assert.match(running, /<form method="post" action="\/ops\/operations\/op_1\/cancel">/);
    assert.match(running, /href="\/ops\/assets\/status.css"/);
    assert.ok(running.length < 5_000);
    const done = page({ status: 'completed', result_url: '/ops/x/op_1', result: { rows: 42 } });
    assert.doesNotMatch(done, /http-equiv|<form/);
    assert.match(done, /Open the result/);
    assert.match(done, /&quot;rows&quot;: 42/);
  });
});

for (const transport of transports) {
  describe(`In a browser, ${transport.name}`, () => {
    let k: Kit;
    let send: Send;
    let close: () => Promise<void>;
    before(async () => {
      k = await kit({ basePath: '/ops' });
      ({ send, close } = await transport.open(k.app));
    });
    after(async () => {
      await k.stop();
      await close();
    });
    const submitted = async (target: string): Promise<string> =>
      (await send('POST', `/ops${target}`)).json.id as string;
    const open = (id: string): Promise<Answer> =>
      send('GET', `/ops/operations/${id}`, { headers: browser });

    it('the status address is a page, under a policy that allows nothing inline or from elsewhere', async () => {
      const answer = await open(await submitted('/slow/held'));
      assert.equal(answer.status, 200);
      assert.equal(answer.headers.get('content-type'), 'text/html; charset=utf-8');
      assert.match(answer.headers.get('retry-after')!, /^[1-9]\d*$/);
      const policy = answer.headers.get('content-security-policy')!;
      assert.match(policy, /default-src 'none'/);
      assert.match(policy, /frame-ancestors 'none'/);
      assert.doesNotMatch(policy, /unsafe|\*|http/);
      assert.doesNotMatch(answer.text, /<script>|<style| style=| on\w+=|javascript:/);
      for (const [, file] of answer.text.matchAll(/(?:href|src)="(\/ops\/assets\/[^"]+)"/g)) {
        const asset = await send('GET', file!);
        assert.equal(asset.status, 200, file);
        assert.equal(asset.headers.get('x-content-type-options'), 'nosniff');
      }
    });

    it('its button cancels and leads back to the page, script or not', async () => {
      const id = await submitted('/echo?delay=1h');
      const form = { ...browser, 'content-type': 'application/x-www-form-urlencoded' };
      const answer = await send('POST', `/ops/operations/${id}/cancel`, { headers: form });
      assert.deepEqual(
        [answer.status, answer.headers.get('location')],
        [303, `/ops/operations/${id}`],
      );
      const page = await open(id);
      assert.match(page.text, /Cancelled/);
      assert.doesNotMatch(page.text, /<form/);
    });

    it('a page of another site changes nothing, unless it was given a token', async () => {
      const id = await submitted('/echo?delay=1h');
      const from = { ...browser, 'sec-fetch-site': 'cross-site' };
      for (const target of [`/operations/${id}/cancel`, '/tasks/echo/pause', '/echo']) {
        const form = { ...from, 'content-type': 'text/plain' };
        assertProblem(await send('POST', `/ops${target}`, { headers: form }), 'cross_site');
        assertProblem(await send('POST', `/ops${target}`, { headers: from }), 'cross_site');
      }
      const json = { ...from, accept: '*/*', 'content-type': 'application/json' };
      assertProblem(await send('POST', '/ops/echo', { headers: json, body: '{}' }), 'cross_site');
      const meant = { ...json, authorization: 'Bearer rck_12345678' };
      assert.equal((await send('POST', '/ops/echo', { headers: meant, body: '{}' })).status, 202);
      const own = { ...browser, 'sec-fetch-site': 'same-origin' };
      const answer = await send('POST', `/ops/operations/${id}/cancel`, { headers: own });
      assert.equal(answer.status, 303);
      assert.equal((await send('GET', '/ops/operations', { headers: from })).status, 200);
    });
  });
}
