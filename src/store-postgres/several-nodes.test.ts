import assert from 'node:assert/strict';
import { after, describe, it, type TestContext } from 'node:test';
import { createEngine } from '../engine/create-engine.ts';
import { defineTask } from '../engine/define-task.ts';
import type { Operation } from '../core/operation.ts';
import type { ClaimTask, Settlement, Store, StoreHint } from '../store/store.ts';
import { StoreBench, completedBy, failedBy } from '../testing/store-bench.ts';
import { dropSchema, newSchema, runSql } from './postgres-schema.fixture.ts';
import { startPostgres } from './postgres-server.fixture.ts';
import { openPostgresStore, type PostgresStoreOptions } from './postgres-store.ts';

/** Behaviour that only shows with several stores on one schema, as with several processes. */
const server = await startPostgres();
after(() => server.stop());

async function openNodes(
  t: TestContext,
  p: Partial<PostgresStoreOptions> & { readonly nodes: number },
): Promise<{ benches: StoreBench[]; schema: string }> {
  const { nodes, clock = 'caller', notify = true } = p;
  const options = { url: server.url, schema: newSchema(), clock, notify };
  const stores = await Promise.all(Array.from({ length: nodes }, () => openPostgresStore(options)));
  t.after(async () => {
    await Promise.all(stores.map((store) => store.close()));
    await dropSchema(options);
  });
  const benches = stores.map((store) => new StoreBench({ store, close: async () => {} }));
  return { benches, schema: options.schema };
}

/** A small, fast random generator with a seed, so that a failure can be run again. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/**
 * Claims on a node and ends some of what it holds, until no node has anything left. Attempts last
 * over a few claims, so that those of the nodes overlap. Each is counted from the answer of its
 * claim to the call of its settle, which is less than the store counts.
 */
async function work(
  bench: StoreBench,
  p: {
    readonly tasks: readonly ClaimTask[];
    readonly random: () => number;
    readonly counted: (operation: Operation, by: 1 | -1) => void;
    readonly done: () => boolean;
  },
): Promise<void> {
  let held: Operation[] = [];
  while (!p.done()) {
    const limit = 1 + Math.floor(p.random() * 8);
    const claimed = await bench.claim({ limit, tasks: p.tasks, worker: 'w' });
    for (const { operation } of claimed) p.counted(operation, 1);
    held.push(...claimed.map(({ operation }) => operation));
    const ends = held.filter(() => claimed.length === 0 || p.random() < 0.3);
    held = held.filter((operation) => !ends.includes(operation));
    await Promise.all(
      ends.map(async (operation) => {
        p.counted(operation, -1);
        assert.deepEqual(await bench.settle(settlementOf(operation, p.random())), ['applied']);
      }),
    );
  }
}

function settlementOf(operation: Operation, how: number): Settlement {
  if (how < 0.7) return completedBy(operation);
  if (how < 0.85) return failedBy(operation);
  return { type: 'released', id: operation.id, token: operation.lease!.token };
}

