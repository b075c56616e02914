import { randomBytes } from 'node:crypto';
import process from 'node:process';
import { deliveryId, operationId } from '../src/core/id.ts';
import { systemClock } from '../src/engine/system-clock.ts';
import type { StoreHint } from '../src/store/store.ts';
import { openSqliteStore } from '../src/store-sqlite/sqlite-store.ts';
import { loopbackCidrs } from '../src/webhooks/address-policy.ts';
import { createWebhooks } from '../src/webhooks/create-webhooks.ts';
import { requestEndpoint } from '../src/webhooks/event-deliveries.ts';
import {
  answerPlans,
  deliveryBody,
  stopwatch,
  urlOf,
  type SendPlan,
  type SendResult,
} from './delivery-control.ts';

/**
 * Our webhooks with default settings over a database file. The planned deliveries are stored first,
 * then sent, signed and recorded. The time runs from when they may be sent until the last end is
 * stored.
 *
 * The sender runs on between the rounds, as bare undici does. With DELIVERIES_RESTART it does not:
 * deliveries are stored by one run and sent by the next, which has to read them from the file.
 */
const path = process.env['DELIVERIES_STORE'] ?? '';
const isRestarted = process.env['DELIVERIES_RESTART'] === 'yes';
const fillBatch = 500;

type Sending = {
  readonly fill: (plan: SendPlan) => Promise<void>;
  /** Sends what was filled; any line in the log but those of `count` deliveries fails the run. */
  readonly sent: (count: number) => Promise<SendResult>;
  readonly close: () => Promise<void>;
};

async function open(): Promise<Sending> {
  const store = await openSqliteStore({ path });
  let hint: (hint: StoreHint) => void = () => undefined;
  let mayClaim = Promise.withResolvers<void>();
  let end = Promise.withResolvers<void>();
  let left = 0;
  const wrong = (fields: object, message: string): void =>
    end.reject(new Error(`${message} ${JSON.stringify(fields)}`));
  const webhooks = createWebhooks({
    store: {
      ...store,
      claimDeliveries: async (p) => {
        await mayClaim.promise;
        return store.claimDeliveries({ ...p, now: systemClock.now() });
      },
      hints: {
        listen: (listener) => {
          hint = listener;
          return () => undefined;
        },
      },
    },
    clock: systemClock,
    logger: {
      debug: wrong,
      info: (fields, message) => {
        if (message !== 'Delivered.') wrong(fields, message);
        else if ((left -= 1) === 0) end.resolve();
      },
      warn: wrong,
      error: wrong,
    },
    settings: { allowedCidrs: loopbackCidrs, httpAllowed: true },
    describe: () => {
      throw new Error('No operation ends here.');
    },
    userAgent: 'raincheck/bench (+webhooks)',
  });
  return {
    fill: async (plan) => {
      for (let made = 0; made < plan.count; made += fillBatch) {
        const deliveries = Array.from({ length: Math.min(fillBatch, plan.count - made) }, (_, i) =>
          delivery(urlOf(plan, made + i)),
        );
        await store.createDeliveries({ deliveries, now: systemClock.now() });
      }
    },
    sent: async (count) => {
      await webhooks.start();
      left = count;
      const measured = stopwatch();
      mayClaim.resolve();
      hint({ type: 'ready' });
      await end.promise;
      const result = measured();
      mayClaim = Promise.withResolvers();
      end = Promise.withResolvers();
      return result;
    },
    close: async () => {
      mayClaim.resolve();
      await webhooks.stop();
      await store.close();
    },
  };
}

function delivery(url: string) {
  const now = systemClock.now();
  const endpoint = requestEndpoint({ url, tenant: '', now });
  if (endpoint === null) throw new Error(`No address: ${url}`);
  return {
    id: deliveryId(now, randomBytes(10)),
    tenant: '',
    endpointId: endpoint.id,
    endpoint,
    operationId: operationId(now, randomBytes(10)),
    event: 'operation.completed',
    url,
    headers: {},
    secret: null,
    body: deliveryBody,
    failuresMax: 12,
    expiresAt: now + 86_400_000,
  } as const;
}

let sending = await open();
answerPlans(async (plan) => {
  await sending.fill(plan);
  if (!isRestarted) return sending.sent(plan.count);
  await sending.close();
  const restarted = await open();
  const result = await restarted.sent(plan.count);
  await restarted.close();
  sending = await open();
  return result;
});
process.once('SIGTERM', () => void sending.close().then(() => process.exit(0)));
