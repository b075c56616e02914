import assert from 'node:assert/strict';
import { newOperation } from '../store/new-operation.ts';
import type { ClaimAtAccept, CreateOutcome, NewOperation } from '../store/store.ts';
import { completedBy, decided, type StoreBench, type StoreCase } from './store-bench.ts';

/** Claims at accept; for a store without them, that it does not claim. */
export const atAcceptCases: readonly StoreCase[] = [
  {
    title: 'what is claimed at accept runs under the lease of its caller when it is there',
    async run(bench) {
      const plan = bench.planned({ waitUntil: bench.now + 5, deadlineAt: bench.now + 50 });
      const outcome = await submitted(bench, plan, { worker: 'w7' });
      const created = newOperation(plan, bench.now);
      if (!bench.store.capabilities.claimsAtAccept) {
        assert.deepStrictEqual(outcome, { outcome: 'created', operation: created });
        assert.deepStrictEqual(await bench.claimIds(), [plan.id]);
        return;
      }
      const token = `token of ${plan.id}`;
      const { leaseMs } = bench;
      const event = { type: 'claimed', worker: 'w7', token, leaseMs } as const;
      const operation = decided(created, event, bench.now);
      assert.deepStrictEqual(outcome, { outcome: 'created', operation });
      await bench.assertDecided(created, event);
      assert.deepStrictEqual(await bench.claimIds(), []);
      assert.deepStrictEqual(
        [(await bench.task())?.pending, (await bench.task())?.processing],
        [0, 1],
      );
      bench.now += 100;
      assert.deepStrictEqual((await bench.sweep()).changed, [], 'it waits for nothing any more');
      const stale = { ...operation, lease: { ...operation.lease!, token: 'stale' } };
      assert.deepStrictEqual(await bench.settle(completedBy(stale)), ['lost']);
      assert.equal((await bench.complete(operation)).state, 'completed');
    },
  },
  {
    title:
      'what was claimed at accept is found again when its lease is over, and when it is handed back',
    needsClaimsAtAccept: true,
    async run(bench) {
      const first = await running(bench);
      const second = await running(bench);
      assert.equal((await bench.release(second)).state, 'ready');
      bench.now += bench.leaseMs;
      const { changed } = await bench.sweep();
      assert.deepStrictEqual(
        changed.map(({ id, recoveries, attempt }) => [id, recoveries, attempt]),
        [[first.id, 1, 0]],
      );
      assert.deepStrictEqual(await bench.claimIds(), [first.id, second.id]);
    },
  },
  {
    title: 'nobody who waits is passed over by a claim at accept',
    needsClaimsAtAccept: true,
    async run(bench) {
      const waiting = await bench.create({ priority: -100 });
      const tasks = ['reports', 'exports'];
      assert.equal(await stateOf(bench, {}), 'ready');
      assert.equal(await stateOf(bench, { spareSlots: 1 }), 'ready', 'two wait by now');
      assert.equal(await stateOf(bench, { tasks: ['exports'] }), 'running', 'waits for others');
      assert.equal(await stateOf(bench, { spareSlots: 3 }), 'running', 'there is room for all');
      assert.equal((await bench.claimIds({ limit: 3 })).at(-1), waiting.id);
      await bench.store.setTaskPaused({ task: 'exports', paused: true });
      await bench.create({ task: 'exports' });
      assert.equal(await stateOf(bench, { tasks }), 'running', 'a paused task waits for no slot');
    },
  },
  {
    title: 'several in one call are claimed at accept, each under its own token',
    needsClaimsAtAccept: true,
    async run(bench) {
      const operations = [
        bench.planned(),
        bench.planned({ readyAt: bench.now + 1 }),
        bench.planned(),
      ];
      const claim = bench.atAccept();
      const outcomes = await bench.store.createOperations({
        operations,
        pendingMax: 9,
        claim: { ...claim, spareSlots: 1 },
        now: bench.now,
      });
      assert.deepStrictEqual(
        outcomes.map(
          (one) => 'operation' in one && [one.operation.state, one.operation.lease?.token],
        ),
        [
          ['running', `token of ${operations[0]!.id}`],
          ['scheduled', undefined],
          ['running', `token of ${operations[2]!.id}`],
        ],
      );
    },
  },
  {
    title: 'a paused task, a concurrency key and a delay are left to claims',
    needsClaimsAtAccept: true,
    async run(bench) {
      assert.equal(await stateOf(bench, {}, { readyAt: bench.now + 5 }), 'scheduled');
      assert.equal(await stateOf(bench, { spareSlots: 5 }, { concurrencyKey: 'k' }), 'ready');
      await bench.store.setTaskPaused({ task: 'reports', paused: true });
      assert.equal(await stateOf(bench, { spareSlots: 5 }), 'ready');
      await bench.store.setTaskPaused({ task: 'reports', paused: false });
      assert.equal(await stateOf(bench, { spareSlots: 5 }), 'running');
    },
  },
  {
    title: 'a replay, a reused key and a full queue give nothing to whoever would claim at accept',
    async run(bench) {
      const key = { scope: '', key: 'k', fingerprint: 'f', expiresAt: bench.now + 1000 };
      const first = await submitted(bench, bench.planned({ idempotency: key }), { worker: 'w1' });
      assert.equal(first.outcome, 'created');
      const second = await submitted(bench, bench.planned({ idempotency: key }), { worker: 'w2' });
      assert.deepStrictEqual(second, { ...first, outcome: 'replayed' });
      const other = { ...key, fingerprint: 'g' };
      const reused = await submitted(bench, bench.planned({ idempotency: other }));
      assert.deepStrictEqual(reused, { outcome: 'key_reused' });
      const full = await submitted(bench, bench.planned({ taskPendingMax: 0 }));
      assert.equal(full.outcome, 'queue_full');
    },
  },
];

async function submitted(
  bench: StoreBench,
  plan: NewOperation,
  p: Partial<ClaimAtAccept> = {},
): Promise<CreateOutcome> {
  return bench.submit(plan, { claim: bench.atAccept(p) });
}

async function running(bench: StoreBench) {
  const outcome = await submitted(bench, bench.planned());
  assert.ok(outcome.outcome === 'created' && outcome.operation.state === 'running');
  return outcome.operation;
}

/** The state of a new operation right after its accept. */
async function stateOf(
  bench: StoreBench,
  claim: Partial<ClaimAtAccept>,
  p: Partial<NewOperation> = {},
): Promise<string> {
  const outcome = await submitted(bench, bench.planned(p), claim);
  assert.equal(outcome.outcome, 'created');
  const { id } = (outcome as { readonly operation: { readonly id: string } }).operation;
  return bench.stateOf(id);
}
