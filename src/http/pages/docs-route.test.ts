import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { z } from 'zod';
import { createEngine } from '../../engine/create-engine.ts';
import { defineTask } from '../../engine/define-task.ts';
import { memoryStore } from '../../store-memory/memory-store.ts';
import { createApp } from '../app.ts';
import { kit, transports, viaFetch, type Kit, type Send } from '../transports.fixture.ts';

const form = { 'content-type': 'application/x-www-form-urlencoded' };
const token = 'rck_of-the-docs-test';

for (const transport of transports) {
  describe(`The API docs, ${transport.name}`, () => {
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

    it('show every operation, event, schema and error of the document, each at an address of its own', async () => {
      const { text: page } = await send('GET', '/ops/docs');
      const { json: document } = await send('GET', '/ops/openapi.json');
      const ids = [...JSON.stringify([document.paths, document.webhooks]).matchAll(operationIds)];
      assert.ok(ids.length > 60);
      for (const [, id] of ids) assert.ok(page.includes(`id="${id}"`), id);
      for (const name of Object.keys(document.components.schemas)) {
        assert.ok(page.includes(`id="schema-${name}"`), name);
      }
      for (const code of document.components.schemas.Problem.properties.code.enum) {
        assert.ok(page.includes(`<code>${code}</code>`), code);
      }
    });

    it('lead nowhere that is not there, and nowhere else', async () => {
      const { text: page } = await send('GET', '/ops/docs');
      const targets = new Set([...page.matchAll(/\sid="([^"]+)"/g)].map(([, id]) => id));
      const hrefs = [...page.matchAll(/\s(?:href|src|action)="([^"]+)"/g)].map(([, to]) => to!);
      for (const href of new Set(hrefs)) {
        if (href.startsWith('#')) assert.ok(targets.has(href.slice(1)), href);
        else assert.equal((await send('GET', href)).status, 200, href);
      }
      assert.equal(targets.size, [...page.matchAll(/\sid="/g)].length, 'no id is there twice');
    });

    it('need nothing inline and nothing from elsewhere', async () => {
      const { text: page, headers } = await send('GET', '/ops/docs');
      assert.match(
        headers.get('content-security-policy')!,
        /^default-src 'none'; style-src 'self'/,
      );
      assert.doesNotMatch(page, /<script(?! src)|<style|\sstyle=|\son\w+=/);
      for (const name of ['css', 'js']) {
        const { text, headers } = await send('GET', `/ops/assets/docs.${name}`);
        assert.match(headers.get('content-type')!, name === 'js' ? /javascript/ : /css/);
        assert.doesNotMatch(text, /https?:|\/\/\w|@import|url\(/);
      }
    });

    it('show requests that can be sent as they are', async () => {
      const { text: page } = await send('GET', '/ops/docs');
      assert.match(page, /curl -X POST &quot;http:\/\/[^/]+\/ops\/strict&quot;/);
      assert.match(page, /\$ID/);
    });
  });
}

const operationIds = /"operationId":"([^"]+)","(?:summary|description|tags)"/g;

describe('The API docs', () => {
  it('escape what the author of a task wrote', async () => {
    const evil = '<img src=x onerror=alert(1)>"\'';
    const store = memoryStore();
    const task = defineTask('evil', {
      description: evil,
      input: z.object({ [evil]: z.string().default(evil).describe(evil) }),
      run: () => null,
    });
    const engine = createEngine({ store, tasks: [task] });
    const { send } = await viaFetch.open(createApp({ engine }));
    const { text: page } = await send('GET', '/docs');
    assert.ok(!page.includes('<img'));
    assert.match(page, /&lt;img src=x/);
  });

  it('ask for the token where there is one, in a form, and keep it nowhere', async () => {
    const k = await kit({ token });
    const { send } = await viaFetch.open(k.app);
    const asked = await send('GET', '/docs');
    assert.equal(asked.status, 401);
    assert.match(asked.text, /<form method="post" action="\/docs">/);
    assert.doesNotMatch(asked.text, /strict|operations/);
    const sent = (body: string) => send('POST', '/docs', { headers: form, body });
    for (const body of ['token=rck_of-the-docs-tesT', 'token=', '', `tokens=${token}`]) {
      const refused = await sent(body);
      assert.equal(refused.status, 401, body);
      assert.match(refused.text, /not the token of this server/);
    }
    const shown = await sent(`token=${token}`);
    assert.equal(shown.status, 200);
    assert.equal(shown.headers.get('cache-control'), 'no-store');
    assert.equal(shown.headers.get('set-cookie'), null);
    assert.match(shown.text, /id="readOperation"/);
    assert.ok(!shown.text.includes(token));
    assert.match(shown.text, /authorization: Bearer \$RAINCHECK_TOKEN/);
    const { status } = await send('GET', '/docs', {
      headers: { authorization: `Bearer ${token}` },
    });
    assert.equal(status, 200);
    assert.equal((await sent(`token=${'x'.repeat(3_000)}`)).status, 413);
    await k.stop();
  });
});
