/**
 * Measures the cost of the store, in µs of CPU per operation:
 *
 *   node --conditions=raincheck-source bench/store-sqlite.ts [finished rows beforehand] [normal]
 *
 * CPU time of the process (user + system), so that waiting for the disk does not count. Batches are
 * calls made in one turn, i.e. in one commit. A dated run is in src/store-sqlite/README.md.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { openSqliteStore } from '../src/store-sqlite/sqlite-store.ts';
import { newOperations, storeDriver } from './store-driver.ts';

const finished = Number(process.argv[2] ?? 0);
const synchronous = process.argv[3] === 'normal' ? 'normal' : 'full';
const folder = mkdtempSync(path.join(tmpdir(), 'raincheck-cost-'));
const store = await openSqliteStore({ path: path.join(folder, 'cost.db'), synchronous });
const { create, claim, complete, read } = storeDriver(store);

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
