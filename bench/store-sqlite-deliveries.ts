/**
 * Measures the cost of webhooks in the store, in µs of CPU per delivery:
 *
 *   node --conditions=raincheck-source bench/store-sqlite-deliveries.ts [over beforehand] [endpoints] [normal]
 *
 * As in store-sqlite.ts: CPU time of the process, and batches are calls made in one turn, i.e. in
 * one commit. The endpoints (default 16) take turns, each with an origin of its own. `end` is the
 * completion of an operation with one delivery, `plain` of one without. A dated run is in
 * src/store-sqlite/README.md.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Delivery, WebhookTarget } from '../src/core/delivery.ts';
import type { Endpoint } from '../src/core/endpoint.ts';
import { newHealth } from '../src/core/endpoint-health.ts';
import { deliveryId, endpointId, operationId } from '../src/core/id.ts';
import type { NewDelivery, Outbox } from '../src/store/delivery-store.ts';
import { openSqliteStore } from '../src/store-sqlite/sqlite-store.ts';
import { newOperation } from './store-driver.ts';

const over = Number(process.argv[2] ?? 0);
const endpointCount = Number(process.argv[3] ?? 16);
const synchronous = process.argv[4] === 'normal' ? 'normal' : 'full';
const folder = mkdtempSync(path.join(tmpdir(), 'raincheck-cost-'));
const store = await openSqliteStore({ path: path.join(folder, 'cost.db'), synchronous });
const random = (): Uint8Array => crypto.getRandomValues(new Uint8Array(10));
const body = JSON.stringify({
  type: 'operation.completed',
  status: 'completed',
  data: 'x'.repeat(1_400),
});
let made = 0;

const endpoints: readonly Endpoint[] = Array.from({ length: endpointCount }, (_, i) => ({
  id: endpointId(Date.now(), random()),
  tenant: '',
  kind: 'request',
  url: `https://receiver-${i}.example.com/hooks/raincheck`,
  origin: `https://receiver-${i}.example.com`,
  events: [],
  tasks: null,
  headers: {},
  description: null,
  handshake: null,
  disabled: null,
  health: newHealth,
  version: 1,
  createdAt: Date.now(),
}));

function newDelivery(about: string | null): NewDelivery {
  made += 1;
  const endpoint = endpoints[made % endpoints.length];
  if (endpoint === undefined) throw new Error('There is no endpoint.');
  const now = Date.now();
  return {
    id: deliveryId(now, random()),
    tenant: '',
    endpointId: endpoint.id,
    endpoint,
    operationId: about,
    event: 'operation.completed',
    url: endpoint.url,
    headers: {},
    secret: null,
    body,
    failuresMax: 12,
    expiresAt: now + 5 * 86_400_000,
  };
}

const webhook: WebhookTarget = {
  url: 'https://receiver.example.com/hooks/raincheck',
  events: ['operation.completed'],
  headers: {},
  secret: null,
};
const outbox: Outbox = ({ id }) => [newDelivery(id)];

async function create(count: number): Promise<void> {
  await Promise.all(
    Array.from({ length: count }, () =>
      store.createDeliveries({
        deliveries: [newDelivery(operationId(Date.now(), random()))],
        now: Date.now(),
      }),
    ),
  );
}

async function claim(limit: number): Promise<Delivery[]> {
  const { claimed } = await store.claimDeliveries({
    worker: 'bench',
    newToken: () => `token-${(made += 1)}-0123456789abcdef`,
    leaseMs: 20_000,
    limit,
    endpointInFlightMax: limit,
    originInFlightMax: limit,
    now: Date.now(),
  });
  if (claimed.length !== limit) throw new Error(`${claimed.length} of ${limit} were claimed.`);
  return claimed.map(({ delivery }) => delivery);
}

async function settle(sent: readonly Delivery[]): Promise<void> {
  const headers = { 'content-type': 'text/plain', 'content-length': '2', connection: 'keep-alive' };
  const result = {
    delivered: true,
    answer: { status: 200, headers, excerpt: { text: 'ok' } },
    error: null,
    detail: null,
    timings: { dnsMs: null, connectMs: 1, tlsMs: null, firstByteMs: 3, totalMs: 5 },
    endpointFault: false,
    retryAfterAt: null,
    disable: null,
    abort: false,
  };
  await Promise.all(
    sent.map(({ id, lease }) =>
      store.settleDeliveries({
        settlements: [{ id, token: lease?.token ?? '', result, next: null }],
        now: Date.now(),
      }),
    ),
  );
}

/** Running operations, which all ask for a webhook or all for none. */
async function running(count: number, target: WebhookTarget | null) {
  const now = Date.now();
  await Promise.all(
    Array.from({ length: count }, () =>
      store.createOperations({
        operations: [newOperation(now, target)],
        pendingMax: 1e9,
        now,
      }),
    ),
  );
  const { claimed } = await store.claimOperations({
    worker: 'bench',
    newToken: () => `token-${(made += 1)}-0123456789abcdef`,
    leaseMs: 15_000,
    limit: count,
    tasks: [{ name: 'reports', concurrency: null, keyConcurrency: null }],
    now,
  });
  return claimed.map(({ operation: { id, lease } }) => ({ id, token: lease?.token ?? '' }));
}

async function complete(leases: readonly { id: string; token: string }[]): Promise<void> {
  const result = {
    contentType: 'application/json',
    name: null,
    sizeBytes: 40,
    etag: '"r-0123456789abcdef"',
    inline: '{"url":"https://example.com/reports/391"}',
  };
  await Promise.all(
    leases.map((lease) =>
      store.settleAttempts({
        settlements: [{ type: 'completed', ...lease, result, body: null }],
        outbox,
        now: Date.now(),
      }),
    ),
  );
}

async function cpuMicros(run: () => Promise<unknown>): Promise<number> {
  const before = process.cpuUsage();
  await run();
  const used = process.cpuUsage(before);
  return used.user + used.system;
}

async function fill(count: number): Promise<void> {
  for (let done = 0; done < count; done += 200) {
    await create(200);
    await settle(await claim(200));
  }
}

async function measure(batch: number, deliveries: number): Promise<void> {
  const sums = { create: 0, claim: 0, settle: 0, plain: 0, end: 0 };
  for (let done = 0; done < deliveries; done += batch) {
    let sent: Delivery[] = [];
    sums.create += await cpuMicros(() => create(batch));
    sums.claim += await cpuMicros(async () => (sent = await claim(batch)));
    sums.settle += await cpuMicros(() => settle(sent));
    const plain = await running(batch, null);
    sums.plain += await cpuMicros(() => complete(plain));
    const telling = await running(batch, webhook);
    sums.end += await cpuMicros(() => complete(telling));
    await settle(await claim(batch));
  }
  const cells = Object.entries(sums).map(
    ([verb, micros]) => `${verb} ${(micros / deliveries).toFixed(1)}`,
  );
  process.stdout.write(`batch ${batch}: ${cells.join(' · ')} µs\n`);
}

await fill(10_000); // Warm up.
await fill(over);
process.stdout.write(
  `${over} that are over, ${endpointCount} endpoints, synchronous=${synchronous}\n`,
);
await measure(1, 500);
await measure(16, 4_000);
await measure(64, 12_800);
await store.close();
rmSync(folder, { recursive: true });
