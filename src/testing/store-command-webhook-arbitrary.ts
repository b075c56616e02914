import * as fc from 'fast-check';
import type { DeliveryEvent } from '../core/delivery.ts';
import { limits } from '../core/limits.ts';
import type {
  DeliverPlan,
  DeliveryClaimPlan,
  DeliveryEndPlan,
  WebhookCommand,
} from './store-command-webhooks.ts';

/** Few endpoints, few addresses and small numbers: commands find bugs when they meet. */
const small = fc.nat({ max: 7 });
const address = fc.nat({ max: 2 });

const event = fc.constantFrom<DeliveryEvent[]>(
  'webhook.test',
  'webhook.test',
  'webhook.test',
  'operation.started',
  'operation.progress',
  'operation.completed',
);

const deliverPlan: fc.Arbitrary<DeliverPlan> = fc.record({
  to: fc.oneof(
    { weight: 3, arbitrary: small },
    { weight: 2, arbitrary: fc.constant('request' as const) },
  ),
  address,
  event,
  about: fc.constantFrom(null, 0, 1, 2),
  failuresMax: fc.constantFrom(1, 2, 12, 12),
  ttlMs: fc.constantFrom(5, 1_000, 500_000, 500_000, limits.deliveryTtlMs * 2),
  again: fc.constantFrom(false, false, false, false, true),
});

export const deliveryClaimPlan: fc.Arbitrary<DeliveryClaimPlan> = fc.record({
  limit: fc.constantFrom(1, 2, 3, 10, 10),
  endpointInFlightMax: fc.constantFrom(1, 2, 4, 4),
  originInFlightMax: fc.constantFrom(1, 3, 16, 16),
});

const endPlan: fc.Arbitrary<DeliveryEndPlan> = fc.record({
  lease: fc.constantFrom(0, 0, 1, 1, 2, 3, 4, 7),
  how: fc.oneof(
    { weight: 4, arbitrary: fc.constant('delivered' as const) },
    { weight: 12, arbitrary: fc.constant('failed' as const) },
    { weight: 5, arbitrary: fc.constantFrom('mild', 'wait', 'gone', 'abort', 'no more') },
  ),
  nextMs: fc.constantFrom(null, 0, 0, 5, 1_000, limits.deliveryTtlMs + 1),
});

export const webhookWrites: fc.WeightedArbitrary<WebhookCommand>[] = [
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant('create endpoint'),
      tenant: fc.constantFrom(0, 0, 0, 1),
      address,
      event: fc.constantFrom<(DeliveryEvent | null)[]>(null, null, 'operation.completed'),
      secret: fc.boolean(),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant('change endpoint'),
      endpoint: small,
      enabled: fc.constantFrom(null, true, true, false),
      address: fc.constantFrom(null, null, 0, 2),
      description: fc.constantFrom(null, null, 'ü'),
      handshake: fc.constantFrom(
        'as it is',
        'as it is',
        'asked',
        'off',
        'given',
        'slow',
        'refused',
      ),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ type: fc.constant('remove endpoint'), endpoint: small }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      type: fc.constant('deliver'),
      deliveries: fc.array(deliverPlan, { minLength: 1, maxLength: 5 }),
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      type: fc.constant('settle deliveries'),
      ends: fc.array(endPlan, { minLength: 1, maxLength: 4 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constantFrom('redeliver', 'discard'),
      deliveries: fc.array(small, { minLength: 1, maxLength: 3 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant('rotate'),
      owner: small,
      graceMs: fc.constantFrom(0, 5, 1_000, 100_000),
    }),
  },
];

export const webhookCommands: fc.WeightedArbitrary<WebhookCommand>[] = [
  ...webhookWrites,
  {
    weight: 10,
    arbitrary: deliveryClaimPlan.map((claim) => ({ type: 'claim deliveries', ...claim })),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant('sweep deliveries'),
      workerDead: fc.constantFrom(false, false, true),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant('list deliveries'),
      filter: fc.record({
        tenant: fc.constantFrom(null, null, 0, 1),
        states: fc.constantFrom(null, ['pending'], ['held', 'dead'], ['sending', 'cancelled']),
        endpoint: fc.option(small, { nil: null, freq: 2 }),
        event: fc.constantFrom(null, null, 'webhook.test', 'operation.completed'),
        error: fc.constantFrom(null, null, 'timeout'),
      }),
      limit: fc.constantFrom(1, 3, 200),
    }),
  },
];

export const outageCommands: fc.WeightedArbitrary<WebhookCommand>[] = [
  {
    weight: 6,
    arbitrary: fc.record({
      type: fc.constant('deliver'),
      deliveries: fc.array(
        deliverPlan.map((plan) => ({ ...plan, to: 'request' as const, failuresMax: 12 })),
        { minLength: 2, maxLength: 5 },
      ),
    }),
  },
  {
    weight: 12,
    arbitrary: deliveryClaimPlan.map((claim) => ({ type: 'claim deliveries', ...claim })),
  },
  {
    weight: 12,
    arbitrary: fc.record({
      type: fc.constant('settle deliveries'),
      ends: fc.array(
        fc.record({
          lease: fc.constantFrom(0, 1, 2, 3),
          how: fc.oneof(
            { weight: 9, arbitrary: fc.constant('failed' as const) },
            { weight: 1, arbitrary: fc.constantFrom('delivered', 'wait') },
          ),
          nextMs: fc.constantFrom(0, 0, 5, null),
        }),
        { minLength: 1, maxLength: 5 },
      ),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant('change endpoint'),
      endpoint: small,
      enabled: fc.boolean(),
      address: fc.constant(null),
      description: fc.constant(null),
      handshake: fc.constant('as it is' as const),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant('sweep deliveries'),
      workerDead: fc.boolean(),
    }),
  },
];
