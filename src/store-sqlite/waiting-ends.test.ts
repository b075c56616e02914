import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, rmSync, statSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { inFlightAllowed } from '../core/endpoint-health.ts';
import { memoryStore } from '../store-memory/memory-store.ts';
import type { Store } from '../store/store.ts';
import { StoreBench } from '../testing/store-bench.ts';
import { plan, remember, type Call, type RunState } from '../testing/store-command-plans.ts';
import { deliveryClaimPlan, webhookCommands } from '../testing/store-command-webhook-arbitrary.ts';
import { allEndpoints, ownersOf } from '../testing/store-command-webhooks.ts';
import { allDeliveries } from '../testing/webhook-bench.ts';
import { failStatement } from './failing-statement.fixture.ts';
import { openSqliteStore } from './sqlite-store.ts';

/**
 * Random commands while ends of deliveries wait in memory to be written, which store-commands.ts never sees, as it waits for every outcome:
 * here the next command comes before an end is acknowledged. Now and then a statement fails as on a full disk, and what
 * was refused is told again; now and then the store is looked at as it would be had its process, or the power, died just then.
 */
type Step = {
  readonly command: Parameters<typeof plan>[0];
  /** Whether nothing waits after it, and all that is kept is compared. */
  readonly quiet: boolean;
  /** The statement that fails, from 1, or every COMMIT. */
  readonly failing: number | 'commit' | null;
  readonly killed: boolean;
};

const end = fc.record({
  lease: fc.constantFrom(0, 0, 1, 1, 2, 3, 4, 7),
  how: fc.oneof(
    { weight: 14, arbitrary: fc.constant('delivered' as const) },
    { weight: 6, arbitrary: fc.constantFrom('failed', 'mild', 'wait', 'gone', 'abort', 'no more') },
  ),
  nextMs: fc.constantFrom(null, 0, 0, 5, 1_000),
});
const command: fc.Arbitrary<Step['command']> = fc.oneof(
  ...webhookCommands,
  {
    weight: 18,
    arbitrary: fc.record({ type: fc.constant('settle deliveries'), ends: fc.tuple(end) }),
  },
  {
    weight: 8,
    arbitrary: deliveryClaimPlan.map((claim) => ({ type: 'claim deliveries' as const, ...claim })),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constant('advance'),
      ms: fc.constantFrom(1, 5, 1_000, 10_000, 40_000),
    }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('prune') }) },
);
const step: fc.Arbitrary<Step> = fc.record({
  command,
  quiet: fc.constantFrom(false, false, false, true),
  failing: fc.oneof(
    { weight: 6, arbitrary: fc.constant(null) },
    { weight: 1, arbitrary: fc.constant('commit' as const) },
    { weight: 1, arbitrary: fc.integer({ min: 1, max: 40 }) },
  ),
  killed: fc.constantFrom(false, false, false, false, false, false, false, false, true),
});

type Told = { readonly call: Call; readonly expected: unknown; outcome: Promise<unknown> };

