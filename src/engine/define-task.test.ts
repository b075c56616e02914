import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { RaincheckError } from '../core/errors.ts';
import { defineTask } from './define-task.ts';
import type { Task } from './task.ts';

const run = (): number => 1;

test('defaults are filled in and durations are milliseconds', () => {
  const { run: _run, ...task } = defineTask('reports', { run });
  assert.deepEqual(task, {
    name: 'reports',
    path: '/reports',
    description: null,
    schema: null,
    inputJsonSchema: null,
    timeoutMs: 600_000,
    queueTimeoutMs: null,
    deadlineMs: null,
    attemptsMax: 3,
    retry: { baseMs: 1000, factor: 2, capMs: 600_000 },
    concurrency: null,
    keyConcurrency: null,
    concurrencyKey: null,
    priority: 0,
    pendingMax: null,
    retentionMs: 7 * 86_400_000,
    estimateMs: null,
    resultBytesMax: 64 * 1_048_576,
    redact: [],
    inputMask: null,
    isolateModule: null,
  });
});

test('every option arrives', () => {
  const key = (): string => 'k';
  const task = defineTask('reports', {
    run,
    path: '/v1/reports',
    description: 'Makes a report.',
    timeout: null,
    queueTimeout: '1h',
    deadline: '2h',
    attempts: 5,
    retry: { base: '2s', factor: 3, cap: '1m' },
    concurrency: { limit: 2, key, total: 9 },
    priority: -3,
    pendingMax: 10,
    retention: '2d',
    estimate: '30s',
    resultBytesMax: 1000,
    isolate: { module: import.meta.url },
  });
  assert.equal(task.path, '/v1/reports');
  assert.equal(task.description, 'Makes a report.');
  assert.deepEqual(
    [task.timeoutMs, task.queueTimeoutMs, task.deadlineMs],
    [null, 3_600_000, 7_200_000],
  );
  assert.deepEqual([task.attemptsMax, task.priority, task.pendingMax], [5, -3, 10]);
  assert.deepEqual(task.retry, { baseMs: 2000, factor: 3, capMs: 60_000 });
  assert.deepEqual([task.concurrency, task.keyConcurrency], [9, 2]);
  assert.equal(task.concurrencyKey, key);
  assert.deepEqual([task.retentionMs, task.estimateMs], [172_800_000, 30_000]);
  assert.deepEqual([task.resultBytesMax, task.isolateModule], [1000, import.meta.url]);
});

test('a path may have dots beside other characters', () => {
  for (const path of ['/.well-known/x', '/a..', '/..a', '/...', '/v1.2/x']) {
    assert.equal(defineTask('x', { run, path }).path, path);
  }
});

test('the longest delay between attempts is no shorter than the first', () => {
  const define = (retry: NonNullable<Parameters<typeof defineTask>[1]['retry']>) =>
    defineTask('slow', { run, retry }).retry;
  assert.equal(define({ base: '1h' }).capMs, 3_600_000, 'not cut to the default');
  assert.equal(define({ base: '1h', cap: '2h' }).capMs, 7_200_000);
  assert.throws(() => define({ base: '1h', cap: '1m' }), {
    code: 'invalid_option',
    message: /^Expected `slow\.retry\.cap` to be no shorter than `slow\.retry\.base`, got '1m'/,
  });
});

test('what is redacted is a path of the input, and one that its schema knows', () => {
  const input = z.object({
    apiKey: z.string(),
    cards: z.array(z.object({ number: z.string() })),
    open: z.looseObject({ a: z.string() }),
  });
  const define = (redact: unknown, schema: unknown = input): Task =>
    defineTask('pay', { run, input: schema, redact } as Parameters<typeof defineTask>[1]);
  const refused: readonly (readonly [redact: unknown, why: RegExp])[] = [
    ['input.apiKey', /^Expected `pay\.redact` to be an array like \['input\.apiKey'\]/],
    [[7], /^Expected `pay\.redact\[0\]` to be a path like 'input\.apiKey'/],
    [['input.apiKey', 'apiKey'], /`pay\.redact\[1\]` .*; did you mean 'input\.apiKey'\?/],
    [['result.key'], /to be a path like 'input\.apiKey'/],
    [['input.'], /digits/],
    [['input.cards.0.number'], /digits/],
    [[`input.${'a'.repeat(201)}`], /digits/],
    [Array.from({ length: 51 }, () => 'input.apiKey'), /of at most 50/],
    [
      ['input.apikey'],
      /`pay\.redact\[0\]` names `input\.apikey`, .* Did you mean `input\.apiKey`\?/,
    ],
    [['input.cards.nummer'], /Did you mean `input\.cards\.number`\?/],
    [['input.other'], /Known: input\.apiKey, input\.cards, input\.open\./],
  ];
  for (const [redact, why] of refused) {
    assert.throws(() => define(redact), { code: 'invalid_option', message: why });
  }
  const taken = ['input.apiKey', 'input.cards.number', 'input.open.a'];
  assert.deepEqual(define(taken).redact, taken);
  assert.ok(defineTask('pay', { run, redact: ['input.whatever'] }));
  // @ts-expect-error only of the input
  assert.throws(() => defineTask('pay', { run, redact: ['apiKey'] }));
});

