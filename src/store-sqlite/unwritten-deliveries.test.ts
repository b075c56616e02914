import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import assert from 'node:assert/strict';
import { StoreBench } from '../testing/store-bench.ts';
import type { Delivery, DeliveryState } from '../core/delivery.ts';
import { delivered, endedBy, failed } from '../testing/webhook-bench.ts';
import { WriteConnection } from './connection.ts';
import { failStatement } from './failing-statement.fixture.ts';
import { openSqliteStore } from './sqlite-store.ts';

type Bench = {
  readonly bench: StoreBench;
  readonly file: string;
  /** The store as it would be had its process died now. */
  readonly killed: () => Promise<StoreBench>;
};

async function open(t: TestContext, synchronous: 'normal' | 'full' = 'normal'): Promise<Bench> {
  const folder = mkdtempSync(path.join(tmpdir(), 'raincheck-unwritten-'));
  const file = path.join(folder, 'raincheck.db');
  const opened: StoreBench[] = [];
  const at = async (file: string): Promise<StoreBench> => {
    const store = await openSqliteStore({ path: file, synchronous });
    const bench = new StoreBench({ store, close: async () => {} });
    opened.push(bench);
    return bench;
  };
  t.after(async () => {
    for (const { store } of opened) await store.close();
    rmSync(folder, { recursive: true });
  });
  const bench = await at(file);
  const killed = async (): Promise<StoreBench> => {
    const copy = path.join(folder, `copy-${opened.length}.db`);
    cpSync(file, copy);
    cpSync(`${file}-wal`, `${copy}-wal`);
    const later = await at(copy);
    later.now = bench.now;
    return later;
  };
  return { bench, file, killed };
}

/** Of the event loop. */
async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i += 1) await new Promise(setImmediate);
}

