import * as fc from 'fast-check';
import { limits } from '../core/limits.ts';
import {
  leaseMs,
  retentionMs,
  type ClaimPlan,
  type Command,
  type CreatePlan,
  type FilterPlan,
} from './store-command-plans.ts';
import {
  deliveryClaimPlan,
  outageCommands,
  webhookCommands,
  webhookWrites,
} from './store-command-webhook-arbitrary.ts';
import { deliveryAgesMs } from './store-command-webhooks.ts';

/** Few keys, few tasks and small numbers: commands find bugs when they meet. */
const label = fc.constantFrom('a', 'B%', '__proto__');
const small = fc.nat({ max: 7 });
const orNull = <Value>(arbitrary: fc.Arbitrary<Value>): fc.Arbitrary<Value | null> =>
  fc.option(arbitrary, { nil: null, freq: 2 });

const claimPlan: fc.Arbitrary<ClaimPlan> = fc.record({
  limit: fc.integer({ min: 1, max: 5 }),
  tasks: fc.constantFrom([0, 1, 2], [0, 1, 2], [0, 1, 2], [0], [1, 0], []),
  concurrency: fc.constantFrom(null, null, 1, 2, 4),
  keyConcurrency: fc.constantFrom(null, 1, 2),
});

const createPlan: fc.Arbitrary<CreatePlan> = fc.record({
  task: fc.constantFrom(0, 0, 0, 1, 2),
  priority: fc.constantFrom(0, 0, 1, -1),
  delayMs: fc.constantFrom(0, 0, 0, -5, 5, 1_000, limits.delayMsMax + 1),
  waitMs: fc.constantFrom(null, null, 0, 1_000),
  deadlineMs: fc.constantFrom(null, null, 5, 20_000),
  key: fc.constantFrom(null, 'k', 'k', 'l'),
  idempotency: orNull(
    fc.record({ key: fc.nat({ max: 2 }), fingerprint: fc.constantFrom('f', 'f', 'g') }),
  ),
  label: orNull(label),
  taskPendingMax: fc.constantFrom(null, null, null, 3),
  webhook: fc.constantFrom(null, null, 0, 1, 2),
});

const writes: fc.WeightedArbitrary<Command>[] = [
  {
    weight: 6,
    arbitrary: fc.record({
      type: fc.constant('create'),
      operations: fc.array(createPlan, { minLength: 1, maxLength: 4 }),
      pendingMax: fc.constantFrom(100, 100, 100, 6),
      spareSlots: fc.constantFrom(null, null, 0, 2, 9),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      type: fc.constant('settle'),
      ends: fc.array(
        fc.record({
          lease: small,
          how: fc.constantFrom('inline', 'stored', 'failed', 'retry', 'released'),
          retryMs: fc.constantFrom(0, 5, 1_000),
        }),
        { minLength: 1, maxLength: 3 },
      ),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant('extend'),
      leases: fc.array(small, { minLength: 1, maxLength: 3 }),
      fraction: fc.constantFrom(null, 0.5, 1),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant('log'),
      logs: fc.array(
        fc.record({
          lease: small,
          from: fc.nat({ max: 3 }),
          lines: fc.array(fc.constantFrom(1, 20, 2_000), { maxLength: 4 }),
        }),
        { minLength: 1, maxLength: 2 },
      ),
    }),
  },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('cancel'), operation: small }) },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant('remove'),
      operation: small,
      goneMs: fc.constantFrom(1_000, 100_000),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant('pause'),
      task: fc.nat({ max: 2 }),
      paused: fc.constantFrom(false, false, true),
    }),
  },
];

const filterPlan: fc.Arbitrary<FilterPlan> = fc.record({
  task: orNull(fc.nat({ max: 2 })),
  states: fc.constantFrom(
    null,
    ['running'],
    ['scheduled', 'ready', 'parked'],
    ['completed', 'failed'],
  ),
  label: orNull(label),
  code: fc.constantFrom(null, null, 'cancelled', 'task_error'),
  text: fc.constantFrom(null, null, 'b%', 'ERROR 1', 'op_'),
  textInputTasks: orNull(fc.uniqueArray(fc.nat({ max: 2 }))),
  tasks: fc.oneof(fc.constant(null), fc.constant(null), fc.uniqueArray(fc.nat({ max: 2 }))),
  input: fc.constantFrom(null, null, ['text', 'B%'], ['made', '2'], ['text.no', 'a']),
  error: fc.constantFrom(null, null, 'ERROR', 'r 1'),
});

const advance: fc.WeightedArbitrary<Command> = {
  weight: 4,
  arbitrary: fc.record({
    type: fc.constant('advance'),
    ms: fc.oneof(
      { weight: 14, arbitrary: fc.constantFrom(1, 1, 5, 5, 1_000, leaseMs, retentionMs) },
      { weight: 1, arbitrary: fc.constantFrom(...deliveryAgesMs) },
    ),
  }),
};

const reopen: fc.WeightedArbitrary<Command> = {
  weight: 1,
  arbitrary: fc.record({
    type: fc.constant('reopen'),
    jumpMs: fc.constantFrom(0, 0, 5, -5, -1_000, -limits.leaseMsMax),
  }),
};

const prune: fc.WeightedArbitrary<Command> = {
  weight: 1,
  arbitrary: fc.record({ type: fc.constant('prune') }),
};

/** Many deliveries to few endpoints that mostly fail, so that circuits open and close. */
export const outageArbitrary: fc.Arbitrary<Command> = fc.oneof(
  ...outageCommands,
  advance,
  prune,
  reopen,
);

export const commandArbitrary: fc.Arbitrary<Command> = fc.oneof(
  ...writes,
  ...webhookCommands,
  {
    weight: 8,
    arbitrary: claimPlan.map((claim): Command => ({ type: 'claim', ...claim })),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constant('turn'),
      writes: fc.array(fc.oneof(...writes, ...webhookWrites), { minLength: 1, maxLength: 4 }),
      claim: claimPlan,
      deliveryClaim: orNull(deliveryClaimPlan),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant('sweep'),
      workerDead: fc.boolean(),
      recoveriesMax: fc.constantFrom(1, 3),
    }),
  },
  prune,
  advance,
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant('list'),
      filter: filterPlan,
      limit: fc.constantFrom(1, 3, 200),
    }),
  },
  reopen,
);
