import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Delivery } from '../core/delivery.ts';
import type { Operation } from '../core/operation.ts';
import type { EndpointWithCounts } from '../store/delivery-store.ts';
import type { Store, TaskRecord } from '../store/store.ts';
import { memoryStore } from '../store-memory/memory-store.ts';
import { allPages, StoreBench, type OpenStore } from './store-bench.ts';
import {
  claimCall,
  plan,
  remember,
  type Call,
  type Command,
  type RunState,
} from './store-command-plans.ts';
import { allEndpoints, deliveryClaimCall, ownersOf } from './store-command-webhooks.ts';
import { allDeliveries } from './webhook-bench.ts';

/**
 * Runs random sequences of commands against a store and the model (memoryStore) side by side, as a
 * node:test case: every outcome must be equal, and, after every command, every record and every
 * counter. `ready` and `parked` count as one state, because each store may choose when to park an
 * operation that cannot run.
 *
 * RAINCHECK_TEST_RUNS sets the number of sequences (default `runs` or 100). A failure prints the
 * shortest sequence found, with its seed and path; RAINCHECK_TEST_SEED and RAINCHECK_TEST_PATH run
 * that one again.
 */
export function exerciseStoreCommands(p: {
  readonly name: string;
  readonly open: OpenStore;
  readonly runs?: number;
}): void {
  const { RAINCHECK_TEST_RUNS, RAINCHECK_TEST_SEED, RAINCHECK_TEST_PATH } = process.env;
  describe(p.name, () => {
    it('does what the model does, whatever the sequence of commands', async () => {
      // Loaded here, so that the rest of testing/ works without fast-check.
      const fc = await import('fast-check');
      const { commandArbitrary, outageArbitrary } = await import('./store-command-arbitrary.ts');
      const length = { maxLength: 60, size: 'max' } as const;
      const sequences = fc.oneof(
        { weight: 2, arbitrary: fc.array(commandArbitrary, length) },
        { weight: 1, arbitrary: fc.array(outageArbitrary, length) },
      );
      await fc.assert(
        fc.asyncProperty(sequences, (commands) => assertAgrees(p.open, commands)),
        {
          numRuns: Number(RAINCHECK_TEST_RUNS ?? p.runs ?? 100),
          ...(RAINCHECK_TEST_SEED === undefined ? {} : { seed: Number(RAINCHECK_TEST_SEED) }),
          ...(RAINCHECK_TEST_PATH === undefined ? {} : { path: RAINCHECK_TEST_PATH }),
        },
      );
    });
  });
}

/** One store with the tokens that it has given out. */
class Side {
  store: Store;
  #tokens = 0;

  constructor(store: Store) {
    this.store = store;
  }

  newToken = (): string => {
    this.#tokens += 1;
    return `token-${this.#tokens}`;
  };

  call(calls: readonly Call[]): Promise<unknown[]> {
    return Promise.all(calls.map((call) => call(this.store, this.newToken)));
  }
}

async function assertAgrees(open: OpenStore, commands: readonly Command[]): Promise<void> {
  const opened = await open();
  try {
    const model = new Side(memoryStore());
    const tested = new Side(opened.store);
    const state: RunState = {
      now: Date.UTC(2026, 0, 1),
      ids: [],
      leases: [],
      made: 0,
      claimsAtAccept: opened.store.capabilities.claimsAtAccept,
      deliveries: [],
      endpoints: [],
      deliveryLeases: [],
    };
    for (const [i, command] of commands.entries()) {
      const at = `command ${i + 1} of ${commands.length}: ${command.type}`;
      if (command.type === 'reopen') {
        if (opened.reopen === undefined) continue;
        tested.store = await opened.reopen();
        state.now += command.jumpMs;
      } else {
        const calls = callsOf(command, state);
        const expected = await model.call(calls);
        assertSame(await tested.call(calls), expected, `the outcome differs after ${at}`);
        for (const outcome of expected) remember(outcome, state);
      }
      const expected = await allOf(model.store);
      assertSame(await allOf(tested.store), expected, `what is kept differs after ${at}`);
      state.leases = heldLast(state.leases, expected.operations);
      state.deliveryLeases = heldLast(state.deliveryLeases, expected.deliveries);
      keepIds(state, expected);
    }
    await assertSameDetails(model.store, tested.store, state);
    await new StoreBench({ ...opened, store: tested.store }).assertCountersExact();
  } finally {
    await opened.close();
  }
}

