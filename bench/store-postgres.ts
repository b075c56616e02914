/**
 * Measures the cost of the PostgreSQL store per operation: µs of time, µs of CPU of this process,
 * and round trips:
 *
 *   node --conditions=raincheck-source bench/store-postgres.ts [finished rows beforehand]
 *
 * It uses a server of its own on this machine with fsync on, or the one named by
 * RAINCHECK_TEST_POSTGRES. Batches are calls made in one turn, i.e. in one transaction. A dated run
 * is in src/store-postgres/README.md.
 */
import { dropSchema, newSchema } from '../src/store-postgres/postgres-schema.fixture.ts';
import { startPostgres } from '../src/store-postgres/postgres-server.fixture.ts';
import { postgresStore } from '../src/store-postgres/postgres-store.ts';
import { newOperations, storeDriver } from './store-driver.ts';

const finished = Number(process.argv[2] ?? 0);
const server = await startPostgres({ fsync: true });
const options = { url: server.url, schema: newSchema() };
const { store, ready } = postgresStore(options);
const database = await ready();
const { create, claim, complete, read } = storeDriver(store);

type Cost = { micros: number; cpuMicros: number; roundTrips: number };

async function measured(sum: Cost, run: () => Promise<unknown>): Promise<void> {
  const cpu = process.cpuUsage();
  const roundTrips = database.roundTrips;
  const from = performance.now();
  await run();
  sum.micros += (performance.now() - from) * 1000;
  const used = process.cpuUsage(cpu);
  sum.cpuMicros += used.user + used.system;
  sum.roundTrips += database.roundTrips - roundTrips;
}

async function fill(count: number): Promise<void> {
  for (let done = 0; done < count; done += 500) {
    await create(newOperations(500));
    await complete(await claim(500));
  }
}

async function measure(batch: number, operations: number): Promise<void> {
  const cost = (): Cost => ({ micros: 0, cpuMicros: 0, roundTrips: 0 });
  const sums = { create: cost(), claim: cost(), read: cost(), complete: cost() };
  for (let done = 0; done < operations; done += batch) {
    const made = newOperations(batch);
    const ids = made.map(({ id }) => id);
    let claimed: { id: string; token: string }[] = [];
    await measured(sums.create, () => create(made));
    await measured(sums.claim, async () => (claimed = await claim(batch)));
    await measured(sums.read, () => read(ids));
    await measured(sums.complete, () => complete(claimed));
  }
  const cells = Object.entries(sums).map(([verb, { micros, cpuMicros, roundTrips }]) => {
    const each = (sum: number, digits = 1): string => (sum / operations).toFixed(digits);
    return `${verb} ${each(micros)} (CPU ${each(cpuMicros)}, ${each(roundTrips, 2)} trips)`;
  });
  console.log(`batch ${batch}: ${cells.join(' · ')}`);
}

/** Accepts, claims and completes concurrently, as a busy engine does. */
async function throughput(seconds: number): Promise<void> {
  const until = performance.now() + seconds * 1000;
  let completed = 0;
  const submitters = Array.from({ length: 128 }, async () => {
    while (performance.now() < until) await create(newOperations(1));
  });
  const worker = async (): Promise<void> => {
    while (performance.now() < until) {
      const claimed = await claim(64);
      await complete(claimed);
      completed += claimed.length;
    }
  };
  await Promise.all([...submitters, worker(), worker()]);
  console.log(`end to end: ${Math.round(completed / seconds)} operations a second`);
}

await fill(5_000); // Warm up.
await fill(finished);
console.log(`${finished} finished operations beforehand; µs per operation`);
await measure(1, 500);
await measure(10, 3_000);
await measure(100, 20_000);
await throughput(5);
await store.close();
await dropSchema(options);
await server.stop();