class Run {
  readonly #folder = mkdtempSync(path.join(tmpdir(), 'raincheck-waiting-'));
  readonly #file = path.join(this.#folder, 'raincheck.db');
  readonly #model = memoryStore();
  #store: Store | null = null;
  #modelTokens = 0;
  #tokens = 0;
  #copies = 0;
  /** Ends that are not acknowledged yet. */
  #waiting: Told[] = [];
  readonly #state: RunState = {
    now: Date.UTC(2026, 0, 1),
    ids: [],
    leases: [],
    made: 0,
    claimsAtAccept: false,
    deliveries: [],
    endpoints: [],
    deliveryLeases: [],
  };

  async all(steps: readonly Step[]): Promise<void> {
    this.#store = await openSqliteStore({ path: this.#file, synchronous: 'normal' });
    try {
      for (const one of steps) if (!(await this.#step(one))) return;
      await this.#quiet();
      await this.#assertSame();
    } finally {
      await Promise.allSettled(this.#waiting.map(({ outcome }) => outcome));
      await this.#store.close();
      rmSync(this.#folder, { recursive: true });
    }
  }

  get #tested(): Store {
    assert.ok(this.#store);
    return this.#store;
  }

  /** Whether the two can still be compared. */
  async #step({ command, quiet, failing, killed }: Step): Promise<boolean> {
    const call = plan(command, this.#state);
    const expected = await call(this.#model, () => `token-${(this.#modelTokens += 1)}`);
    const isListed = command.type === 'list deliveries';
    // Without states a list shows what is acknowledged.
    if (isListed && command.filter.states === null) await this.#quiet();
    let isDone = false;
    if (failing !== null && !isListed && command.type !== 'advance') {
      const outcome = await this.#failing({ call, expected, failing });
      if (outcome === 'other order') return false;
      isDone = outcome === 'done';
    }
    if (!isDone && command.type === 'settle deliveries') {
      const outcome = this.#call(call);
      outcome.catch(() => undefined);
      this.#waiting.push({ call, expected, outcome });
      for (let turn = 0; turn < 2; turn += 1) await new Promise(setImmediate);
    } else if (!isDone) assert.deepEqual(plain(await this.#call(call)), plain(expected));
    remember(expected, this.#state);
    if (killed) await this.#assertKilled();
    if (quiet) {
      await this.#quiet();
      await this.#assertSame();
    }
    await this.#keepIds();
    return true;
  }

  #call(call: Call): Promise<unknown> {
    return call(this.#tested, () => `token-${(this.#tokens += 1)}`);
  }

  /** What was refused is told again, but for the call itself. */
  async #failing(
    p: Pick<Told, 'call' | 'expected'> & { readonly failing: number | 'commit' },
  ): Promise<'refused' | 'done' | 'other order'> {
    const tokens = this.#tokens;
    const statement = failStatement({ nth: p.failing, with: 'full', when: 'before' });
    const [outcome] = await Promise.allSettled([this.#call(p.call)]);
    statement.stop();
    const isRefused = outcome.status === 'rejected';
    if (isRefused) this.#tokens = tokens;
    for (const one of this.#waiting) {
      const [{ status }] = await Promise.allSettled([one.outcome]);
      if (status === 'fulfilled') continue;
      if (!isRefused) return 'other order';
      one.outcome = Promise.resolve(await this.#call(one.call));
    }
    await this.#quiet();
    if (outcome.status === 'rejected') return 'refused';
    assert.deepEqual(plain(outcome.value), plain(p.expected));
    return 'done';
  }

  /** All that was told is acknowledged, as the model has it. */
  async #quiet(): Promise<void> {
    for (const { outcome, expected } of this.#waiting) assert.deepEqual(await outcome, expected);
    this.#waiting = [];
  }

  async #assertSame(): Promise<void> {
    const [found, expected] = await Promise.all(
      [this.#tested, this.#model].map((store) => allOf(store, this.#state)),
    );
    assert.deepEqual(plain(found), plain(expected));
  }

  /** Whenever the process or the power died, it is sound, and what is due can be sent. */
  async #assertKilled(): Promise<void> {
    for (const share of [1, 0.999, 0.97, 0.9]) {
      this.#copies += 1;
      const copy = path.join(this.#folder, `copy-${this.#copies}.db`);
      cpSync(this.#file, copy);
      cpSync(`${this.#file}-wal`, `${copy}-wal`);
      truncateSync(`${copy}-wal`, Math.floor(statSync(`${copy}-wal`).size * share));
      const store = await openSqliteStore({ path: copy, synchronous: 'normal' });
      try {
        await assertRecovers(store, this.#state.now);
      } finally {
        await store.close();
      }
    }
  }

  async #keepIds(): Promise<void> {
    const state = this.#state;
    const { deliveries, endpoints } = await allOf(this.#model, state);
    const held = new Set(deliveries.map(({ delivery }) => delivery.lease?.token));
    state.deliveryLeases.sort((a, b) => Number(held.has(a.token)) - Number(held.has(b.token)));
    state.deliveries = deliveries.map(({ delivery }) => delivery.id).toReversed();
    const known = new Set(state.endpoints.map(({ id }) => id));
    for (const { endpoint } of endpoints) {
      const { id, tenant, kind } = endpoint;
      if (!known.has(id)) state.endpoints.push({ id, tenant, kind });
    }
  }
}

async function assertRecovers(store: Store, now: number): Promise<void> {
  const bench = new StoreBench({ store, close: async () => {} });
  bench.now = now;
  const { webhooks } = bench;
  for (const { id, attempts } of await webhooks.list()) {
    const numbers = (await webhooks.attempts(id)).map(({ number }) => number);
    assert.deepEqual(
      numbers,
      Array.from({ length: attempts }, (_, i) => i + 1),
    );
  }
  await webhooks.assertSound();
  while ((await webhooks.sweep({ workerDead: true, limit: 3 })).more);
  const everything = { limit: 1_000, endpointInFlightMax: 1_000, originInFlightMax: 1_000 };
  for (let round = 0; round < 5; round += 1) await webhooks.claim(everything);
  for (const { state, nextAt, expiresAt, endpointId } of await webhooks.list()) {
    if (state !== 'pending' || nextAt === null || nextAt > now || expiresAt <= now) continue;
    const sending = await webhooks.list({ endpointId, states: ['sending'] });
    const allowed = inFlightAllowed(await webhooks.kept({ id: endpointId }), 1_000, now);
    assert.ok(sending.length >= allowed, 'what is due is claimed');
  }
  await webhooks.assertSound();
}

async function allOf(store: Store, state: RunState) {
  const endpoints = await allEndpoints(store);
  const list = (filter: Parameters<typeof allDeliveries>[1]['filter']) =>
    allDeliveries(store, { filter, limit: 200 });
  const deliveries = [];
  for (const delivery of await list({})) {
    const attempts = await store.listDeliveryAttempts({ id: delivery.id });
    deliveries.push({ delivery, attempts });
  }
  const secrets = [];
  for (const owner of ownersOf(state)) {
    secrets.push(await store.readSecrets({ owner, now: state.now }));
  }
  const sending = await list({ states: ['sending'] });
  const others = await list({ states: ['pending', 'delivered'] });
  return { endpoints, deliveries, secrets, sending, others };
}

/** Without what JSON does not tell apart. */
function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value) ?? 'null');
}

describe('ends of deliveries that wait to be written', () => {
  it('are seen by every command as if they were written, and are told again after a failure', async () => {
    const { RAINCHECK_TEST_RUNS, RAINCHECK_TEST_SEED, RAINCHECK_TEST_PATH } = process.env;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60, size: 'max' }), (steps) =>
        new Run().all(steps),
      ),
      {
        numRuns: Number(RAINCHECK_TEST_RUNS ?? 15),
        ...(RAINCHECK_TEST_SEED === undefined ? {} : { seed: Number(RAINCHECK_TEST_SEED) }),
        ...(RAINCHECK_TEST_PATH === undefined ? {} : { path: RAINCHECK_TEST_PATH }),
      },
    );
  });
});
