import { randomBytes } from 'node:crypto';
import process from 'node:process';
import { deliveryId, operationId } from '../src/core/id.ts';
import { systemClock } from '../src/engine/system-clock.ts';
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
 * then sent, signed and recorded. The time runs from the start of sending until the last end is on
 * the disk.
 */
const store = await openSqliteStore({ path: process.env['DELIVERIES_STORE'] ?? '' });
const fillBatch = 500;

async function fill(plan: SendPlan): Promise<void> {
  for (let made = 0; made < plan.count; made += fillBatch) {
    const deliveries = Array.from({ length: Math.min(fillBatch, plan.count - made) }, (_, i) =>
      delivery(urlOf(plan, made + i)),
    );
    await store.createDeliveries({ deliveries, now: systemClock.now() });
  }
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

/**
 * Starts to send, and resolves when `count` are delivered. Any other line in the log fails the run.
 */
async function sent(count: number): Promise<SendResult> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let left = count;
  const wrong = (fields: object, message: string): void =>
    reject(new Error(`${message} ${JSON.stringify(fields)}`));
  const webhooks = createWebhooks({
    store,
    clock: systemClock,
    logger: {
      debug: wrong,
      info: (fields, message) => {
        if (message !== 'Delivered.') wrong(fields, message);
        else if ((left -= 1) === 0) resolve();
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
  const measured = stopwatch();
  await webhooks.start();
  await promise;
  const result = measured();
  await webhooks.stop();
  return result;
}

answerPlans(async (plan) => {
  await fill(plan);
  return sent(plan.count);
});
process.once('SIGTERM', () => void store.close().then(() => process.exit(0)));
