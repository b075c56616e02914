import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { RaincheckError, type ErrorCode } from '../core/errors.ts';
import { isOperationId } from '../core/id.ts';
import { defineTask } from './define-task.ts';
import { engineFixture } from './engine.fixture.ts';
import type { Submission } from './engine.ts';
import type { StandardSchema } from './standard-schema.ts';

const run = (): null => null;
const plain = defineTask('plain', { run });

function code(expected: ErrorCode, message = /./) {
  return (error: unknown): boolean => {
    assert.ok(error instanceof RaincheckError, String(error));
    assert.equal(error.code, expected);
    assert.match(error.message, message);
    return true;
  };
}

test('an accepted operation carries what the task and the request say', async (t) => {
  const task = defineTask('plain', {
    run,
    attempts: 4,
    priority: 2,
    queueTimeout: '10s',
    deadline: '1m',
    retention: '2d',
  });
  const f = await engineFixture(t, [task], { start: false });
  const now = f.clock.now();
  const own = await f.submit({ a: 1 }, { labels: { team: 'acme' }, traceparent: '00-ab-cd-01' });
  assert.ok(isOperationId(own.id));
  assert.deepEqual(
    [own.attemptsMax, own.priority, own.retentionMs, own.waitUntil, own.deadlineAt],
    [4, 2, 172_800_000, now + 10_000, now + 60_000],
  );
  assert.deepEqual([own.labels, own.traceparent], [{ team: 'acme' }, '00-ab-cd-01']);
  assert.equal(await f.store.readInput({ id: own.id }), '{"a":1}');
  const asked = await f.submit(null, {
    priority: -7,
    notBefore: now + 20_000,
    deadlineAt: now + 30_000,
  });
  assert.deepEqual(
    [asked.priority, asked.state, asked.readyAt, asked.waitUntil, asked.deadlineAt],
    [-7, 'scheduled', now + 20_000, now + 30_000, now + 30_000],
  );
  const late = await f.submit(null, { deadlineAt: now + 3_600_000 });
  assert.equal(late.deadlineAt, now + 60_000, 'the earlier of both deadlines holds');
  const past = await f.submit(null, { notBefore: now - 5_000 });
  assert.deepEqual([past.state, past.readyAt], ['ready', now]);
});

test('ids are unique and sort by time', async (t) => {
  const f = await engineFixture(t, [plain], { start: false });
  const ids: string[] = [];
  for (let i = 0; i < 1_000; i += 1) ids.push((await f.submit()).id);
  assert.equal(new Set(ids).size, 1_000);
  await f.clock.advance(1);
  const later = (await f.submit()).id;
  assert.ok(ids.every((id) => id < later));
});

test('an input that does not fit is refused with a pointer to each fault, and nothing is stored', async (t) => {
  const task = defineTask('reports', {
    input: z.object({ type: z.enum(['a', 'b']), 'x/y~z': z.array(z.object({ n: z.number() })) }),
    run,
  });
  const f = await engineFixture(t, [task], { start: false });
  await assert.rejects(f.submit({ type: 'c', 'x/y~z': [{ n: 1 }, { n: 'no' }] }), (error) => {
    assert.ok(code('validation_failed', /does not fit task reports/)(error));
    assert.deepEqual(
      (error as RaincheckError).errors?.map(({ pointer }) => pointer),
      ['/type', '/x~1y~0z/1/n'],
    );
    return true;
  });
  const page = await f.engine.list({ filter: {}, limit: 10, beforeId: null });
  assert.deepEqual(page.operations, []);
});

test('an async validator works, and one that throws refuses the input', async (t) => {
  const schema: StandardSchema<number> = {
    '~standard': {
      version: 1,
      vendor: 'test',
      async validate(value) {
        await Promise.resolve();
        if (value === 3) throw new Error('lookup failed');
        return value === 4 ? { issues: [{ message: 'must be odd' }] } : { value: value as number };
      },
    },
  };
  const task = defineTask('odd', { input: schema, run: ({ input }) => input });
  const f = await engineFixture(t, [task]);
  assert.equal((await f.final((await f.submit(5)).id)).result?.inline, '5');
  await assert.rejects(f.submit(4), code('validation_failed', /must be odd/));
  await assert.rejects(f.submit(3), code('validation_failed', /lookup failed/));
});