test('input and output types come from the schema and from run', () => {
  const task = defineTask('sum', {
    input: z.object({ n: z.string().transform(Number) }),
    concurrency: { limit: 1, key: (input) => input.n.toFixed(0) },
    async run({ input }) {
      return { total: input.n + 1 };
    },
  });
  const typed: Task<'sum', { n: string }, { total: number }> = task;
  // @ts-expect-error the input is what is sent, not what the handler sees
  const wrong: Task<'sum', { n: number }, { total: number }> = task;
  assert.equal(typed, wrong);
});

test('the JSON Schema of a zod input is that of what is sent', () => {
  const task = defineTask('sum', { input: z.object({ n: z.number().default(1) }), run });
  const { $schema, ...schema } = task.inputJsonSchema ?? {};
  assert.equal($schema, 'https://json-schema.org/draft/2020-12/schema');
  assert.deepEqual(schema, {
    type: 'object',
    properties: { n: { type: 'number', default: 1 } },
  });
});

test('a schema that JSON Schema cannot say is no error', () => {
  assert.equal(defineTask('when', { input: z.date(), run }).inputJsonSchema, null);
});

const wrong: [string, string, Record<string, unknown>, RegExp][] = [
  ['a name with a slash', 'a/b', { run }, /`name` to be a name of letters/],
  ['an empty name', '', { run }, /`name` to be/],
  ['no run', 'x', {}, /`x\.run` to be a function, got undefined/],
  [
    'a typo',
    'x',
    { run, timout: 1 },
    /Unknown option `timout` in task x\. Did you mean `timeout`\?/,
  ],
  ['a timeout in words', 'x', { run, timeout: 'soon' }, /`x\.timeout` to be a duration.*"soon"/],
  ['a timeout of nothing', 'x', { run, timeout: 0 }, /`x\.timeout` to be a duration from 1ms/],
  ['a timeout of years', 'x', { run, timeout: '400d' }, /`x\.timeout`/],
  [
    'no attempts',
    'x',
    { run, attempts: 0 },
    /`x\.attempts` to be an integer from 1 to 1000, got 0/,
  ],
  ['a path with a parameter', 'x', { run, path: '/a/:id' }, /`x\.path` to be a path like/],
  ['a path with a trailing slash', 'x', { run, path: '/a/' }, /`x\.path`/],
  ['a path with a space', 'x', { run, path: '/a b' }, /`x\.path`/],
  ['a path that climbs', 'x', { run, path: '/..' }, /`x\.path` .*none is '\.' or '\.\.'/],
  ['a path that stays', 'x', { run, path: '/.' }, /`x\.path`/],
  ['a path that climbs midway', 'x', { run, path: '/a/../b' }, /`x\.path`/],
  ['a path that ends in a climb', 'x', { run, path: '/a/..' }, /`x\.path`/],
  ['a path that climbs in another spelling', 'x', { run, path: '/%2e%2e/b' }, /`x\.path`/],
  [
    'a schema that is none',
    'x',
    { run, input: { type: 'object' } },
    /`x\.input` to be a Standard Schema/,
  ],
  [
    'a retention too short',
    'x',
    { run, retention: '1h' },
    /`x\.retention` to be a duration from 1d to 366d/,
  ],
  [
    'a retry factor below 1',
    'x',
    { run, retry: { factor: 0.5 } },
    /`x\.retry\.factor` to be a number/,
  ],
  ['an unknown retry member', 'x', { run, retry: { bas: 1 } }, /Unknown option `bas`.*`base`/],
  ['a concurrency of 0', 'x', { run, concurrency: 0 }, /`x\.concurrency` to be an integer from 1/],
  ['a concurrency without key', 'x', { run, concurrency: { limit: 1 } }, /`x\.concurrency\.key`/],
  [
    'a concurrency without limit',
    'x',
    { run, concurrency: { key: run } },
    /`x\.concurrency\.limit`/,
  ],
  [
    'a priority of 101',
    'x',
    { run, priority: 101 },
    /`x\.priority` to be an integer from -100 to 100/,
  ],
  ['a path as isolate', 'x', { run, isolate: './a.ts' }, /`x\.isolate` to be true, false or/],
  ['a module that is no URL', 'x', { run, isolate: { module: './a.ts' } }, /`x\.isolate\.module`/],
];
for (const [what, name, options, message] of wrong) {
  test(`${what} is refused as invalid_option`, () => {
    assert.throws(
      () => defineTask(name, options as never),
      (error: unknown) =>
        error instanceof RaincheckError &&
        error.code === 'invalid_option' &&
        message.test(error.message),
    );
  });
}
