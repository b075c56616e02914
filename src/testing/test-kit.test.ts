import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { OperationFailed, WaitTimeout } from '../client/problem.ts';
import { verifyWebhook } from '../client/verify-webhook.ts';
import { defineTask } from '../engine/define-task.ts';
import { raincheck } from '../server/raincheck.ts';
import { testKit } from './test-kit.ts';

const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
const hook = 'http://localhost:9999/hook';
let failures = 0;
const tasks = [
  defineTask('echo', { run: ({ input }) => input }),
  defineTask('stuck', { attempts: 1, run: () => new Promise<never>(() => undefined) }),
  defineTask('flaky', {
    attempts: 10,
    retry: { base: '1m' },
    run() {
      failures += 1;
      if (failures % 6 !== 0) throw new Error('not yet');
      return failures;
    },
  }),
  defineTask('file', { run: async () => (await readFile(import.meta.filename)).byteLength }),
] as const;

describe('The test kit', () => {
  it('times out what takes too long, when the test says that so much time has passed', async () => {
    await using t = await testKit({ tasks });
    const operation = await t.client.submit('stuck', null);
    const refused = assert.rejects(
      operation.result(),
      (error) => error instanceof OperationFailed && error.code === 'timeout',
    );
    const impatient = assert.rejects(operation.wait({ timeout: '5m' }), WaitTimeout);
    await t.clock.advance('9m');
    await impatient;
    assert.equal((await operation.status()).status, 'processing');
    await t.clock.advance('2m');
    await refused;
  });

  it('goes over every back-off and every delay to the end, and waits for what handlers do', async () => {
    await using t = await testKit({ tasks });
    const since = t.clock.now();
    const tried = await t.finished(await t.client.submit('flaky', null));
    assert.deepEqual([tried.status, tried.attempt], ['completed', 6]);
    assert.ok(t.clock.now() - since < 6 * 16 * 60_000);
    const read = await t.finished(await t.client.submit('file', null));
    assert.ok(Number(read.result) > 100);
    const later = await t.client.submit('echo', 'later', { delay: '3h' });
    const before = t.clock.now();
    assert.equal((await t.finished(later.id)).result, 'later');
    assert.equal(t.clock.now() - before, 3 * 3_600_000);
  });

  it('forgets what is over when its time has come', async () => {
    await using t = await testKit({ tasks });
    const operation = await t.client.submit('echo', 1);
    await t.finished(operation);
    t.clock.jump(8 * 86_400_000);
    await t.clock.advance('1m');
    await assert.rejects(operation.status(), { code: 'operation_gone' });
  });

  it('catches webhooks, signed, and sends again what was not taken', async () => {
    await using t = await testKit({ tasks, webhooks: { secret } });
    await assert.rejects(
      t.webhooks.next(),
      /No webhook is due at 2026-01-01T00:00:00.000Z; 0 were/,
    );
    t.webhooks.answerWith(500);
    const operation = await t.client.submit('echo', { a: 1 }, { webhookUrl: hook });
    await t.finished(operation);
    const first = await t.webhooks.next();
    assert.deepEqual(
      [first.url, first.status, first.event.type],
      [hook, 500, 'operation.completed'],
    );
    const verified = await verifyWebhook(first.body, first.headers, [secret], { clock: t.clock });
    assert.deepEqual(verified, first.event);
    await assert.rejects(t.webhooks.next(), /1 were sent before/);
    await t.clock.advance('5s');
    t.webhooks.answerWith((webhook) =>
      webhook.id === first.id ? { status: 503, headers: { 'retry-after': '3600' } } : 204,
    );
    await t.clock.advance('30s');
    assert.deepEqual(
      t.webhooks.all.map(({ status, at }) => [status, at - first.at]),
      [
        [500, 0],
        [500, 5_000],
        [503, 35_000],
      ],
    );
    t.webhooks.answerWith(204);
    await t.clock.advance('59m');
    assert.equal(t.webhooks.all.length, 3, 'Retry-After holds');
    await t.clock.advance('2m');
    assert.equal(t.webhooks.all.length, 4);
    await t.clock.advance('2h');
    assert.equal(t.webhooks.all.length, 4, 'delivered is delivered');
  });

  it('takes tasks and basePath of a raincheck(), and leaves that alone', async () => {
    const rc = raincheck({ tasks, store: 'memory:', basePath: '/ops' });
    await using t = await testKit(rc);
    const operation = await t.client.submit('echo', 1);
    assert.match(operation.url, /\/ops\/operations\//);
    assert.equal((await t.finished(operation)).result, 1);
    const listed = await rc.fetch(new Request('http://localhost/ops/operations'));
    assert.deepEqual(await listed.json(), { operations: [], next_cursor: null });
    await rc.stop();
  });

  it('says so when nothing will finish', async () => {
    await using t = await testKit({ tasks });
    const pause = new Request('http://localhost/tasks/echo/pause', { method: 'POST' });
    assert.equal((await t.rc.fetch(pause)).status, 200);
    const { id } = await t.client.submit('echo', 1);
    await assert.rejects(t.finished(id), {
      message: `The task 'echo' is paused: ${id} waits until it is resumed.`,
    });
    await assert.rejects(t.clock.advance('soon' as '1s'), { code: 'invalid_option' });
  });
});
