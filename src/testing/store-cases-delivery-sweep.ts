import assert from 'node:assert/strict';
import type { Delivery } from '../core/delivery.ts';
import { limits } from '../core/limits.ts';
import type { StoreCase } from './store-bench.ts';

/** Lost workers, and deliveries that expire. */
export const deliverySweepCases: readonly StoreCase[] = [
  {
    title:
      'a delivery whose lease ran out waits again at once, uncounted, and is sent under its id',
    async run(bench) {
      const { webhooks } = bench;
      const to = await webhooks.endpoint();
      const sending = await webhooks.sending(to);
      const startedAt = bench.now;
      bench.now += webhooks.leaseMs - 1;
      assert.deepStrictEqual(await webhooks.sweep(), { changed: [], more: false });
      await webhooks.assertRecord(sending);
      bench.now += 1;
      const swept = await webhooks.sweep();
      const expected = await webhooks.assertDecided(sending, lost);
      assert.deepStrictEqual(swept, { changed: [expected], more: false });
      assert.deepStrictEqual(
        [expected.state, expected.nextAt, expected.failures, expected.attempts],
        ['pending', bench.now, 0, 1],
      );
      assert.deepStrictEqual(await webhooks.attempts(sending.id), [
        {
          deliveryId: sending.id,
          number: 1,
          trigger: 'schedule',
          worker: 'w1',
          startedAt,
          endedAt: bench.now,
          outcome: 'unknown',
          answer: null,
          error: null,
          detail: null,
          timings: null,
          nextAt: bench.now,
          nextReason: expected.nextReason,
        },
      ]);
      assert.deepStrictEqual(await webhooks.kept(to), to, 'nothing is known of the endpoint');
      const [again] = await webhooks.claim({ worker: 'w2' });
      assert.deepStrictEqual([again?.delivery.id, again?.delivery.attempts], [sending.id, 2]);
    },
  },
  {
    title: 'an expired lease never loses a delivery, however often its worker dies',
    async run(bench) {
      const { webhooks } = bench;
      const to = await webhooks.endpoint();
      const { id } = await webhooks.create(to, { expiresAt: bench.now + 10_000_000 });
      for (let times = 1; times <= 20; times += 1) {
        assert.deepStrictEqual(await webhooks.claimIds(), [id]);
        bench.now += webhooks.leaseMs;
        assert.equal((await webhooks.sweep()).changed.length, 1);
      }
      const { failures, attempts, state } = await webhooks.record(id);
      assert.deepStrictEqual([failures, attempts, state], [0, 20, 'pending']);
    },
  },
  {
    title: 'deliveries of a dead worker wait again at once',
    async run(bench) {
      const { webhooks } = bench;
      const to = await webhooks.endpoint();
      const sending = [await webhooks.sending(to), await webhooks.sending(to)];
      const waiting = await webhooks.create(to);
      const { changed, more } = await webhooks.sweep({ workerDead: true });
      assert.equal(more, false);
      assert.deepStrictEqual(ids(changed), ids(sending));
      for (const before of sending) {
        await webhooks.assertDecided(before, { ...lost, workerDead: true });
      }
      await webhooks.assertRecord(waiting);
      assert.deepStrictEqual(await webhooks.sweep({ workerDead: true }), {
        changed: [],
        more: false,
      });
    },
  },
  {
    title: 'a lease of a delivery further ahead than any legal one counts as expired',
    async run(bench) {
      const { webhooks } = bench;
      const sending = await webhooks.sending(await webhooks.endpoint());
      const { expiresAt } = sending.lease!;
      await bench.reopen?.();
      bench.now = expiresAt - limits.leaseMsMax;
      assert.deepStrictEqual((await webhooks.sweep()).changed, []);
      bench.now -= 1;
      const swept = await webhooks.sweep();
      assert.deepStrictEqual(swept.changed, [await webhooks.assertDecided(sending, lost)]);
    },
  },
  {
    title: 'a lost attempt that is never retried is cancelled',
    async run(bench) {
      const { webhooks } = bench;
      const to = await webhooks.endpoint();
      const sending = await webhooks.sending(to, { failuresMax: 1 });
      bench.now += webhooks.leaseMs;
      await webhooks.sweep();
      const after = await webhooks.assertDecided(sending, lost);
      assert.equal(after.state, 'cancelled');
      assert.equal((await webhooks.attempts(after.id))[0]?.nextAt, null);
    },
  },
  {
    title: 'a lost attempt is held when its endpoint is disabled, cancelled when it was removed',
    async run(bench) {
      const { webhooks } = bench;
      const [off, gone] = [
        await webhooks.endpoint({ url: 'https://off.example/' }),
        await webhooks.endpoint({ url: 'https://gone.example/' }),
      ];
      const [a, b] = [await webhooks.sending(off), await webhooks.sending(gone)];
      await webhooks.change(off, { enabled: false });
      await webhooks.remove(gone);
      bench.now += webhooks.leaseMs;
      const { changed } = await webhooks.sweep();
      const after = [await webhooks.assertDecided(a, lost), await webhooks.assertDecided(b, lost)];
      assert.deepStrictEqual(
        after.map(({ state }) => state),
        ['held', 'cancelled'],
      );
      assert.deepStrictEqual(ids(changed), ids(after));
      for (const { id } of after) assert.equal((await webhooks.attempts(id))[0]?.nextAt, null);
    },
  },
  {
    title: 'what waits past its time expires, held ones too; what is sent is left to its worker',
    async run(bench) {
      const { webhooks } = bench;
      const to = await webhooks.endpoint();
      const off = await webhooks.change(await webhooks.endpoint(), { enabled: false });
      const expiresAt = bench.now + 5_000;
      const sending = await webhooks.sending(to, { expiresAt });
      const pending = await webhooks.create(to, { expiresAt });
      const held = await webhooks.create(off, { expiresAt });
      const later = await webhooks.create(to, { expiresAt: expiresAt + 1 });
      bench.now = expiresAt - 1;
      assert.deepStrictEqual(await webhooks.sweep(), { changed: [], more: false });
      bench.now = expiresAt;
      const { changed, more } = await webhooks.sweep();
      assert.equal(more, false);
      assert.deepStrictEqual(ids(changed), ids([pending, held]));
      for (const before of [pending, held]) {
        const after = await webhooks.assertDecided(before, { type: 'expired' });
        assert.deepStrictEqual(
          changed.find(({ id }) => id === before.id),
          after,
        );
        assert.deepStrictEqual(
          [after.state, after.finishedAt, after.removeAt],
          ['expired', bench.now, bench.now + limits.deliveryMs],
        );
      }
      for (const record of [sending, later]) await webhooks.assertRecord(record);
      assert.equal((await webhooks.deliver(sending)).state, 'delivered');
    },
  },
  {
    title: 'a lost attempt past its time expires in the same step',
    async run(bench) {
      const { webhooks } = bench;
      const to = await webhooks.endpoint();
      const sending = await webhooks.sending(to, { expiresAt: bench.now + 10 });
      bench.now += webhooks.leaseMs;
      const swept = await webhooks.sweep();
      const after = await webhooks.assertDecided(sending, lost);
      assert.equal(after.state, 'expired');
      assert.deepStrictEqual(swept, { changed: [after], more: false });
    },
  },
  {
    title: 'a sweep of deliveries stops at its limit and says so; the next goes on',
    async run(bench) {
      const { webhooks } = bench;
      const to = await webhooks.endpoint();
      const expected = await webhooks.createMany(to, 4);
      assert.equal((await webhooks.claim()).length, 4);
      expected.push(...(await webhooks.createMany(to, 6, { expiresAt: bench.now + 10 })));
      bench.now += webhooks.leaseMs;
      const changed: Delivery[] = [];
      for (let more = true, sweeps = 0; more; sweeps += 1) {
        assert.ok(sweeps < 10, 'sweeps get on');
        const swept = await webhooks.sweep({ limit: 3 });
        assert.ok(swept.changed.length <= 3);
        assert.ok(swept.changed.length === 3 || !swept.more);
        changed.push(...swept.changed);
        more = swept.more;
      }
      assert.deepStrictEqual(ids(changed), expected.toSorted());
    },
  },
  {
    title: 'a sweep of deliveries leaves alone what is healthy, or over',
    async run(bench) {
      const { webhooks } = bench;
      const to = await webhooks.endpoint();
      const short = { expiresAt: bench.now + 5 };
      const cancelled = await webhooks.create(to, short);
      await webhooks.discard(cancelled.id);
      const healthy = [
        await webhooks.dead(to, short),
        await webhooks.deliver(await webhooks.sending(to, short)),
        await webhooks.record(cancelled.id),
        await webhooks.sending(to),
        await webhooks.create(to),
      ];
      bench.now += 10;
      assert.deepStrictEqual(await webhooks.sweep(), { changed: [], more: false });
      for (const record of healthy) await webhooks.assertRecord(record);
    },
  },
];

const lost = { type: 'lease_expired', workerDead: false } as const;

function ids(deliveries: readonly Delivery[]): string[] {
  return deliveries.map(({ id }) => id).toSorted();
}
