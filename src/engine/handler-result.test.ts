import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Readable } from 'node:stream';
import { file, type FileContent } from './file.ts';
import { productOf, type HandlerProduct } from './handler-result.ts';

const mib = 1_048_576;

async function okOf(value: unknown): Promise<HandlerProduct & { ok: true }> {
  const product = await productOf(value, mib);
  assert.ok(product.ok, JSON.stringify(product));
  return product;
}

async function failureOf(value: unknown, bytesMax = mib): Promise<[string, string]> {
  const product = await productOf(value, bytesMax);
  assert.ok(!product.ok);
  assert.equal(product.retryable, false);
  return [product.error.code, product.error.detail];
}

test('JSON stays as JSON.stringify writes it; undefined is null', async () => {
  const date = new Date(0);
  class Point {
    readonly x = 1;
  }
  const values = [
    null,
    0,
    '',
    'ä',
    true,
    [1, [2]],
    { a: { b: undefined } },
    NaN,
    date,
    new Point(),
  ];
  for (const value of values) {
    const { result, body } = await okOf(value);
    assert.equal(result.inline, JSON.stringify(value));
    assert.equal(result.sizeBytes, Buffer.byteLength(JSON.stringify(value)));
    assert.deepEqual([result.contentType, result.name, body], ['application/json', null, null]);
  }
  assert.equal((await okOf(undefined)).result.inline, 'null');
  assert.equal((await okOf({ toJSON: () => undefined })).result.inline, 'null');
});

test('JSON of 16 KiB is inline, one byte more is not', async () => {
  const inline = await okOf('x'.repeat(16_384 - 2));
  assert.equal(inline.result.inline?.length, 16_384);
  assert.equal(inline.body, null);
  const apart = await okOf('x'.repeat(16_384 - 1));
  assert.equal(apart.result.inline, null);
  assert.equal(Buffer.from(apart.body ?? []).toString(), `"${'x'.repeat(16_383)}"`);
  const wide = await okOf('ä'.repeat(10_000));
  assert.equal(wide.result.inline, null, 'bytes count, not characters');
});

test('the tag is strong, quoted, and tells contents apart', async () => {
  const tag = (await okOf({ a: 1 })).result.etag;
  assert.match(tag, /^"r-[\w-]{22}"$/);
  assert.equal((await okOf({ a: 1 })).result.etag, tag);
  assert.notEqual((await okOf({ a: 2 })).result.etag, tag);
});

function cycle(): object {
  const value: Record<string, unknown> = {};
  value['self'] = { value };
  return value;
}

/** Throws a value that is not an Error. */
function rejectedly(): never {
  throw undefined as unknown as Error;
}

function nested(depth: number): unknown {
  let value: unknown = 1;
  for (let i = 0; i < depth; i += 1) value = [value];
  return value;
}

const hostile: [string, () => unknown, RegExp][] = [
  ['a BigInt', () => ({ n: [1n] }), /a bigint/],
  ['a function', () => () => 1, /a function/],
  ['a member that is a function', () => ({ f: () => 1 }), /a function/],
  ['a symbol', () => [Symbol('s')], /a symbol/],
  ['a cycle', cycle, /nested deeper than 256 levels, or refers to itself/],
  ['100,000 levels', () => nested(100_000), /nested deeper/],
  ['a Map', () => ({ m: new Map([[1, 2]]) }), /a Map/],
  ['a Set', () => [new Set([1])], /a Set/],
  ['a Promise inside', () => ({ p: Promise.resolve(1) }), /is an await missing/],
  ['bytes', () => new Uint8Array(3), /return file\(bytes/],
  ['a file inside', () => ({ f: file('x') }), /must be the whole result/],
  [
    'a toJSON that throws',
    () => ({
      toJSON: () => {
        throw new Error('no');
      },
    }),
    /cannot be turned into JSON: no/,
  ],
  ['a toJSON that gives a BigInt', () => ({ toJSON: () => 1n }), /cannot be turned into JSON/],
  [
    'a getter that throws undefined',
    () => Object.defineProperty({}, 'a', { enumerable: true, get: () => rejectedly() }),
    /cannot be turned into JSON/,
  ],
  [
    'a Proxy whose traps throw',
    () =>
      new Proxy(
        {},
        {
          getPrototypeOf: () => {
            throw new Error('trap');
          },
          has: () => {
            throw new Error('trap');
          },
        },
      ),
    /cannot be turned into JSON: trap/,
  ],
  [
    'a revoked Proxy',
    () => {
      const { proxy, revoke } = Proxy.revocable({}, {});
      revoke();
      return proxy;
    },
    /cannot be turned/,
  ],
];
for (const [what, make, detail] of hostile) {
  test(`${what} is a clean result_invalid`, async () => {
    const [code, text] = await failureOf(make());
    assert.equal(code, 'result_invalid');
    assert.match(text, detail);
  });
}

test('256 levels are fine', async () => {
  await okOf(nested(256));
});

test('too much is result_too_large, in every form', async () => {
  async function* endless(): AsyncGenerator<Uint8Array> {
    for (;;) yield new Uint8Array(50);
  }
  const shared = Array.from({ length: 40 }).reduce<unknown>((below) => [below, below], 'x');
  const values = [
    'x'.repeat(99),
    'ä'.repeat(60),
    file('x'.repeat(101)),
    file('ä'.repeat(60)),
    file(new Uint8Array(101)),
    file(endless()),
    shared, // 2^40 members when written out
  ];
  for (const value of values) {
    const [code, detail] = await failureOf(value, 100);
    assert.equal(code, 'result_too_large');
    assert.match(detail, /larger than 100 bytes/);
  }
  assert.ok((await productOf('x'.repeat(98), 100)).ok);
});

test('a file keeps bytes, type and name, whatever form it comes in', async () => {
  const bytes = Buffer.from('a,b\n1,2\n');
  const forms: FileContent[] = [
    'a,b\n1,2\n',
    bytes,
    [bytes.subarray(0, 3), bytes.subarray(3)],
    Readable.from([bytes.subarray(0, 3), bytes.subarray(3)]),
    Readable.from(['a,b\n', '1,2\n']),
    new Blob([bytes]).stream(),
  ];
  for (const form of forms) {
    const { result, body } = await okOf(file(form, { type: 'text/csv', name: 'ä.csv' }));
    assert.deepEqual(Buffer.from(body ?? []), bytes);
    const { etag, ...rest } = result;
    assert.match(etag, /^"r-/);
    assert.deepEqual(rest, { contentType: 'text/csv', name: 'ä.csv', sizeBytes: 8, inline: null });
  }
});

test('a stream that fails is a failed attempt, one that yields nonsense an invalid result', async () => {
  const broken = Readable.from(
    (async function* () {
      yield Buffer.from('a');
      throw new Error('disk gone');
    })(),
  );
  const product = await productOf(file(broken), mib);
  assert.ok(!product.ok);
  assert.deepEqual(
    [product.error.code, product.error.detail, product.retryable],
    ['task_error', 'disk gone', true],
  );
  assert.equal((await failureOf(file([1, 2] as never)))[0], 'result_invalid');
});
