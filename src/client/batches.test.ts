import assert from 'node:assert/strict';
import { it } from 'node:test';
import { scriptedServer } from '../../test/support/scripted-server.ts';
import { sampleId, wireOperation } from '../../test/support/wire-samples.ts';
import { createClient } from './client.ts';
import { ProblemError } from './problem.ts';

it('starts batches with their filter, and gives their result', async () => {
  const result = { matched: 3, changed: 2, skipped: 1, failed: 0 };
  await using server = await scriptedServer((request) =>
    request.method === 'POST'
      ? { status: 202, body: wireOperation({ status_url: `/operations/${sampleId}` }) }
      : {
          status: 200,
          body: wireOperation({ status: 'completed', finished_at: '2026-01-01T00:00:09Z', result }),
        },
  );
  const client = createClient({ baseUrl: server.url });
  const since = new Date(0);
  const retry = await client.batchRetry(
    { filter: { task: 'a', since, input: { 'user.id': '4' }, fingerprint: 'f' }, limit: 5 },
    { idempotencyKey: 'k' },
  );
  assert.deepEqual(await retry.result(), result);
  await client.batchCancel({ filter: { status: ['pending'] } });
  await client.batchRemove({ filter: { fingerprint: 'f' } });
  const [one, , two, three] = server.seen;
  assert.equal(one?.path, '/operations:batch-retry');
  assert.equal(one.headers['idempotency-key'], '"k"');
  assert.deepEqual(one.body, {
    filter: {
      task: 'a',
      since: '1970-01-01T00:00:00.000Z',
      input: { 'user.id': '4' },
      fingerprint: 'f',
    },
    limit: 5,
  });
  assert.equal(two?.path, '/operations:batch-cancel');
  assert.deepEqual(two.body, { filter: { status: ['pending'] } });
  assert.equal(three?.path, '/operations:batch-remove');
  assert.deepEqual(three.body, { filter: { fingerprint: 'f' } });
});

it('counts what a batch would take', async () => {
  const count = { dry_run: true, count: 2, count_complete: true, sample: [sampleId] };
  await using server = await scriptedServer(() => ({ status: 200, body: count }));
  const client = createClient({ baseUrl: server.url });
  assert.deepEqual(await client.countBatch('cancel', { filter: {} }), count);
  assert.equal(server.seen[0]?.path, '/operations:batch-cancel');
  assert.deepEqual(server.seen[0].body, { filter: {}, dry_run: true });
});

it('reads errors and dead letters by kind', async () => {
  await using server = await scriptedServer(() => ({
    status: 200,
    body: { groups: [], complete: true },
  }));
  const client = createClient({ baseUrl: server.url });
  const none = { groups: [], complete: true };
  assert.deepEqual(await client.errors({ task: 'a', since: new Date(0), limit: 3 }), none);
  assert.deepEqual(await client.webhooks.deadLetterGroups({ endpoint: 'ep_1' }), none);
  const [errors, groups] = server.seen;
  assert.equal(errors?.path, '/errors');
  assert.deepEqual(Object.fromEntries(errors.query), {
    task: 'a',
    since: '1970-01-01T00:00:00.000Z',
    limit: '3',
  });
  assert.equal(groups?.path, '/webhooks/dead-letters:groups');
  assert.equal(groups.query.get('endpoint'), 'ep_1');
});

it('takes no other answer for one', async () => {
  await using server = await scriptedServer(() => ({ status: 200, body: {} }));
  const client = createClient({ baseUrl: server.url });
  await assert.rejects(client.errors(), ProblemError);
  await assert.rejects(client.countBatch('retry', { filter: {} }), ProblemError);
});
