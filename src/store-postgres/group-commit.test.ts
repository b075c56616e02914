import assert from 'node:assert/strict';
import { after, describe, it, type TestContext } from 'node:test';
import { Client } from 'pg';
import type { Operation } from '../core/operation.ts';
import type { Settlement } from '../store/store.ts';
import { completedBy, inlineResult, StoreBench } from '../testing/store-bench.ts';
import { dropSchema, newSchema } from './postgres-schema.fixture.ts';
import { startPostgres } from './postgres-server.fixture.ts';
import { postgresStore } from './postgres-store.ts';

const server = await startPostgres();
after(() => server.stop());

/** As in group-commit.ts. */
const groupMax = 500;
const groupBytesMax = 8 * 1_048_576;

const line = { at: 0, attempt: 1, level: 'info', message: 'The last line', fields: null } as const;
const progress = { fraction: 0.9, message: 'nearly', current: null, total: null, updatedAt: 0 };

/**
 * A store whose next write of the note waits until it is released, together with its whole
 * transaction.
 */
async function held(t: TestContext) {
  const options = { url: server.url, schema: newSchema(), clock: 'caller', notify: false } as const;
  const { store } = postgresStore(options);
  const other = new Client({ connectionString: options.url });
  await other.connect();
  t.after(async () => {
    await other.end();
    await store.close();
    await dropSchema(options);
  });
  const bench = new StoreBench({ store, close: async () => {} });
  const writeNote = () => store.writeNote({ name: 'held', text: '', now: bench.now });
  await writeNote();
  await other.query('BEGIN');
  await other.query(`SELECT * FROM "${options.schema}".notes FOR UPDATE`);
  return { bench, store, writeNote, release: () => other.query('COMMIT') };
}

function largeEnd(operation: Operation): Settlement {
  const body = new Uint8Array(groupBytesMax);
  const result = { ...inlineResult(), inline: null, sizeBytes: body.length };
  const token = operation.lease?.token ?? '';
  return { type: 'completed', id: operation.id, token, result, body };
}

const cases: readonly {
  readonly name: string;
  readonly before: number;
  readonly end: (operation: Operation) => Settlement;
}[] = [
  { name: 'the end is one too many', before: groupMax - 2, end: completedBy },
  { name: 'the lines and the end are', before: groupMax - 1, end: completedBy },
  { name: 'the end is too large', before: 1, end: largeEnd },
];

describe('An end in a turn of more writes than one transaction takes', () => {
  for (const { name, before, end } of cases) {
    it(`does not overtake its last progress and lines: ${name}`, async (t) => {
      const { bench, store, writeNote, release } = await held(t);
      const operation = await bench.running();
      const { id, lease } = operation;
      const token = lease?.token ?? '';
      const { now, leaseMs } = bench;
      const waiting = [writeNote()];
      while (waiting.length < before) waiting.push(store.ping());
      // The engine does this in one turn when an attempt ends.
      const extended = store.extendLeases({ leases: [{ id, token, progress }], leaseMs, now });
      const appended = store.appendLogs({ entries: [{ id, token, from: 0, lines: [line] }], now });
      const settled = bench.settle(end(operation));
      // Settled through the other lane, before the transaction that waits for the note.
      assert.deepEqual(await settled, ['applied']);
      await release();
      await Promise.all(waiting);
      assert.deepEqual(await appended, ['applied']);
      assert.deepEqual(await extended, [{ outcome: 'extended', cancelRequested: false }]);
      const kept = await store.readLogs({ id, after: 0, limit: 10 });
      assert.deepEqual(
        kept.map(({ message }) => message),
        ['The last line'],
      );
      assert.equal((await bench.record(id)).progress?.message, 'nearly');
    });
  }
});
