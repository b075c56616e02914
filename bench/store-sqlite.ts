/**
 * What the store costs, in µs of CPU per operation:
 *
 *   node --conditions=raincheck-source bench/store-sqlite.ts [finished rows beforehand] [normal]
 *
 * CPU time of the process (user + system), so that waiting for the disk does not count; batches are calls
 * made in one turn, i.e. in one commit. A dated run stands in src/store-sqlite/README.md.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { operationId } from '../src/core/id.ts';
import type { NewOperation } from '../src/store/store.ts';
import { openSqliteStore } from '../src/store-sqlite/sqlite-store.ts';

const finished = Number(process.argv[2] ?? 0);
const synchronous = process.argv[3] === 'normal' ? 'normal' : 'full';
const folder = mkdtempSync(path.join(tmpdir(), 'raincheck-cost-'));
const store = await openSqliteStore({ path: path.join(folder, 'cost.db'), synchronous });
let tokens = 0;

function newOperation(): NewOperation {
  const now = Date.now();
  return {
    id: operationId(now, crypto.getRandomValues(new Uint8Array(10))),
    task: 'reports',
    tenant: '',
    input: '{"customer":"c-20391","month":"2026-10","format":"pdf"}',
    attemptsMax: 3,
    retentionMs: 7 * 86_400_000,
    priority: 0,
    readyAt: now,
    waitUntil: null,
    deadlineAt: null,
    concurrencyKey: null,
    labels: {},
    retryOf: null,
    traceparent: null,
    webhook: null,
    idempotency: null,
    taskPendingMax: null,
  };
}

async function create(made: readonly NewOperation[]): Promise<void> {
  await Promise.all(
    made.map((operation) =>
      store.createOperations({ operations: [operation], pendingMax: 1e9, now: Date.now() }),
    ),
  );
}

function newOperations(count: number): NewOperation[] {
  return Array.from({ length: count }, newOperation);
}

async function claim(limit: number): Promise<{ id: string; token: string }[]> {
  const { claimed } = await store.claimOperations({
    worker: 'bench',
    newToken: () => `token-${(tokens += 1)}-0123456789abcdef`,
    leaseMs: 15_000,
    limit,
    tasks: [{ name: 'reports', concurrency: null, keyConcurrency: null }],
    now: Date.now(),
  });
  return claimed.map(({ operation }) => ({
    id: operation.id,
    token: operation.lease?.token ?? '',
  }));
}

async function complete(claimed: readonly { id: string; token: string }[]): Promise<void> {
  const result = {
    contentType: 'application/json',
    name: null,
    sizeBytes: 40,
    etag: '"r-0123456789abcdef"',
    inline: '{"url":"https://example.com/reports/391"}',
  };
  await Promise.all(
    claimed.map(({ id, token }) =>
      store.settleAttempts({
        settlements: [{ type: 'completed', id, token, result, body: null }],
        // There as it is in a server; nobody asked to be told, so it is not asked either.
        outbox: () => [],
        now: Date.now(),
      }),
    ),
  );
}

async function read(ids: readonly string[]): Promise<void> {
  await Promise.all(ids.map((id) => store.readOperation({ id })));
}

async function cpuMicros(run: () => Promise<unknown>): Promise<number> {
  const before = process.cpuUsage();
  await run();
  const used = process.cpuUsage(before);
  return used.user + used.system;
}

async function fill(count: number): Promise<void> {
  for (let done = 0; done < count; done += 1_000) {
    await create(newOperations(1_000));
    await complete(await claim(1_000));
  }
}

async function measure(batch: number, operations: number): Promise<void> {
  const sums = { create: 0, claim: 0, complete: 0, read: 0 };
  for (let done = 0; done < operations; done += batch) {
    const made = newOperations(batch);
    const ids = made.map(({ id }) => id);
    let claimed: { id: string; token: string }[] = [];
    sums.create += await cpuMicros(() => create(made));
    sums.claim += await cpuMicros(async () => (claimed = await claim(batch)));
    sums.read += await cpuMicros(() => read(ids));
    sums.complete += await cpuMicros(() => complete(claimed));
  }
  const cells = Object.entries(sums).map(
    ([verb, micros]) => `${verb} ${(micros / operations).toFixed(1)}`,
  );
  process.stdout.write(`batch ${batch}: ${cells.join(' · ')} µs\n`);
}

await fill(20_000); // Warm up.
await fill(finished);
process.stdout.write(`${finished} finished operations, synchronous=${synchronous}\n`);
await measure(1, 500);
await measure(10, 3_000);
await measure(100, 20_000);
await store.close();
rmSync(folder, { recursive: true });