function callsOf(command: Exclude<Command, { type: 'reopen' }>, state: RunState): Call[] {
  if (command.type !== 'turn') return [plan(command, state)];
  const writes = command.writes.map((write) => {
    assert.ok(write.type !== 'turn' && write.type !== 'reopen');
    return plan(write, state);
  });
  const claims = [claimCall(command.claim, state)];
  if (command.deliveryClaim !== null) claims.push(deliveryClaimCall(command.deliveryClaim, state));
  return [...writes, ...claims];
}

/** Small numbers stand for leases that still hold, larger ones for lost ones. */
function heldLast<Lease extends { token: string }>(
  leases: readonly Lease[],
  records: readonly { readonly lease: { readonly token: string } | null }[],
): Lease[] {
  const tokens = new Set(records.map(({ lease }) => lease?.token));
  const holds = ({ token }: Lease): boolean => tokens.has(token);
  return [...leases.filter((lease) => !holds(lease)), ...leases.filter(holds)];
}

/** Remembers all ids, also those that an outbox made; ids of removed records stay known. */
function keepIds(state: RunState, { deliveries, endpoints }: All): void {
  state.deliveries = deliveries.map(({ id }) => id).toReversed();
  const known = new Set(state.endpoints.map(({ id }) => id));
  for (const { endpoint } of endpoints) {
    const { id, tenant, kind } = endpoint;
    if (!known.has(id)) state.endpoints.push({ id, tenant, kind });
  }
}

type All = {
  readonly tasks: readonly TaskRecord[];
  readonly operations: readonly Operation[];
  readonly deliveries: readonly Delivery[];
  readonly endpoints: readonly EndpointWithCounts[];
};

async function allOf(store: Store): Promise<All> {
  return {
    tasks: await store.readTasks(),
    operations: await allPages(store, { filter: {}, limit: 200 }),
    deliveries: await allDeliveries(store, { filter: {}, limit: 200 }),
    endpoints: await allEndpoints(store),
  };
}

/** Compares what lists do not show, once at the end. */
async function assertSameDetails(model: Store, tested: Store, state: RunState): Promise<void> {
  for (const id of state.ids) {
    const [expected, found] = await Promise.all([detailsOf(model, id), detailsOf(tested, id)]);
    assertSame(found, expected, `details of ${id} differ at the end`);
  }
  for (const id of state.deliveries) {
    const read = async (store: Store): Promise<object> => ({
      stored: await store.readDelivery({ id }),
      attempts: await store.listDeliveryAttempts({ id }),
    });
    assertSame(await read(tested), await read(model), `details of ${id} differ at the end`);
  }
  const { now } = state;
  for (const owner of ownersOf(state)) {
    const [expected, found] = await Promise.all(
      [model, tested].map((store) => store.readSecrets({ owner, now })),
    );
    assertSame(found, expected, `the secrets of ${owner} differ at the end`);
  }
}

async function detailsOf(store: Store, id: string): Promise<object> {
  const bytes: number[] = [];
  for await (const chunk of store.readResult({ id, start: 1, end: 1000 })) bytes.push(...chunk);
  return {
    operation: await store.readOperation({ id }),
    gone: await store.isGone({ id }),
    input: await store.readInput({ id }),
    attempts: await store.listAttempts({ id }),
    logs: await store.readLogs({ id, after: 1, limit: 500 }),
    told: await store.readOperationDelivery({ operationId: id }),
    bytes,
  };
}

function assertSame(found: unknown, expected: unknown, message: string): void {
  try {
    assert.deepStrictEqual(normalised(found), normalised(expected));
  } catch (error) {
    const diff = error instanceof Error ? error.message : String(error);
    throw new Error(`${message}\n${diff}`, { cause: error });
  }
}

function normalised(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(normalised);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([key, member]) => [
    key,
    key === 'state' && member === 'parked' ? 'ready' : normalised(member),
  ]);
  return Object.fromEntries(entries);
}
