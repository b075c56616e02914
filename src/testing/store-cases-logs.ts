import assert from 'node:assert/strict';
import { limits } from '../core/limits.ts';
import type { KeptLine, LogLine } from '../core/log-line.ts';
import type { Operation } from '../core/operation.ts';
import type { AppendOutcome } from '../store/store.ts';
import { tokenOf, type StoreBench, type StoreCase } from './store-bench.ts';

/** Log lines of handlers: in order, fenced, limited to the latest. */
export const logCases: readonly StoreCase[] = [
  {
    title: 'lines are kept to the letter, in order and numbered from 1',
    async run(bench) {
      const operation = await bench.running();
      const lines: LogLine[] = [
        { at: bench.now, attempt: 1, level: 'debug', message: '', fields: null },
        { at: bench.now + 1, attempt: 1, level: 'info', message: 'a\nb\t"c"', fields: '{}' },
        { at: bench.now + 1, attempt: 1, level: 'warn', message: 'Ä 日本 \u{1f600}', fields: null },
        {
          at: bench.now + 2,
          attempt: 1,
          level: 'error',
          message: '\u0001',
          fields: '{"a":[1,null,"\\n\\u0000"],"__proto__":{"ü":1e+300}}',
        },
      ];
      assert.equal(await append(bench, operation, lines.slice(0, 1)), 'applied');
      assert.equal(await append(bench, operation, lines.slice(1), 1), 'applied');
      assert.deepStrictEqual(
        await read(bench, operation),
        lines.map((line, i) => ({ number: i + 1, ...line })),
      );
    },
  },
  {
    title: 'an operation that wrote nothing, or never was, has no lines',
    async run(bench) {
      const operation = await bench.running();
      assert.deepStrictEqual(await read(bench, operation), []);
      assert.equal(await append(bench, operation, []), 'applied');
      assert.deepStrictEqual(await read(bench, operation), []);
      const never = { id: bench.newId(), after: 0, limit: 10 };
      assert.deepStrictEqual(await bench.store.readLogs(never), []);
    },
  },
  {
    title: 'a reader goes on after the number it has seen, so many at once',
    async run(bench) {
      const operation = await bench.running();
      const lines = numbered(bench, 300, 100);
      await append(bench, operation, lines);
      const found: KeptLine[] = [];
      for (;;) {
        const after = found.at(-1)?.number ?? 0;
        const page = await bench.store.readLogs({ id: operation.id, after, limit: 7 });
        assert.ok(page.length <= 7);
        if (page.length === 0) break;
        found.push(...page);
      }
      assert.deepStrictEqual(
        found.map(({ message }) => message),
        lines.map(({ message }) => message),
      );
      const past = { id: operation.id, after: 1_000_000, limit: 7 };
      assert.deepStrictEqual(await bench.store.readLogs(past), []);
    },
  },
  {
    title: 'lines of several operations in one call do not mix',
    async run(bench) {
      const operations = [await bench.running(), await bench.running(), await bench.running()];
      const outcomes = await bench.store.appendLogs({
        entries: operations.map(({ id, lease }, i) => ({
          id,
          token: i === 1 ? 'another' : lease!.token,
          from: 0,
          lines: [{ ...numbered(bench, 1)[0]!, message: `of ${i}` }],
        })),
        now: bench.now,
      });
      assert.deepStrictEqual(outcomes, ['applied', 'lost', 'applied']);
      const messages = await Promise.all(
        operations.map(async (one) => (await read(bench, one)).map(({ message }) => message)),
      );
      assert.deepStrictEqual(messages, [['of 0'], [], ['of 2']]);
    },
  },
  {
    title: 'calls of one turn are kept in their order, and before the settle that follows',
    async run(bench) {
      const operation = await bench.running();
      const lines = numbered(bench, 6);
      const calls = [0, 2, 4].map((from) =>
        append(bench, operation, lines.slice(from, from + 2), from),
      );
      const completed = bench.complete(operation);
      const late = append(bench, operation, numbered(bench, 1), 6);
      assert.deepStrictEqual(await Promise.all(calls), ['applied', 'applied', 'applied']);
      assert.equal((await completed).state, 'completed');
      assert.equal(await late, 'lost');
      assert.deepStrictEqual(messagesOf(await read(bench, operation)), messagesOf(lines));
    },
  },
  {
    title: 'a line from a lost lease changes nothing',
    async run(bench) {
      const old = await bench.running();
      await append(bench, old, numbered(bench, 1));
      await bench.sweep({ workerDead: true });
      assert.equal(await append(bench, old, numbered(bench, 2), 1), 'lost');
      const [held] = await bench.claim();
      assert.equal(await append(bench, old, numbered(bench, 2), 1), 'lost');
      const line = { ...numbered(bench, 1)[0]!, message: 'mine' };
      assert.equal(await append(bench, held!.operation, [line]), 'applied');
      assert.deepStrictEqual(messagesOf(await read(bench, old)), ['line 1', 'mine']);
      await bench.complete(held!.operation);
      assert.equal(await append(bench, held!.operation, [line], 1), 'lost');
      assert.equal((await read(bench, old)).length, 2);
    },
  },
  {
    title: 'lines that are sent again are not kept twice, nor are those behind them left out',
    async run(bench) {
      const operation = await bench.running();
      const lines = numbered(bench, 5);
      await append(bench, operation, lines.slice(0, 2));
      await append(bench, operation, lines.slice(0, 2));
      await append(bench, operation, lines.slice(0, 4));
      await append(bench, operation, lines.slice(1), 1);
      assert.deepStrictEqual(messagesOf(await read(bench, operation)), messagesOf(lines));
      // The attempt was handed back, so the next one counts its lines anew.
      await bench.release(operation);
      const [again] = await bench.claim();
      await append(bench, again!.operation, lines.slice(0, 1));
      assert.deepStrictEqual(messagesOf(await read(bench, operation)), [
        ...messagesOf(lines),
        'line 1',
      ]);
    },
  },
  {
    title: 'lines change nothing of the operation, nor its version',
    async run(bench) {
      const operation = await bench.running();
      await append(bench, operation, numbered(bench, 3));
      await bench.assertRecord(operation);
    },
  },
  {
    title: 'the latest chunks are kept, the oldest lines go',
    async run(bench) {
      const operation = await bench.running();
      const perChunk = Math.floor(limits.logChunkBytes / 2_000);
      const count = perChunk * (limits.logChunks + 5);
      const lines = numbered(bench, count, 1_900);
      for (let from = 0; from < count; from += 3) {
        await append(bench, operation, lines.slice(from, from + 3), from);
      }
      const kept = await read(bench, operation);
      assert.equal(kept.at(-1)!.number, count);
      const chunks = kept.length / perChunk;
      assert.ok(chunks > limits.logChunks - 1 && chunks <= limits.logChunks, `${chunks} chunks`);
      assert.deepStrictEqual(
        kept.map(({ number, message }) => [number, message]),
        lines.map(({ message }, i) => [i + 1, message]).slice(-kept.length),
      );
    },
  },
  {
    title: 'one call with more than is kept leaves the latest of it',
    async run(bench) {
      const operation = await bench.running();
      await append(bench, operation, numbered(bench, 1_000, 1_000));
      const kept = await read(bench, operation);
      assert.equal(kept.at(-1)!.message.split(' ', 2).join(' '), 'line 1000');
      assert.ok(kept.length * 1_000 <= limits.logChunks * limits.logChunkBytes);
    },
  },
  {
    title: 'lines stay until their operation is removed, and go with it',
    async run(bench) {
      const operation = await bench.running();
      await append(bench, operation, numbered(bench, 2));
      const done = await bench.complete(operation);
      assert.equal((await read(bench, operation)).length, 2);
      assert.equal(await bench.remove(done.id), 'removed');
      assert.deepStrictEqual(await read(bench, operation), []);
      const other = await bench.running();
      assert.deepStrictEqual(await read(bench, other), [], 'nor does the next one find them');
    },
  },
  {
    title: 'lines go with an operation that has expired',
    async run(bench) {
      const operation = await bench.running();
      await append(bench, operation, numbered(bench, 40, 1_000));
      await bench.complete(operation);
      bench.now += 100_001;
      assert.equal((await bench.prune()).operations, 1);
      assert.deepStrictEqual(await read(bench, operation), []);
    },
  },
  {
    title: 'lines are there after reopening',
    durable: true,
    async run(bench) {
      const operation = await bench.running();
      await append(bench, operation, numbered(bench, 2));
      await bench.reopen!();
      assert.equal((await read(bench, operation)).length, 2);
      assert.equal(await append(bench, operation, numbered(bench, 3)), 'applied');
      assert.equal((await read(bench, operation)).length, 3);
    },
  },
];

/** 'line 1', 'line 2', …, filled up to `chars`. */
function numbered(bench: StoreBench, count: number, chars = 0): LogLine[] {
  return Array.from({ length: count }, (_, i) => ({
    at: bench.now,
    attempt: 1,
    level: 'info',
    message: chars === 0 ? `line ${i + 1}` : `line ${i + 1} `.padEnd(chars, 'x'),
    fields: null,
  }));
}

async function append(
  bench: StoreBench,
  operation: Operation,
  ...[lines, from = 0]: [lines: readonly LogLine[], from?: number]
): Promise<AppendOutcome | undefined> {
  const entry = { id: operation.id, token: tokenOf(operation), from, lines };
  const outcomes = await bench.store.appendLogs({ entries: [entry], now: bench.now });
  assert.equal(outcomes.length, 1);
  return outcomes[0];
}

function read(bench: StoreBench, { id }: Operation): Promise<KeptLine[]> {
  return bench.store.readLogs({ id, after: 0, limit: 10_000 });
}

function messagesOf(lines: readonly LogLine[]): string[] {
  return lines.map(({ message }) => message);
}