describe('deliveries in flight whose rows are not written', () => {
  it('are found in flight after the process has died, and their attempts in the log', async (t) => {
    const { bench, killed } = await open(t);
    const { webhooks } = bench;
    const to = await webhooks.endpoint();
    const made = await webhooks.createMany(to, 3);
    const inFlight = await webhooks.claim({ limit: 2, endpointInFlightMax: 2 });
    assert.equal(inFlight.length, 2);
    const after = await killed();
    const { id } = inFlight[0]!.delivery;
    const found = await after.webhooks.record(id);
    const { lease, ...rest } = inFlight[0]!.delivery;
    assert.deepEqual({ ...found, lease: null }, { ...rest, lease: null });
    assert.equal(found.lease?.expiresAt, lease?.expiresAt);
    const { changed } = await after.webhooks.sweep({ workerDead: true });
    assert.deepEqual(
      changed.map(({ state, attempts }) => [state, attempts]),
      [
        ['pending', 1],
        ['pending', 1],
      ],
    );
    const [attempt, ...others] = await after.store.listDeliveryAttempts({ id });
    assert.deepEqual([attempt?.number, attempt?.outcome, others], [1, 'unknown', []]);
    const again = await after.webhooks.claimIds({ endpointInFlightMax: 3 });
    assert.deepEqual(new Set(again), new Set(made));
    await after.webhooks.assertSound();
  });

  it('are as they ended after the process has died, once that was acknowledged', async (t) => {
    const { bench, killed } = await open(t);
    const { webhooks } = bench;
    await webhooks.createMany(await webhooks.endpoint(), 4);
    const claimed = await webhooks.claim({ endpointInFlightMax: 4 });
    const [first, second, failing] = claimed.map(({ delivery }) => delivery);
    await Promise.all([webhooks.deliver(first!), webhooks.deliver(second!)]);
    await webhooks.fail(failing!, bench.now + 5_000);
    const after = await killed();
    const states = await Promise.all(
      claimed.map(async ({ delivery }) => (await after.webhooks.record(delivery.id)).state),
    );
    assert.deepEqual(states, ['delivered', 'delivered', 'pending', 'sending']);
    await after.webhooks.assertSound();
  });

  it('are in flight again when the commit of their end fails, and end when it is told again', async (t) => {
    const { bench } = await open(t);
    const { webhooks, store } = bench;
    await webhooks.createMany(await webhooks.endpoint(), 2);
    const [one, other] = await webhooks.claim({ endpointInFlightMax: 2 });
    const sending = one!.delivery;
    const failing = failStatement({ nth: 'commit', with: 'full', when: 'before' });
    await assert.rejects(webhooks.deliver(sending), { code: 'store_unavailable' });
    failing.stop();
    assert.deepEqual(await webhooks.record(sending.id), sending);
    const none = await webhooks.claimIds({ endpointInFlightMax: 2 });
    assert.deepEqual(none, [], 'both are in flight');
    await webhooks.deliver(sending);
    assert.equal((await webhooks.record(sending.id)).state, 'delivered');
    assert.equal((await webhooks.record(other!.delivery.id)).state, 'sending');
    const lost = {
      id: sending.id,
      token: sending.lease?.token ?? '',
      result: delivered(),
      next: null,
    };
    const outcomes = await store.settleDeliveries({ settlements: [lost], now: bench.now });
    assert.deepEqual(outcomes, ['lost']);
    await webhooks.assertSound();
  });

  it('stay in flight whichever statement fails as they are written, and are claimed by nobody else', async (t) => {
    const { bench } = await open(t);
    const { webhooks } = bench;
    const to = await webhooks.endpoint();
    for (let nth = 1; ; nth += 1) {
      const sending = await webhooks.sending(to);
      const end = endedBy(sending, failed({ endpointFault: false }), bench.now + 5_000);
      const statement = failStatement({ nth, with: 'full', when: 'before' });
      const [{ status }] = await Promise.allSettled([webhooks.settle(end)]);
      const isOver = statement.stop() < nth;
      if (status === 'rejected') {
        assert.deepEqual(await webhooks.claimIds(), [], `it is in flight after statement ${nth}`);
        assert.deepEqual(await webhooks.record(sending.id), sending);
        assert.deepEqual(await webhooks.settle(end), ['applied']);
      }
      await webhooks.discard(sending.id);
      if (isOver) break;
    }
    await webhooks.assertSound();
  });

  it('have their end written once it has waited for some milliseconds, whatever else ends', async (t) => {
    const { bench, killed } = await open(t);
    const { webhooks } = bench;
    await webhooks.createMany(await webhooks.endpoint(), 4);
    const claimed = await webhooks.claim({ endpointInFlightMax: 4 });
    const [first, second] = claimed.map(({ delivery }) => delivery);
    const settling = [webhooks.settle(endedBy(first!, delivered()))];
    await turns(2); // Committed.
    assert.equal((await (await killed()).webhooks.record(first!.id)).state, 'sending');
    const startedAt = performance.now();
    t.mock.method(performance, 'now', () => startedAt + 1_000); // As when each commit waits for a slow disk.
    settling.push(webhooks.settle(endedBy(second!, delivered())));
    await turns(2);
    assert.equal((await (await killed()).webhooks.record(first!.id)).state, 'delivered');
    assert.deepEqual(await Promise.all(settling), [['applied'], ['applied']]);
  });

  it('are in flight again when a write that is none of theirs undoes the commit, which refuses only what waited', async (t) => {
    const { bench } = await open(t);
    const { webhooks } = bench;
    await webhooks.createMany(await webhooks.endpoint(), 4);
    const claimed = await webhooks.claim({ endpointInFlightMax: 4 });
    const [waits, beside, other] = claimed.map(({ delivery }) => delivery);
    const { id } = await bench.create();
    const waiting = webhooks.settle(endedBy(waits!, delivered()));
    await turns(2); // Committed, but not written.
    const [late, early, culprit, claim] = await Promise.allSettled([
      waiting,
      webhooks.settle(endedBy(beside!, delivered())),
      bench.submit({ id }), // There is one already: a defect.
      webhooks.claimIds({ endpointInFlightMax: 4 }),
    ]);
    assert.equal(culprit.status, 'rejected');
    assert.deepEqual(early, { status: 'fulfilled', value: ['applied'] });
    assert.deepEqual(claim, { status: 'fulfilled', value: [] });
    assert.equal(late.status === 'rejected' && late.reason.code, 'store_unavailable');
    await webhooks.deliver(waits!);
    await webhooks.deliver(other!);
    for (const done of [waits!, beside!, other!]) {
      assert.equal((await webhooks.attempts(done.id)).length, 1);
    }
    await webhooks.assertSound();
  });

  it('are all written when the store is closed', async (t) => {
    const { bench, file } = await open(t);
    const { webhooks, store } = bench;
    await webhooks.createMany(await webhooks.endpoint(), 3);
    const claimed = await webhooks.claim();
    const [one, other] = claimed.map(({ delivery }) => delivery);
    const settling = [webhooks.settle(endedBy(one!, delivered()))];
    await turns(2);
    settling.push(webhooks.settle(endedBy(other!, delivered())));
    await store.close();
    assert.deepEqual(await Promise.all(settling), [['applied'], ['applied']]);
    const closed = new WriteConnection(file, { synchronous: 'normal' });
    t.after(() => {
      closed.close();
    });
    assert.equal(closed.scalar('SELECT count(*) FROM delivery_claims'), 0);
    const states = closed.scalar('SELECT group_concat(state ORDER BY state) FROM deliveries');
    assert.equal(states, 'delivered,delivered,sending');
  });

  it('are as their rows say when a commit was stored although it failed', async (t) => {
    const { bench } = await open(t);
    const { webhooks } = bench;
    await webhooks.createMany(await webhooks.endpoint(), 3);
    const [failing, delivering, other] = await webhooks.claim();
    const ends = [
      endedBy(failing!.delivery, failed(), bench.now + 5_000),
      endedBy(delivering!.delivery, delivered()),
    ];
    for (const end of ends) {
      const commit = failStatement({ nth: 'commit', with: 'full', when: 'after' });
      await assert.rejects(webhooks.settle(end), { code: 'store_unavailable' });
      commit.stop();
    }
    assert.equal((await webhooks.record(ends[0]!.id)).state, 'pending');
    assert.deepEqual(await webhooks.settle(ends[0]!), ['lost'], 'it was stored');
    await webhooks.settle(ends[1]!);
    for (const { id } of ends) {
      const numbers = (await webhooks.attempts(id)).map(({ number }) => number);
      assert.deepEqual(numbers, [1], 'one attempt, one line in its log');
    }
    const { health } = await webhooks.kept({ id: failing!.delivery.endpointId });
    assert.equal(health.failures, 0, 'a success came last');
    await webhooks.deliver(other!.delivery);
    await webhooks.assertSound();
  });

  it('end when that is told again, after another process has kept their end from being written', async (t) => {
    const { bench, file } = await open(t);
    const { webhooks, store } = bench;
    await webhooks.createMany(await webhooks.endpoint(), 4);
    const claimed = await webhooks.claim({ endpointInFlightMax: 3 });
    const [one, other, last] = claimed.map(({ delivery }) => delivery);
    const health = (await webhooks.kept({ id: one!.endpointId })).health;
    const refusals: unknown[] = [];
    const ends = [one!, other!].map(async (sending) => {
      await webhooks.settle(endedBy(sending, delivered())).catch((error) => refusals.push(error));
    });
    await turns(2); // Committed, but not written: others are in flight.
    const blocking = new WriteConnection(file, { synchronous: 'normal' });
    t.after(() => {
      blocking.close();
    });
    t.mock.timers.enable({ apis: ['setTimeout'] });
    blocking.begin();
    for (let tries = 0; tries < 50 && refusals.length < 2; tries += 1) {
      await turns(2);
      t.mock.timers.tick(250); // The longest delay between two tries.
    }
    await Promise.all(ends);
    assert.deepEqual(
      refusals.map((error) => (error as { code?: string }).code),
      ['store_unavailable', 'store_unavailable'],
    );
    assert.deepEqual(await webhooks.record(one!.id), one, 'nothing of it is stored');
    blocking.rollback();
    const more = await webhooks.claimIds({ endpointInFlightMax: 3 });
    assert.deepEqual(more, [], 'all are in flight as they were');
    assert.deepEqual((await webhooks.kept({ id: one!.endpointId })).health, health);
    await webhooks.deliver(one!);
    await webhooks.deliver(other!);
    const numbers = (await webhooks.attempts(one!.id)).map(({ number }) => number);
    assert.deepEqual(numbers, [1], 'one attempt, one line in its log');
    assert.equal((await webhooks.record(last!.id)).state, 'sending');
    assert.equal((await webhooks.claim({ endpointInFlightMax: 3 })).length, 1);
    assert.equal(
      (await store.listDeliveries({ filter: {}, limit: 9, beforeId: null })).deliveries.length,
      4,
    );
    await webhooks.assertSound();
  });

  it('are listed by the state that they are shown in, whatever is claimed in the same turn', async (t) => {
    const { bench } = await open(t);
    const { webhooks, store } = bench;
    const ids = await webhooks.createMany(await webhooks.endpoint(), 6);
    const list = async (...states: DeliveryState[]): Promise<Delivery[]> =>
      webhooks.list({ states });
    const count = (state: DeliveryState): Promise<number> =>
      store.countDeliveries({ filter: { states: [state] } });
    await webhooks.claim({ limit: 1 });
    const [, pending, sending, waiting, flying] = await Promise.all([
      webhooks.claim({ limit: 2 }),
      list('pending'),
      list('sending'),
      count('pending'),
      count('sending'),
    ]);
    assert.deepEqual(new Set(pending.map(({ state }) => state)), new Set(['pending']));
    assert.deepEqual(new Set(sending.map(({ state }) => state)), new Set(['sending']));
    assert.equal(pending.length + sending.length, ids.length, 'each is in one of the two');
    assert.equal(waiting + flying, ids.length);
    await webhooks.assertSound();
  });

  it('are listed as they are shown while a commit is on its way to the disk', async (t) => {
    const { bench } = await open(t, 'full');
    const { webhooks } = bench;
    const ids = await webhooks.createMany(await webhooks.endpoint(), 2);
    const [sending] = await webhooks.claim({ limit: 1 });
    const failing = webhooks.settle(endedBy(sending!.delivery, failed(), bench.now + 5_000));
    const beside = bench.create();
    await turns(1); // Committed, and not yet synced.
    const [pending, flying] = await Promise.all([
      webhooks.list({ states: ['pending'] }),
      webhooks.list({ states: ['sending'] }),
    ]);
    for (const { state } of pending) assert.equal(state, 'pending');
    for (const { state } of flying) assert.equal(state, 'sending');
    assert.equal(pending.length + flying.length, ids.length, 'each is in one of the two');
    await Promise.all([failing, beside]);
  });
});
