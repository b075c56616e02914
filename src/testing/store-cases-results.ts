import assert from 'node:assert/strict';
import { limits } from '../core/limits.ts';
import type { Operation, Result } from '../core/operation.ts';
import { inlineResult, tokenOf, type StoreBench, type StoreCase } from './store-bench.ts';

const chunk = limits.resultChunkBytes;

/** Results: inline in the record, or as separate bytes. */
export const resultCases: readonly StoreCase[] = [
  {
    title: 'an inline result is in the record and nowhere else',
    async run(bench) {
      for (const json of ['null', '""', '{"a":"é🧾\\u0000"}', `"${'x'.repeat(16_000)}"`]) {
        const result = inlineResult(json);
        const done = await bench.completed({}, result);
        assert.deepStrictEqual(done.result, result);
        await bench.assertRecord(done);
        assert.equal((await bench.readResult(done.id, 0, 100)).length, 0);
      }
    },
  },
  {
    title: 'a stored result keeps its name, type and length',
    async run(bench) {
      const body = new Uint8Array([0, 1, 255, 10]);
      const { operation, result } = await stored(bench, body, 'Bericht "März" 🧾.pdf');
      assert.deepStrictEqual(operation.result, result);
      await bench.assertRecord(operation);
      assert.deepStrictEqual(await bench.readResult(operation.id, 0, 4), body);
    },
  },
  {
    title: 'ranges of a stored result are exact, over chunk borders too',
    async run(bench) {
      const body = pattern(chunk * 2 + 1234);
      const { operation } = await stored(bench, body);
      const size = body.length;
      for (const [start, end] of [
        [0, size],
        [0, 1],
        [size - 1, size],
        [chunk - 1, chunk],
        [chunk, chunk + 1],
        [chunk - 1, chunk + 1],
        [chunk - 5, 2 * chunk + 5],
        [chunk, 2 * chunk],
        [2 * chunk - 1, size],
        [5, 5],
        [size, size + 10],
        [size - 3, size + 10],
      ] as const) {
        const read = await bench.readResult(operation.id, start, end);
        assert.ok(Buffer.from(read).equals(body.subarray(start, end)), `${start}..${end}`);
      }
    },
  },
  {
    title: 'no chunk is larger than the limit, none is empty',
    async run(bench) {
      const { operation } = await stored(bench, pattern(chunk * 3));
      let length = 0;
      const range = { id: operation.id, start: 7, end: chunk * 3 - 7 };
      for await (const bytes of bench.store.readResult(range)) {
        assert.ok(bytes.length > 0 && bytes.length <= chunk);
        length += bytes.length;
      }
      assert.equal(length, chunk * 3 - 14);
    },
  },
  {
    title: 'results of exactly one chunk, one more and nothing at all come back',
    async run(bench) {
      for (const size of [0, 1, chunk - 1, chunk, chunk + 1]) {
        const body = pattern(size);
        const { operation } = await stored(bench, body);
        const read = await bench.readResult(operation.id, 0, size);
        assert.ok(Buffer.from(read).equals(body), `${size} bytes`);
      }
    },
  },
  {
    title: 'two results never mix',
    async run(bench) {
      const one = await stored(bench, new Uint8Array(chunk + 5).fill(1));
      const two = await stored(bench, new Uint8Array(chunk + 5).fill(2));
      await bench.remove(one.operation.id);
      assert.equal((await bench.readResult(one.operation.id, 0, chunk + 5)).length, 0);
      const read = await bench.readResult(two.operation.id, 0, chunk + 5);
      assert.ok(read.length === chunk + 5 && read.every((byte) => byte === 2));
    },
  },
  {
    title: 'bytes from a lost lease do not replace a result',
    async run(bench) {
      const { operation: old } = await bench.running().then((operation) => ({ operation }));
      await bench.sweep({ workerDead: true });
      const [held] = await bench.claim();
      const body = pattern(1000);
      const done = await store(bench, held!.operation, body);
      const result = { ...done.result!, etag: '"late"', sizeBytes: 3 };
      const late = { type: 'completed', id: old.id, token: tokenOf(old), result } as const;
      const outcomes = await bench.settle({ ...late, body: new Uint8Array(3) });
      assert.deepStrictEqual(outcomes, ['lost']);
      await bench.assertRecord(done);
      assert.deepStrictEqual(await bench.readResult(done.id, 0, 1000), body);
    },
  },
  {
    title: 'what the caller does to its bytes afterwards changes nothing kept',
    async run(bench) {
      const body = pattern(100);
      const { operation } = await stored(bench, body);
      body.fill(0);
      const read = await bench.readResult(operation.id, 0, 100);
      assert.deepStrictEqual(read, pattern(100));
      read.fill(0);
      assert.deepStrictEqual(await bench.readResult(operation.id, 0, 100), pattern(100));
    },
  },
  {
    title: 'a result removed while it is read ends early, without an error',
    async run(bench) {
      const body = pattern(chunk * 4);
      const { operation } = await stored(bench, body);
      const chunks: Uint8Array[] = [];
      const range = { id: operation.id, start: 0, end: body.length };
      for await (const bytes of bench.store.readResult(range)) {
        if (chunks.length === 0) assert.equal(await bench.remove(operation.id), 'removed');
        chunks.push(bytes);
      }
      const read = Buffer.concat(chunks);
      assert.ok(read.length < body.length, 'it ends early');
      assert.ok(read.equals(body.subarray(0, read.length)), 'what came is right');
    },
  },
  {
    title: 'a reader may stop in the middle',
    async run(bench) {
      const { operation } = await stored(bench, pattern(chunk * 3));
      for await (const bytes of bench.store.readResult({
        id: operation.id,
        start: 0,
        end: chunk * 3,
      })) {
        assert.ok(bytes.length > 0);
        break;
      }
      assert.equal(await bench.remove(operation.id), 'removed');
    },
  },
  {
    title: 'results are there after reopening',
    durable: true,
    async run(bench) {
      const body = pattern(chunk + 10);
      const { operation } = await stored(bench, body);
      await bench.reopen!();
      await bench.assertRecord(operation);
      assert.ok(Buffer.from(await bench.readResult(operation.id, 0, body.length)).equals(body));
    },
  },
];

async function stored(
  bench: StoreBench,
  body: Uint8Array,
  name: string | null = null,
): Promise<{ operation: Operation; result: Result }> {
  const operation = await store(bench, await bench.running(), body, name);
  return { operation, result: operation.result! };
}

async function store(
  bench: StoreBench,
  running: Operation,
  ...[body, name = null]: [body: Uint8Array, name?: string | null]
): Promise<Operation> {
  const result: Result = {
    contentType: 'application/pdf',
    name,
    sizeBytes: body.length,
    etag: '"r-bytes"',
    inline: null,
  };
  const { id } = running;
  const settlement = { type: 'completed', id, token: tokenOf(running), result, body } as const;
  assert.deepStrictEqual(await bench.settle(settlement), ['applied']);
  const record = await bench.record(id);
  assert.deepStrictEqual(record.result, result);
  return record;
}

/** Bytes whose period divides no chunk. */
function pattern(size: number): Uint8Array {
  return Uint8Array.from({ length: size }, (_, i) => (i * 31 + (i >> 8)) % 251);
}
