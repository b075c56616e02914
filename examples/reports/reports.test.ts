import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { testKit, type TestKit } from 'raincheck/testing';
import { makeSales } from './make-sales.ts';
import config from './raincheck.config.ts';

describe('the example', () => {
  let t: TestKit;
  before(async () => {
    t = await testKit({ tasks: config.tasks });
  });
  after(() => t[Symbol.asyncDispose]());

  const post = (path: string, input: unknown) =>
    t.rc.fetch(
      new Request(`http://localhost${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', prefer: 'wait=30' },
        body: JSON.stringify(input),
      }),
    );

  it('ships the sales that its generator makes, byte for byte', () => {
    const shipped = readFileSync(new URL('./sales.csv', import.meta.url), 'utf8');
    assert.ok(shipped === makeSales(), 'run: node examples/reports/make-sales.ts');
    assert.equal(shipped.split('\n').length - 2, 50_000);
  });

  for (const type of ['sales_summary', 'top_products']) {
    it(`answers ${type} with a PDF under its name`, async () => {
      const response = await post('/reports', { type, date_range: '2026-01-01..2026-03-31' });
      assert.equal(response.status, 200);
      assert.equal(response.headers.get('content-type'), 'application/pdf');
      const disposition = response.headers.get('content-disposition') ?? '';
      assert.ok(disposition.includes(`${type}_2026-01-01_2026-03-31.pdf`), disposition);
      const pdf = Buffer.from(await response.arrayBuffer());
      assert.equal(pdf.subarray(0, 5).toString(), '%PDF-');
      assert.equal(pdf.subarray(-6).toString(), '%%EOF\n');
    });
  }

  it('makes a report of a period without sales', async () => {
    const response = await post('/reports', {
      type: 'top_products',
      date_range: '2019-02-28..2019-03-01',
    });
    assert.equal(response.status, 200);
    assert.equal(
      Buffer.from(await response.arrayBuffer())
        .subarray(0, 5)
        .toString(),
      '%PDF-',
    );
  });

  for (const date_range of ['2026-01-01', '2026-02-30..2026-03-01', '2026-03-02..2026-03-01']) {
    it(`refuses the period ${date_range} and points at it`, async () => {
      const response = await post('/reports', { type: 'sales_summary', date_range });
      assert.equal(response.status, 422);
      const problem = (await response.json()) as { errors: { pointer: string }[] };
      assert.equal(problem.errors[0]?.pointer, '/date_range');
    });
  }

  it('answers noop with what it was given', async () => {
    const response = await post('/noop', { hello: ['world'] });
    assert.deepEqual(await response.json(), { hello: ['world'] });
  });

  it('tries flaky again until it works, tells of it, and again when it is not heard', async () => {
    const input = { failures: 2 };
    const webhookUrl = 'https://example.com/done';
    t.webhooks.answerWith(503);
    const operation = await t.client.submit('flaky', input, { webhookUrl });
    assert.deepEqual((await t.finished(operation)).result, { attempts: 3 });
    assert.equal((await t.webhooks.next()).status, 503);
    t.webhooks.answerWith(204);
    await t.clock.advance('5s');
    const { url, event } = await t.webhooks.next();
    assert.deepEqual([url, event.type], [webhookUrl, 'operation.completed']);
  });

  it('spins in a thread of its own and goes on answering', async () => {
    const spinning = post('/spin', { seconds: 0.3 });
    const response = await post('/noop', 1);
    assert.equal(response.status, 200);
    const { turns } = (await (await spinning).json()) as { turns: number };
    assert.ok(turns > 0);
  });
});
