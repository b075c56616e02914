import assert from 'node:assert/strict';
import type { WebhookTarget } from '../core/delivery.ts';
import type { Endpoint } from '../core/endpoint.ts';
import type { Operation } from '../core/operation.ts';
import type { Outbox } from '../store/delivery-store.ts';
import { newDelivery } from '../store/new-delivery.ts';
import { completedBy, failedBy, tokenOf, type StoreBench, type StoreCase } from './store-bench.ts';
import { endedBy, failed, requestedWebhook } from './webhook-bench.ts';

/** The deliveries of a final state, made in the step that makes it final. */
export const outboxCases: readonly StoreCase[] = [
  {
    title: 'a completion writes its deliveries in the same step, whole',
    async run(bench) {
      const { webhooks } = bench;
      const to = await webhooks.endpoint();
      const running = await bench.running();
      const planned = webhooks.planned(to, {
        operationId: running.id,
        event: 'operation.completed',
        url: 'https://hooks.example.com/raincheck?from=operation',
        headers: { 'x-shop': 'ü 1', __proto__x: 'y' },
        secret: 'whsec_ZGVsaXZlcnk=',
        body: '{"status":"completed"}',
      });
      bench.now += 7;
      bench.outbox = () => [planned];
      await bench.complete(running);
      const delivery = newDelivery(planned, to, bench.now);
      await webhooks.assertRecord(delivery);
      const { body, headers, secret } = planned;
      assert.deepStrictEqual(await webhooks.stored(planned.id), {
        delivery,
        body,
        headers,
        secret,
      });
      assert.deepStrictEqual(await webhooks.attempts(planned.id), []);
    },
  },
  {
    title: 'the outbox is asked once for each operation that becomes final, with its final record',
    async run(bench) {
      const asked = recording(bench);
      const completed = await bench.completed();
      const failed = await bench.failed();
      const cancelled = await bench.create();
      await bench.cancel(cancelled.id);
      const waiting = await bench.create({ waitUntil: bench.now + 10 });
      bench.now += 10;
      await bench.sweep();
      const lost = await bench.running();
      await bench.sweep({ workerDead: true, recoveriesMax: 1 });
      const wished = await bench.running();
      await bench.cancel(wished.id);
      await bench.release(wished);
      const expected: Operation[] = [];
      for (const { id } of [completed, failed, cancelled, waiting, lost, wished]) {
        expected.push(await bench.record(id));
      }
      assert.deepStrictEqual(
        asked.map(({ operation }) => operation),
        expected,
      );
      assert.deepStrictEqual(
        expected.map(({ error }) => error?.code ?? null),
        [null, 'task_error', 'cancelled', 'queue_timeout', 'worker_lost', 'cancelled'],
      );
    },
  },
  {
    title: 'the outbox is not asked about what is not final, or not changed',
    async run(bench) {
      const asked = recording(bench);
      const running = await bench.running();
      await bench.cancel(running.id);
      await bench.sweep();
      const stale = { ...completedBy(running), token: 'token-of-another' };
      assert.deepStrictEqual(await bench.settle(stale), ['lost']);
      const retried = await bench.fail(await bench.running({ task: 'exports' }), bench.now + 5);
      const released = await bench.release(await bench.running({ task: 'thumbnails' }));
      await bench.running({ task: 'lost' });
      await bench.sweep({ workerDead: true });
      await bench.cancel('op_never');
      assert.deepStrictEqual(
        [retried.state, released.state, await bench.stateOf(running.id)],
        ['scheduled', 'ready', 'failed'],
      );
      // Only the operation with a request to cancel, whose worker the sweep found dead.
      assert.deepStrictEqual(
        asked.map(({ operation }) => operation.id),
        [running.id],
      );
      await bench.cancel(running.id);
      assert.deepStrictEqual(await bench.settle(completedBy(running)), ['lost']);
      assert.equal(asked.length, 1);
    },
  },
  {
    title: 'in one call, each settlement that makes an operation final brings its own deliveries',
    async run(bench) {
      const { webhooks } = bench;
      await webhooks.endpoint();
      await webhooks.endpoint({ url: 'https://other.example.com/' });
      const running = [];
      for (let i = 0; i < 4; i += 1) running.push(await bench.running());
      bench.outbox = webhooks.outbox();
      const [a, b, c, d] = running.map((operation) => completedBy(operation));
      const outcomes = await bench.settle(
        a!,
        { ...b!, token: 'not-its-own' },
        failedBy(running[2]!, bench.now + 100),
        failedBy(running[3]!, null),
        c!,
        d!,
      );
      assert.deepStrictEqual(outcomes, ['applied', 'lost', 'applied', 'applied', 'lost', 'lost']);
      const told = (await webhooks.list()).map(({ operationId, event }) => [operationId, event]);
      assert.deepStrictEqual(told.toReversed(), [
        [running[0]!.id, 'operation.completed'],
        [running[0]!.id, 'operation.completed'],
        [running[3]!.id, 'operation.failed'],
        [running[3]!.id, 'operation.failed'],
      ]);
    },
  },
  {
    title: "the outbox is given the tenant's registered endpoints, ascending, disabled ones too",
    async run(bench) {
      const { webhooks } = bench;
      const first = await webhooks.endpoint({ tenant: 'a', tasks: ['reports'], description: 'ü' });
      const second = await webhooks.endpoint({ tenant: 'a', headers: { 'x-a': '1' } });
      const disabled = await webhooks.change(first, { enabled: false });
      await webhooks.endpoint({ tenant: 'b' });
      await webhooks.endpoint({ tenant: '' });
      const removed = await webhooks.endpoint({ tenant: 'a' });
      await webhooks.remove(removed);
      await webhooks.create(webhooks.requestEndpoint('https://r.example.com/a', { tenant: 'a' }));
      const asked = recording(bench);
      await bench.completed({ tenant: 'a' });
      await bench.completed({ tenant: 'c' });
      assert.deepStrictEqual(
        asked.map(({ registered }) => registered),
        [[disabled, second], []],
      );
    },
  },
  {
    title: 'the outbox is not asked about what nobody can want to be told of',
    async run(bench) {
      const { webhooks } = bench;
      const asked = recording(bench);
      const ids: string[] = [];
      const endEach = async (p: { tenant: string; webhook: WebhookTarget | null }) => {
        ids.push((await bench.completed(p)).id, (await bench.failed(p)).id);
        const cancelled = await bench.create(p);
        await bench.cancel(cancelled.id);
        const late = await bench.create({ ...p, waitUntil: bench.now });
        await bench.sweep();
        ids.push(cancelled.id, late.id);
      };
      await endEach({ tenant: 'a', webhook: null });
      await webhooks.create(webhooks.requestEndpoint('https://r.example.com/a', { tenant: 'a' }));
      await endEach({ tenant: 'a', webhook: null });
      assert.equal(asked.length, 0);
      await endEach({ tenant: 'a', webhook: requestedWebhook });
      const registered = await webhooks.endpoint({ tenant: 'a' });
      await endEach({ tenant: 'b', webhook: null });
      await endEach({ tenant: 'a', webhook: null });
      await webhooks.remove(registered);
      await endEach({ tenant: 'a', webhook: null });
      const told = [...ids.slice(8, 12), ...ids.slice(16, 20)];
      assert.deepStrictEqual(
        asked.map(({ operation }) => operation.id),
        told,
      );
    },
  },
  {
    title: 'without an outbox nothing is written',
    async run(bench) {
      await bench.webhooks.endpoint();
      await bench.completed();
      await bench.cancel((await bench.create()).id);
      assert.deepStrictEqual(await bench.webhooks.list(), []);
    },
  },
  {
    title: 'a final event cancels what waits to tell of the start and progress of its operation',
    async run(bench) {
      const { webhooks } = bench;
      const [a, b] = [await webhooks.endpoint(), await webhooks.endpoint()];
      const off = await webhooks.change(await webhooks.endpoint(), { enabled: false });
      const [running, other] = [await bench.running(), await bench.running()];
      const about = (operationId: string) => ({ operationId, failuresMax: 1 });
      const started = { ...about(running.id), event: 'operation.started' } as const;
      const progress = { ...about(running.id), event: 'operation.progress' } as const;
      const sending = await webhooks.sending(a, started);
      const waiting = [await webhooks.create(a, progress), await webhooks.create(b, started)];
      const held = await webhooks.create(off, progress);
      const kept = [
        await webhooks.create(a, { ...progress, operationId: other.id }),
        await webhooks.create(a, { operationId: running.id, event: 'webhook.test' }),
        sending,
      ];
      bench.now += 5;
      const planned = webhooks.planned(a, {
        operationId: running.id,
        event: 'operation.completed',
      });
      bench.outbox = () => [planned];
      await bench.complete(running);
      for (const before of [...waiting, held]) {
        await webhooks.assertDecided(before, { type: 'discarded' });
      }
      for (const record of kept) await webhooks.assertRecord(record);
      await webhooks.assertRecord(newDelivery(planned, a, bench.now));
    },
  },
  {
    title: 'it is due at once, whatever else is asked for in the same turn',
    async run(bench) {
      const { webhooks, store } = bench;
      await webhooks.endpoint();
      bench.outbox = webhooks.outbox();
      for (const other of [
        () => store.setTaskPaused({ task: 'exports', paused: true }),
        () => store.ping(),
      ]) {
        const running = await bench.running();
        bench.now += 5;
        await Promise.all([bench.settle(completedBy(running)), other()]);
        const [told] = await webhooks.list({ operationId: running.id });
        assert.deepStrictEqual([told?.createdAt, told?.nextAt], [bench.now, bench.now]);
        await webhooks.deliver((await webhooks.claim())[0]!.delivery);
      }
    },
  },
  {
    title: 'it cancels what failed to be told in the same turn, too',
    async run(bench) {
      const { webhooks } = bench;
      const to = await webhooks.endpoint();
      const running = await bench.running();
      const started = { operationId: running.id, event: 'operation.started' } as const;
      const sending = await webhooks.sending(to, started);
      bench.outbox = () => [
        webhooks.planned(to, { operationId: running.id, event: 'operation.completed' }),
      ];
      const outcomes = await Promise.all([
        webhooks.settle(endedBy(sending, failed(), bench.now + 5)),
        bench.settle(completedBy(running)),
      ]);
      assert.deepStrictEqual(outcomes, [['applied'], ['applied']]);
      assert.deepStrictEqual(await webhooks.states(sending.id), ['cancelled']);
    },
  },
  {
    title:
      'what tells of the start or progress comes too late after the final event, and is dropped',
    async run(bench) {
      const { webhooks, store } = bench;
      const to = await webhooks.endpoint();
      bench.outbox = webhooks.outbox();
      const { id } = await bench.completed();
      const other = await bench.running();
      const plans = [
        webhooks.planned(to, { operationId: id, event: 'operation.started' }),
        webhooks.planned(to, { operationId: id, event: 'operation.progress' }),
        webhooks.planned(to, { operationId: other.id, event: 'operation.progress' }),
        webhooks.planned(to, { operationId: id, event: 'webhook.test' }),
      ];
      await webhooks.add(...plans);
      assert.equal(await store.readDelivery({ id: plans[0]!.id }), null);
      assert.equal(await store.readDelivery({ id: plans[1]!.id }), null);
      assert.deepStrictEqual(await webhooks.states(plans[2]!.id, plans[3]!.id), [
        'pending',
        'pending',
      ]);
      assert.equal((await webhooks.list()).length, 3);
    },
  },
  {
    title: 'progress that nobody is told the end of goes on to be sent',
    async run(bench) {
      const { webhooks } = bench;
      const to = await webhooks.endpoint();
      const running = await bench.running();
      const progress = { operationId: running.id, event: 'operation.progress' } as const;
      const before = await webhooks.create(to, progress);
      bench.outbox = () => [];
      await bench.complete(running);
      await webhooks.assertRecord(before);
      const after = await webhooks.create(to, progress);
      assert.deepStrictEqual(await webhooks.claimIds(), [before.id, after.id]);
    },
  },
  {
    title: 'creating the same deliveries again changes nothing',
    async run(bench) {
      const { webhooks } = bench;
      const to = await webhooks.endpoint();
      const [a, b, c] = [1, 2, 3].map(() => webhooks.planned(to));
      await webhooks.add(a!, b!);
      const [sending] = await webhooks.claim({ limit: 1 });
      const waiting = await webhooks.record(b!.id);
      bench.now += 1000;
      await webhooks.add(a!, { ...b!, body: '"another"' }, c!, c!);
      await webhooks.assertRecord(sending!.delivery);
      await webhooks.assertRecord(waiting);
      assert.equal((await webhooks.stored(b!.id)).body, b!.body);
      await webhooks.assertRecord(newDelivery(c!, to, bench.now));
      assert.equal((await webhooks.list()).length, 3);
    },
  },
  {
    title:
      'the delivery of an operation is the one that tells its end to the address of its request',
    async run(bench) {
      const { webhooks, store } = bench;
      await webhooks.endpoint();
      const to = webhooks.requestEndpoint('https://r.example.com/cb');
      const running = await bench.running();
      const { id: operationId } = running;
      const read = () => store.readOperationDelivery({ operationId });
      await webhooks.create(to, { operationId, event: 'operation.progress', failuresMax: 1 });
      assert.equal(await read(), null);
      bench.outbox = webhooks.outbox(to);
      await bench.complete(running);
      const [told] = await webhooks.list({ endpointId: to.id, event: 'operation.completed' });
      assert.deepStrictEqual(await read(), told);
      await webhooks.claim();
      const claimed = await webhooks.record(told!.id);
      assert.equal(claimed.state, 'sending');
      assert.deepStrictEqual(await read(), claimed);
      const done = await webhooks.deliver(claimed);
      assert.deepStrictEqual(await read(), done);
      await webhooks.remove(await webhooks.kept(to));
      assert.deepStrictEqual(await read(), done, 'also when the endpoint was removed');
      assert.equal(await store.readOperationDelivery({ operationId: 'op_never' }), null);
      bench.outbox = webhooks.outbox();
      const other = await bench.completed();
      assert.equal(await store.readOperationDelivery({ operationId: other.id }), null);
    },
  },
  {
    title: 'deliveries outlive the removal of their operation',
    async run(bench) {
      const { webhooks, store } = bench;
      bench.webhook = requestedWebhook;
      bench.outbox = webhooks.outbox(webhooks.requestEndpoint('https://r.example.com/cb'));
      const { id } = await bench.completed();
      const told = await store.readOperationDelivery({ operationId: id });
      assert.ok(told);
      assert.equal(await bench.remove(id), 'removed');
      await webhooks.assertRecord(told);
      assert.deepStrictEqual(await store.readOperationDelivery({ operationId: id }), told);
      assert.deepStrictEqual(await webhooks.claimIds(), [told.id]);
    },
  },
  {
    title: 'an attempt that is handed back or retried brings its delivery when it ends for good',
    async run(bench) {
      const { webhooks } = bench;
      await webhooks.endpoint();
      bench.outbox = webhooks.outbox();
      const running = await bench.running();
      await bench.fail(running, bench.now);
      const [again] = await bench.claim();
      const { operation } = again!;
      await bench.settle({ type: 'released', id: operation.id, token: tokenOf(operation) });
      assert.deepStrictEqual(await webhooks.list(), []);
      const [last] = await bench.claim();
      await bench.fail(last!.operation, null);
      const told = await webhooks.list();
      assert.deepStrictEqual(
        told.map(({ operationId, event }) => [operationId, event]),
        [[running.id, 'operation.failed']],
      );
    },
  },
];

type Asked = { readonly operation: Operation; readonly registered: readonly Endpoint[] };

/** Records the calls of the outbox, in order, and makes no deliveries. */
function recording(bench: StoreBench): Asked[] {
  const asked: Asked[] = [];
  const outbox: Outbox = (operation, registered) => {
    asked.push({ operation, registered: [...registered] });
    return [];
  };
  bench.outbox = outbox;
  bench.webhook = requestedWebhook;
  return asked;
}
