import { describe, it, type TestContext } from 'node:test';
import assert from 'node:assert/strict';
import type { WebhookTarget } from '../core/delivery.ts';
import type { Operation } from '../core/operation.ts';
import type { Outbox } from '../store/delivery-store.ts';
import { completedBy, failedBy, type StoreBench } from '../testing/store-bench.ts';
import { failStatement, type failures } from './failing-statement.fixture.ts';
import { openSqliteBench } from './sqlite-bench.fixture.ts';

const target: WebhookTarget = {
  url: 'https://r.example.com/cb',
  events: ['operation.completed', 'operation.failed'],
  headers: {},
  secret: null,
};

/**
 * A store whose operations have two deliveries each: one to a registered endpoint, one to an
 * endpoint of their own, which its first delivery creates.
 */
async function openWithEndpoint(t: TestContext): Promise<StoreBench> {
  const { bench } = await openSqliteBench(t);
  bench.webhook = target;
  await bench.webhooks.endpoint();
  bench.outbox = (operation, registered) =>
    bench.webhooks.outbox(bench.webhooks.requestEndpoint(`https://${operation.id}.example/`))(
      operation,
      registered,
    );
  return bench;
}

/** A running operation whose started event is waiting to be sent. */
async function running(bench: StoreBench): Promise<{ operation: Operation; startedId: string }> {
  const operation = await bench.running();
  const [to] = (
    await bench.store.listEndpoints({ tenant: '', limit: 200, kind: 'registered', beforeId: null })
  ).endpoints;
  assert.ok(to);
  const { id } = await bench.webhooks.create(to, {
    operationId: operation.id,
    event: 'operation.started',
    failuresMax: 1,
  });
  return { operation, startedId: id };
}

/** If the operation is final, all of its deliveries must exist; otherwise none. */
async function assertBothOrNeither(
  bench: StoreBench,
  { operation, startedId }: { operation: Operation; startedId: string },
): Promise<boolean> {
  const state = await bench.stateOf(operation.id);
  const isFinal = state === 'completed' || state === 'failed';
  const told = await bench.webhooks.list({ operationId: operation.id });
  const events = told.map(({ event }) => event).toSorted();
  const final = `operation.${state}`;
  assert.deepEqual(events, isFinal ? [final, final, 'operation.started'] : ['operation.started']);
  const [started] = await bench.webhooks.states(startedId);
  assert.equal(started, isFinal ? 'cancelled' : 'pending');
  return isFinal;
}

type Way = {
  readonly title: string;
  /** Makes the operation final. */
  readonly end: (bench: StoreBench, operation: Operation) => Promise<unknown>;
};

const ways: readonly Way[] = [
  { title: 'a completion', end: (bench, operation) => bench.settle(completedBy(operation)) },
  { title: 'a failure', end: (bench, operation) => bench.settle(failedBy(operation)) },
  {
    title: 'a sweep',
    end: (bench) => bench.sweep({ workerDead: true, recoveriesMax: 1 }),
  },
];

const faults: readonly { with: keyof typeof failures; when: 'before' | 'after' }[] = [
  { with: 'full', when: 'before' },
  { with: 'full', when: 'after' },
  { with: 'constraint', when: 'before' },
];

describe('the outbox in SQLite', () => {
  for (const { title, end } of ways) {
    for (const fault of faults) {
      it(`is written with ${title}, or neither, when any statement fails: ${fault.with}, ${fault.when}`, async (t) => {
        const bench = await openWithEndpoint(t);
        let statements = 0;
        let failed = 0;
        for (let nth = 1; statements === 0 || nth <= statements + 1; nth += 1) {
          const one = await running(bench);
          const failing = failStatement({ nth, ...fault });
          const outcome = await end(bench, one.operation).then(
            () => 'fulfilled',
            () => 'rejected',
          );
          statements = Math.max(statements, failing.stop());
          const isFinal = await assertBothOrNeither(bench, one);
          if (outcome === 'fulfilled') assert.ok(isFinal, `statement ${nth}`);
          else failed += 1;
          // After the failure a worker tries again; then all is as if nothing had happened.
          await end(bench, one.operation);
          assert.ok(await assertBothOrNeither(bench, one), `statement ${nth}`);
        }
        t.diagnostic(`${statements} statements, ${failed} of their failures rejected the call`);
        assert.ok(failed >= 10);
        await bench.assertCountersExact();
      });
    }
  }

  it('rejects only the write whose outbox throws', async (t) => {
    const bench = await openWithEndpoint(t);
    const [bad, good] = [await running(bench), await running(bench)];
    const outbox = bench.outbox;
    assert.ok(outbox);
    const defect = new TypeError('a defect');
    bench.outbox = (operation, registered) => {
      if (operation.id === bad.operation.id) throw defect;
      return outbox(operation, registered);
    };
    const outcomes = await Promise.allSettled([
      bench.settle(completedBy(good.operation)),
      bench.settle(completedBy(bad.operation)),
      bench.create(),
    ]);
    assert.deepEqual(
      outcomes.map(({ status }) => status),
      ['fulfilled', 'rejected', 'fulfilled'],
    );
    assert.equal((outcomes[1] as PromiseRejectedResult).reason, defect);
    assert.equal(await assertBothOrNeither(bench, good), true);
    assert.equal(await assertBothOrNeither(bench, bad), false);
    bench.outbox = outbox;
    await bench.settle(completedBy(bad.operation));
    assert.equal(await assertBothOrNeither(bench, bad), true);
    await bench.assertCountersExact();
  });

  it('rejects only the write whose deliveries cannot be stored', async (t) => {
    const bench = await openWithEndpoint(t);
    const [bad, good] = [await running(bench), await running(bench)];
    const outbox = bench.outbox;
    assert.ok(outbox);
    const halfBad: Outbox = (operation, registered) =>
      outbox(operation, registered).map((one, i) =>
        operation.id === bad.operation.id && i === 1 ? { ...one, failuresMax: 1.5 } : one,
      );
    bench.outbox = halfBad;
    const outcomes = await Promise.allSettled([
      bench.settle(completedBy(bad.operation)),
      bench.settle(completedBy(good.operation)),
    ]);
    assert.match(
      String((outcomes[0] as PromiseRejectedResult).reason),
      /REAL value in INTEGER column/,
    );
    assert.equal(await assertBothOrNeither(bench, good), true);
    assert.equal(await assertBothOrNeither(bench, bad), false);
    await bench.assertCountersExact();
  });
});