test('defaults and transforms of the schema reach the handler, the store keeps what came', async (t) => {
  const task = defineTask('greet', {
    input: z.object({
      name: z.string().transform((s) => s.length),
      loud: z.boolean().default(true),
    }),
    run: ({ input }) => input,
  });
  const f = await engineFixture(t, [task]);
  const { id } = await f.submit({ name: 'Ann' });
  assert.equal((await f.final(id)).result?.inline, '{"name":3,"loud":true}');
  assert.equal(await f.store.readInput({ id }), '{"name":"Ann"}');
});

test('the concurrency key is that of the validated input', async (t) => {
  const task = defineTask('keyed', {
    input: z.object({ type: z.string().default('none') }),
    concurrency: { limit: 1, key: (input) => input.type },
    run,
  });
  const f = await engineFixture(t, [task], { start: false });
  assert.equal((await f.submit({})).concurrencyKey, 'none');
});

const badKeys: [string, () => unknown, RegExp][] = [
  [
    'throws',
    () => {
      throw new Error('no type');
    },
    /cannot be told: no type/,
  ],
  ['gives a number', () => 5, /not a text of at most 200: number/],
  ['gives too long a text', () => 'x'.repeat(201), /201 characters/],
  ['gives a NUL', () => 'a\0', /not a text/],
];
for (const [what, key, message] of badKeys) {
  test(`a concurrency key that ${what} refuses the input`, async (t) => {
    const task = defineTask('keyed', { concurrency: { limit: 1, key: key as () => string }, run });
    const f = await engineFixture(t, [task], { start: false });
    await assert.rejects(f.submit(), code('validation_failed', message));
  });
}

const badRequests: [string, (now: number) => Partial<Submission>, RegExp][] = [
  ['a priority of 101', () => ({ priority: 101 }), /`priority`/],
  ['half a priority', () => ({ priority: 0.5 }), /`priority`/],
  [
    'a start too far ahead',
    (now) => ({ notBefore: now + 367 * 86_400_000 }),
    /`not_before` is too far/,
  ],
  ['a start that is no instant', () => ({ notBefore: NaN }), /`not_before`/],
  ['a deadline in the past', (now) => ({ deadlineAt: now }), /`deadline` is over before/],
  [
    'a deadline before the start',
    (now) => ({ notBefore: now + 10, deadlineAt: now + 9 }),
    /`deadline`/,
  ],
  ['an empty key', () => ({ idempotency: { key: '', fingerprint: 'f' } }), /`Idempotency-Key`/],
  [
    'a long key',
    () => ({ idempotency: { key: 'x'.repeat(256), fingerprint: 'f' } }),
    /`Idempotency-Key`/,
  ],
  [
    '17 labels',
    () => ({ labels: Object.fromEntries(Array.from({ length: 17 }, (_, i) => [i, 'x'])) }),
    /`label`/,
  ],
  ['a label without a name', () => ({ labels: { '': 'x' } }), /`label`/],
  ['a long label', () => ({ labels: { team: 'x'.repeat(257) } }), /`label\.team`/],
  ['a label with a lone surrogate', () => ({ labels: { team: '\ud800' } }), /`label\.team`/],
];
for (const [what, options, message] of badRequests) {
  test(`${what} is an invalid request that names the field`, async (t) => {
    const f = await engineFixture(t, [plain], { start: false });
    await assert.rejects(f.submit(null, options(f.clock.now())), code('invalid_request', message));
  });
}

test('an unknown task is task_not_found', async (t) => {
  const f = await engineFixture(t, [plain], { start: false });
  await assert.rejects(f.submit(null, { task: 'plian' }), code('task_not_found', /`plian`/));
});

test('one key makes one operation, racing and later; another request with it is refused', async (t) => {
  const f = await engineFixture(t, [plain]);
  const submit = (fingerprint = 'f') =>
    f.engine.submit({
      task: 'plain',
      tenant: '',
      input: { value: 1, text: '1' },
      idempotency: { key: 'k', fingerprint },
    });
  const raced = await Promise.all(Array.from({ length: 8 }, () => submit()));
  assert.equal(new Set(raced.map(({ operation }) => operation.id)).size, 1);
  assert.equal(raced.filter(({ replayed }) => !replayed).length, 1);
  const { id } = raced[0]!.operation;
  await f.final(id);
  f.clock.stall(86_400_000 - 1); // advance() would sweep 86,400 times
  assert.deepEqual([(await submit()).replayed, (await submit()).operation.id], [true, id]);
  await assert.rejects(submit('other'), code('idempotency_key_reused'));
  await f.engine.remove({ id, tenant: '' });
  await assert.rejects(submit(), code('operation_gone'));
});