describe('several nodes on one schema', { timeout: 90_000 }, () => {
  it('keep to the limits of tasks and keys, and to exact counters, under a storm of claims', async (t) => {
    const seed = Number(process.env['RAINCHECK_TEST_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
    t.diagnostic(`seed ${seed}`);
    const { benches, schema } = await openNodes(t, { nodes: 3 });
    const [first] = benches as [StoreBench];
    // Each bench has its own counter for tokens, which must not produce the same ones.
    for (const [i, bench] of benches.entries()) {
      let tokens = 0;
      bench.newToken = () => `node-${i}-${(tokens += 1)}`;
    }
    const tasks = [
      { name: 'keyed', concurrency: null, keyConcurrency: 2 },
      { name: 'limited', concurrency: 5, keyConcurrency: null },
      { name: 'both', concurrency: 4, keyConcurrency: 1 },
    ];
    const operations = Array.from({ length: 400 }, (_, i) =>
      first.planned({
        task: tasks[i % 3]!.name,
        concurrencyKey: i % 3 === 1 ? null : `k${(i * 7) % 5}`,
        priority: i % 4,
      }),
    );
    await first.store.createOperations({ operations, pendingMax: 10_000, now: first.now });
    const running = new Map<string, number>();
    const peaks = new Map<string, number>();
    const count = (name: string, by: number): void => {
      running.set(name, (running.get(name) ?? 0) + by);
      peaks.set(name, Math.max(peaks.get(name) ?? 0, running.get(name) ?? 0));
    };
    const counted = (operation: Operation, by: number): void => {
      count(operation.task, by);
      count(`${operation.task}/${operation.concurrencyKey}`, by);
    };
    let over = false;
    const watch = (async () => {
      for (;;) {
        const records = await first.store.readTasks();
        if (records.every(({ pending, processing }) => pending + processing === 0)) break;
      }
      over = true;
    })();
    await Promise.all([
      watch,
      ...benches.map((bench, i) =>
        work(bench, {
          tasks,
          random: randomFrom(seed + i),
          counted,
          done: () => over,
        }),
      ),
    ]);
    for (const [name, peak] of peaks) {
      const [task, key] = name.split('/');
      const limits = tasks.find((one) => one.name === task)!;
      const limit = key === undefined ? limits.concurrency : limits.keyConcurrency;
      assert.ok(limit === null || key === 'null' || peak <= limit, `${name}: ${peak} at once`);
    }
    await first.assertCountersExact();
    const slots = await runSql(
      server.url,
      `SELECT * FROM "${schema}".slots WHERE running + parked > 0`,
    );
    assert.deepEqual(slots, []);
  });

  it('make one operation of one Idempotency-Key, whichever of them is asked', async (t) => {
    const { benches } = await openNodes(t, { nodes: 3 });
    for (let round = 0; round < 20; round += 1) {
      const outcomes = await Promise.all(
        benches.map((bench, i) =>
          bench.store.createOperations({
            operations: [
              bench.planned({
                id: `op_${round}_${i}`,
                idempotency: {
                  scope: 's',
                  key: `k${round}`,
                  fingerprint: 'f',
                  expiresAt: bench.now + 1000,
                },
              }),
            ],
            pendingMax: 1000,
            now: bench.now,
          }),
        ),
      );
      const flat = outcomes.flat();
      assert.deepEqual(flat.map(({ outcome }) => outcome).sort(), [
        'created',
        'replayed',
        'replayed',
      ]);
      const ids = flat.map((one) => ('operation' in one ? one.operation.id : ''));
      assert.equal(new Set(ids).size, 1);
    }
    await benches[0]!.assertCountersExact();
  });

  it('fence off the worker whose lease another node recovered', async (t) => {
    const { benches } = await openNodes(t, { nodes: 2 });
    const [paused, other] = benches as [StoreBench, StoreBench];
    const operation = await paused.running();
    other.now += other.leaseMs;
    assert.equal((await other.sweep()).changed.length, 1);
    const [again] = await other.claim({ worker: 'w2' });
    assert.notEqual(again!.operation.lease!.token, 'x');
    // Two benches count tokens alike, so another is used here; real tokens are never equal.
    const stale = { ...operation, lease: { ...operation.lease!, token: 'stale' } };
    assert.deepEqual(await paused.settle(completedBy(stale)), ['lost']);
    const extended = await paused.store.extendLeases({
      leases: [{ id: operation.id, token: 'stale', progress: null }],
      leaseMs: paused.leaseMs,
      now: other.now,
    });
    assert.deepEqual(extended, [{ outcome: 'lost' }]);
    await other.assertRecord(again!.operation);
  });

  it('see what another one accepted at once, and share a sweep without meeting', async (t) => {
    const { benches } = await openNodes(t, { nodes: 3 });
    const [first, second] = benches as [StoreBench, StoreBench];
    const created = await first.create();
    await second.assertRecord(created);
    await first.cancel(created.id);
    const many = Array.from({ length: 60 }, () => first.planned({ waitUntil: first.now + 10 }));
    await first.store.createOperations({ operations: many, pendingMax: 1000, now: first.now });
    for (const bench of benches) bench.now += 10;
    const swept: string[] = [];
    while (swept.length < many.length) {
      const outcomes = await Promise.all(benches.map((bench) => bench.sweep({ limit: 7 })));
      swept.push(...outcomes.flatMap(({ changed }) => changed.map(({ id }) => id)));
    }
    assert.equal(new Set(swept).size, many.length);
    assert.equal(swept.length, many.length);
    await first.assertCountersExact();
  });

  const pooled = process.env['RAINCHECK_TEST_POOLER'] === 'transaction';
  const skip = pooled && 'LISTEN needs a session of its own, which this pooler does not give';
  it('hear of each other: of what is ready, and of what changed', { skip }, async (t) => {
    const { benches } = await openNodes(t, { nodes: 2 });
    const [speaker, listener] = benches as [StoreBench, StoreBench];
    const heard: StoreHint[] = [];
    let wake = (): void => undefined;
    const stop = listener.store.hints!.listen((hint) => {
      heard.push(hint);
      wake();
    });
    const until = async (found: (hint: StoreHint) => boolean): Promise<void> => {
      while (!heard.some(found)) await new Promise<void>((resolve) => (wake = resolve));
    };
    await until(({ type }) => type === 'ready'); // it listens
    heard.length = 0;
    const { id } = await speaker.create();
    await until(({ type }) => type === 'ready');
    await speaker.cancel(id);
    await until((hint) => hint.type === 'changed' && hint.ids.includes(id));
    stop();
  });

  it('get on without NOTIFY', async (t) => {
    const { benches } = await openNodes(t, { nodes: 2, notify: false });
    const [accepting, working] = benches.map(({ store }) => store) as [Store, Store];
    assert.equal(accepting.hints, undefined);
    const tasks = [defineTask('echo', { run: ({ input }) => input })];
    const api = createEngine({ store: accepting, tasks, poll: 20 });
    const worker = createEngine({ store: working, tasks, poll: 20 });
    await worker.start();
    t.after(() => worker.stop({ now: true }));
    const input = { value: 1, text: '1' };
    const { operation } = await api.submit({ task: 'echo', tenant: '', input });
    const { id } = operation;
    const done = await api.waitFor({
      id,
      tenant: '',
      until: 'final',
      version: 0,
      timeoutMs: 30_000,
    });
    assert.equal(done.state, 'completed');
  });

  it("decide by the database's clock, however wrong their own are", async (t) => {
    const { benches } = await openNodes(t, { nodes: 2, clock: 'database' });
    const [slow, fast] = benches as [StoreBench, StoreBench];
    slow.now = Date.now() - 3_600_000;
    fast.now = Date.now() + 3_600_000;
    const operation = await fast.create();
    assert.equal(operation.state, 'ready', 'due for the caller is due');
    assert.ok(Math.abs(operation.createdAt - Date.now()) < 60_000);
    const [claimed] = await slow.claim();
    assert.equal(claimed!.operation.id, operation.id);
    assert.deepEqual((await fast.sweep()).changed, [], 'a lease of another clock stands');
    assert.deepEqual(await slow.settle(completedBy(claimed!.operation)), ['applied']);
    const later = await fast.create({ readyAt: Date.now() + 7_200_000 });
    assert.equal(later.state, 'scheduled');
    const nextDueAt = await slow.nextDueAt();
    assert.ok(Math.abs(nextDueAt! - (slow.now + 7_200_000)) < 60_000, "told in the caller's time");
  });

  it('never met in a deadlock, all of them together', async (t) => {
    if (server.control === null) {
      t.skip('the server may be used by others');
      return;
    }
    const [row] = await runSql(
      server.url,
      'SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()',
    );
    assert.equal(row!['deadlocks'], '0');
  });
});
