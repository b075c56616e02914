import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import assert from 'node:assert/strict';
import { StoreBench } from '../testing/store-bench.ts';
import { delivered } from '../testing/webhook-bench.ts';
import { failStatement } from './failing-statement.fixture.ts';
import { openSqliteStore } from './sqlite-store.ts';

type Bench = {
  readonly bench: StoreBench;
  /** The store as it would be had its process died now. */
  readonly killed: () => Promise<StoreBench>;
};

async function open(t: TestContext): Promise<Bench> {
  const folder = mkdtempSync(path.join(tmpdir(), 'raincheck-unwritten-'));
  const file = path.join(folder, 'raincheck.db');
  const opened: StoreBench[] = [];
  const at = async (file: string): Promise<StoreBench> => {
    const store = await openSqliteStore({ path: file, synchronous: 'normal' });
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
  return { bench, killed };
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
});