test('a full queue refuses with the time to wait', async (t) => {
  const task = defineTask('slow', { pendingMax: 2, estimate: '7s', run });
  const f = await engineFixture(t, [task], { start: false });
  await f.submit();
  await f.submit();
  await assert.rejects(f.submit(), (error) => {
    assert.ok(code('queue_full', /2 of at most 2/)(error));
    assert.equal((error as RaincheckError).retryAfterSeconds, 7);
    return true;
  });
  const g = await engineFixture(t, [plain], { start: false, pendingMax: 1 });
  await g.submit();
  await assert.rejects(g.submit(), code('queue_full'));
});

test('a failed operation can be retried as a new one, with its input or an edited one', async (t) => {
  const task = defineTask('picky', {
    input: z.object({ ok: z.boolean() }),
    attempts: 1,
    run({ input }) {
      if (!input.ok) throw new Error('not ok');
      return 'fine';
    },
  });
  const f = await engineFixture(t, [task]);
  const failed = await f.final(
    (await f.submit({ ok: false }, { labels: { a: 'b' }, priority: 3 })).id,
  );
  assert.equal(failed.state, 'failed');
  const { operation: same } = await f.engine.retry({ id: failed.id, tenant: '' });
  assert.deepEqual([same.retryOf, same.labels, same.priority], [failed.id, { a: 'b' }, 3]);
  assert.notEqual(same.id, failed.id);
  assert.equal((await f.final(same.id)).state, 'failed');
  const input = { value: { ok: true }, text: '{"ok":true}' };
  const { operation: edited } = await f.engine.retry({ id: failed.id, tenant: '', input });
  const done = await f.final(edited.id);
  assert.equal(done.result?.inline, '"fine"');
  await assert.rejects(f.engine.retry({ id: done.id, tenant: '' }), code('operation_not_failed'));
  const wrong = { value: { ok: 1 }, text: '{"ok":1}' };
  await assert.rejects(
    f.engine.retry({ id: failed.id, tenant: '', input: wrong }),
    code('validation_failed'),
  );
});

test('what is not failed is refused a retry with the status that clients know', async (t) => {
  const f = await engineFixture(t, [plain], { start: false });
  const { id } = await f.submit();
  await assert.rejects(f.engine.retry({ id, tenant: '' }), {
    code: 'operation_not_failed',
    message: `Only a failed operation can be retried; ${id} is pending.`,
  });
});

test("another tenant's operation is not found, whatever is asked", async (t) => {
  const f = await engineFixture(t, [plain]);
  const { id } = await f.submit();
  const key = { id, tenant: 'other' };
  const asks = [
    f.engine.read(key),
    f.engine.cancel(key),
    f.engine.remove(key),
    f.engine.attempts(key),
    f.engine.retry(key),
    f.engine.waitFor({ ...key, until: 'final', version: 0, timeoutMs: 1 }),
  ];
  for (const ask of asks) await assert.rejects(ask, code('operation_not_found'));
});

test('a removed operation is gone, one that never was is not found', async (t) => {
  const f = await engineFixture(t, [plain]);
  const { id } = await f.final((await f.submit()).id);
  assert.equal(await f.engine.remove({ id, tenant: '' }), 'removed');
  await assert.rejects(f.read(id), code('operation_gone'));
  const other = id.endsWith('0') ? '1' : '0';
  await assert.rejects(f.read(`${id.slice(0, -1)}${other}`), code('operation_not_found'));
});

test('removing what is not final cancels it', async (t) => {
  const f = await engineFixture(t, [plain], { start: false });
  const { id } = await f.submit();
  assert.equal(await f.engine.remove({ id, tenant: '' }), 'cancel_requested');
  assert.equal((await f.read(id)).error?.code, 'cancelled');
});
