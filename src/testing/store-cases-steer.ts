import assert from 'node:assert/strict';
import type { Store } from '../store/store.ts';
import { completedBy, type StoreCase } from './store-bench.ts';

/** Pause, cancel, remove, ping and close. */
export const steerCases: readonly StoreCase[] = [
  {
    title: 'a paused task is not claimed; what runs goes on',
    async run(bench) {
      const running = await bench.running();
      const waiting = await bench.create();
      const other = await bench.create({ task: 'exports' });
      await bench.store.setTaskPaused({ task: 'reports', paused: true });
      const tasks = ['reports', 'exports'];
      assert.equal((await bench.task())?.paused, true);
      assert.deepStrictEqual(await bench.claimIds({ tasks }), [other.id]);
      assert.equal((await bench.complete(running)).state, 'completed');
      await bench.create();
      await bench.store.setTaskPaused({ task: 'reports', paused: false });
      assert.equal((await bench.task())?.paused, false);
      assert.deepStrictEqual(await bench.claimIds({ tasks, limit: 1 }), [waiting.id]);
    },
  },
  {
    title: 'nothing of a paused task becomes due or says when to ask again',
    async run(bench) {
      const scheduled = await bench.create({ readyAt: bench.now + 10 });
      await bench.store.setTaskPaused({ task: 'reports', paused: true });
      assert.equal(await bench.nextDueAt(), null);
      bench.now += 10;
      assert.equal(await bench.nextDueAt(), null);
      await bench.assertRecord(scheduled);
      await bench.store.setTaskPaused({ task: 'reports', paused: false });
      assert.deepStrictEqual(await bench.claimIds(), [scheduled.id]);
    },
  },
  {
    title: 'a task never seen can be paused, and stays so',
    async run(bench) {
      await bench.store.setTaskPaused({ task: 'later', paused: true });
      await bench.store.setTaskPaused({ task: 'known', paused: false });
      const empty = {
        pending: 0,
        processing: 0,
        completed: 0,
        failed: 0,
        oldestPendingAt: null,
        meanDurationMs: null,
      };
      assert.deepStrictEqual(await bench.store.readTasks(), [
        { task: 'known', paused: false, ...empty },
        { task: 'later', paused: true, ...empty },
      ]);
      await bench.create({ task: 'later' });
      assert.deepStrictEqual(await bench.claimIds({ tasks: ['later'] }), []);
      await bench.reopen?.();
      assert.equal((await bench.task('later'))?.paused, true);
    },
  },
  {
    title: 'a pending operation is cancelled at once',
    async run(bench) {
      const ready = await bench.create();
      const scheduled = await bench.create({ readyAt: bench.now + 1000 });
      const failed = await bench.fail(await bench.running({ task: 'exports' }), bench.now + 50);
      for (const before of [ready, scheduled, failed]) {
        bench.now += 3;
        const outcome = await bench.cancel(before.id);
        const operation = await bench.assertDecided(before, { type: 'cancel_requested' });
        assert.deepStrictEqual(outcome, { outcome: 'cancelled', operation });
        assert.equal(operation.error?.code, 'cancelled');
        assert.deepStrictEqual(await bench.cancel(before.id), {
          outcome: 'already_final',
          operation,
        });
      }
      bench.now += 10_000;
      assert.deepStrictEqual(await bench.claimIds({ tasks: ['reports', 'exports'] }), []);
    },
  },
  {
    title: 'a wish to cancel what runs is noted once, and the attempt goes on',
    async run(bench) {
      const running = await bench.running();
      bench.now += 5;
      const outcome = await bench.cancel(running.id);
      const operation = await bench.assertDecided(running, { type: 'cancel_requested' });
      assert.deepStrictEqual(outcome, { outcome: 'requested', operation });
      bench.now += 5;
      assert.deepStrictEqual(await bench.cancel(running.id), { outcome: 'requested', operation });
      await bench.assertRecord(operation);
    },
  },
  {
    title: 'a completion that comes after the wish to cancel wins',
    async run(bench) {
      const running = await bench.running();
      await bench.cancel(running.id);
      const done = await bench.complete(running);
      assert.equal(done.state, 'completed');
      assert.equal(done.cancelRequestedAt, bench.now);
      assert.equal(done.error, null);
    },
  },
  {
    title: 'an attempt that ends otherwise after the wish to cancel is cancelled',
    async run(bench) {
      for (const how of ['fail', 'release'] as const) {
        const { id } = await bench.running();
        await bench.cancel(id);
        const before = await bench.record(id);
        const after =
          how === 'fail' ? await bench.fail(before, bench.now) : await bench.release(before);
        assert.equal(after.state, 'failed');
        assert.equal(after.error?.code, 'cancelled');
        const [attempt] = await bench.store.listAttempts({ id });
        assert.equal(attempt?.outcome, how === 'fail' ? 'failed' : 'released');
        assert.deepStrictEqual(attempt?.error, after.error);
      }
    },
  },
  {
    title: 'what does not exist is missing to every verb',
    async run(bench) {
      for (const id of [bench.newId(), '', 'op_', "' OR 1=1 --"]) {
        assert.equal(await bench.store.readOperation({ id }), null);
        assert.equal(await bench.store.readInput({ id }), null);
        assert.equal(await bench.store.isGone({ id }), false);
        assert.deepStrictEqual(await bench.store.listAttempts({ id }), []);
        assert.deepStrictEqual(await bench.cancel(id), { outcome: 'missing' });
        assert.equal(await bench.remove(id), 'missing');
        assert.equal((await bench.readResult(id, 0, 10)).length, 0);
        assert.equal(await bench.store.isGone({ id }), false);
      }
    },
  },
  {
    title: 'a final operation is removed with all that belongs to it, and known as gone',
    async run(bench) {
      const running = await bench.running({ input: '[1]' });
      await bench.fail(running, bench.now);
      const [again] = await bench.claim();
      await bench.complete(again!.operation);
      const tasks = await bench.store.readTasks();
      const { id } = running;
      assert.equal(await bench.remove(id), 'removed');
      assert.equal(await bench.store.readOperation({ id }), null);
      assert.equal(await bench.store.readInput({ id }), null);
      assert.deepStrictEqual(await bench.store.listAttempts({ id }), []);
      assert.deepStrictEqual(await bench.list(), []);
      assert.equal(await bench.store.isGone({ id }), true);
      assert.equal(await bench.remove(id), 'missing');
      assert.deepStrictEqual(await bench.cancel(id), { outcome: 'missing' });
      assert.deepStrictEqual(await bench.settle(completedBy(again!.operation)), ['lost']);
      assert.deepStrictEqual(await bench.store.readTasks(), tasks);
      assert.equal(await bench.store.isGone({ id }), true);
    },
  },
  {
    title: 'an operation that is not final is not removed',
    async run(bench) {
      const scheduled = await bench.create({ readyAt: bench.now + 1 });
      const ready = await bench.create();
      const running = await bench.running({ task: 'exports' });
      for (const operation of [scheduled, ready, running]) {
        assert.equal(await bench.remove(operation.id), 'not_final');
        await bench.assertRecord(operation);
        assert.equal(await bench.store.isGone(operation), false);
      }
    },
  },
  {
    title: 'removal of one leaves its neighbours alone',
    async run(bench) {
      const before = await bench.completed();
      const removed = await bench.failed();
      const after = await bench.completed();
      await bench.remove(removed.id);
      await bench.assertRecord(before);
      await bench.assertRecord(after);
      assert.deepStrictEqual(await bench.list(), [after, before]);
    },
  },
  {
    title: 'an open store answers a ping',
    async run(bench) {
      assert.equal(await bench.store.ping(), undefined);
    },
  },
  {
    title: 'a closed store rejects every verb with store_unavailable',
    async run(bench) {
      const { store, webhooks, now } = bench;
      const { id } = await bench.completed();
      bench.closed = true;
      await store.close();
      const results = store.readResult({ id, start: 0, end: 1 })[Symbol.asyncIterator]();
      const verbs: Record<
        Exclude<
          keyof Store,
          'name' | 'capabilities' | 'hints' | 'warnings' | 'readQueue' | 'close'
        >,
        () => Promise<unknown>
      > = {
        createOperations: () => bench.submit(),
        claimOperations: () => bench.claim(),
        settleAttempts: () =>
          bench.settle({ type: 'released', id: bench.newId(), token: 'token-1' }),
        extendLeases: () => store.extendLeases({ leases: [], leaseMs: 1000, now }),
        appendLogs: () => store.appendLogs({ entries: [], now }),
        sweepExpired: () => bench.sweep(),
        readOperation: () => store.readOperation({ id }),
        isGone: () => store.isGone({ id }),
        readIdempotencyKey: () => store.readIdempotencyKey({ scope: '', key: 'k', now }),
        readInput: () => store.readInput({ id }),
        readResult: () => results.next(),
        listOperations: () => bench.list(),
        listAttempts: () => store.listAttempts({ id }),
        readLogs: () => store.readLogs({ id, after: 0, limit: 1 }),
        requestCancel: () => bench.cancel(id),
        removeOperation: () => bench.remove(id),
        setTaskPaused: () => store.setTaskPaused({ task: 'reports', paused: true }),
        readNote: () => bench.store.readNote({ name: 'a' }),
        writeNote: () => bench.store.writeNote({ name: 'a', text: '', now }),
        readNotes: () => bench.store.readNotes({ prefix: 'a', now }),
        replaceNote: () => bench.store.replaceNote({ name: 'a', text: '', over: null, now }),
        removeNotes: () => bench.store.removeNotes({ names: ['a'], unwrittenMs: 0, now }),
        readTasks: () => store.readTasks(),
        pruneExpired: () => bench.prune(),
        createDeliveries: () => store.createDeliveries({ deliveries: [], now }),
        claimDeliveries: () => webhooks.claim(),
        settleDeliveries: () => webhooks.settle(),
        sweepDeliveries: () => webhooks.sweep(),
        readDelivery: () => store.readDelivery({ id }),
        readOperationDelivery: () => store.readOperationDelivery({ operationId: id }),
        listDeliveries: () => webhooks.list(),
        listDeliveryAttempts: () => webhooks.attempts(id),
        countDeliveries: () => store.countDeliveries({ filter: {} }),
        redeliver: () => webhooks.redeliver([id]),
        discardDeliveries: () => webhooks.discard(id),
        createEndpoint: () => webhooks.endpoint(),
        updateEndpoint: () => store.updateEndpoint({ id, tenant: '', change: {}, now }),
        readEndpoint: () => store.readEndpoint({ id }),
        listEndpoints: () => store.listEndpoints({ tenant: '', limit: 1, beforeId: null }),
        removeEndpoint: () => store.removeEndpoint({ id, tenant: '', now }),
        readSecrets: () => store.readSecrets({ owner: id, now }),
        rotateSecret: () => store.rotateSecret({ owner: id, secret: 'whsec_', graceMs: 0, now }),
        ping: () => store.ping(),
      };
      for (const [verb, call] of Object.entries(verbs)) {
        await assert.rejects(call, { name: 'RaincheckError', code: 'store_unavailable' }, verb);
      }
    },
  },
  {
    title: 'writes under way when the store closes are done first',
    durable: true,
    async run(bench) {
      const plans = [bench.planned(), bench.planned()];
      const created = bench.store.createOperations({
        operations: plans,
        pendingMax: 10,
        now: bench.now,
      });
      const closed = bench.store.close();
      const outcomes = await created;
      await closed;
      await bench.reopen!();
      for (const [i, { id }] of plans.entries()) {
        assert.deepStrictEqual(outcomes[i], {
          outcome: 'created',
          operation: await bench.record(id),
        });
      }
    },
  },
];
