import process from 'node:process';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Operation } from '../../src/core/operation.ts';
import { createEngine } from '../../src/engine/create-engine.ts';
import { defineTask } from '../../src/engine/define-task.ts';
import type { Engine } from '../../src/engine/engine.ts';
import { Estimates } from '../../src/engine/estimates.ts';
import { memoryStore } from '../../src/store-memory/memory-store.ts';
import type { Store } from '../../src/store/store.ts';
import { faultyStore } from '../../src/testing/faulty-store.ts';
import { cpuMicros } from './cost.ts';

/**
 * The cost of estimates in the engine, as CPU time of this thread; rounds with and without them
 * alternate. `answered`: every submit gets an estimate and a Retry-After, as its 202 does.
 */
export async function engineCost(): Promise<void> {
  console.log('\nengine and memory store, no-op operations, 100 in flight: µs of CPU each');
  for (const answered of [false, true]) {
    const ratios: number[] = [];
    const costs = { with: [] as number[], without: [] as number[] };
    for (let round = 0; round < rounds + warmRounds; round += 1) {
      const on = await endToEndMicros(answered);
      const switchOn = switchOff();
      const off = await endToEndMicros(answered);
      switchOn();
      if (round < warmRounds) continue;
      costs.with.push(on);
      costs.without.push(off);
      ratios.push(on - off);
    }
    const what = answered ? 'with the answer of the 202' : 'engine alone';
    const [on, off, difference] = [costs.with, costs.without, ratios].map(median);
    console.log(
      `${what.padEnd(28)} ${cell(on)} with, ${cell(off)} without: ${cell(difference)} more`,
    );
  }
  console.log(
    '\na status answer: µs for the estimate and the Retry-After, after something happened',
  );
  for (const waiting of [0, 100, 1_000, 100_000]) await statusCost(memoryStore(), waiting);
  console.log('\nthe same on a store that others share, from what one of all foresaw');
  for (const waiting of [0, 100, 1_000, 100_000]) await statusCost(sharedStore(), waiting);
}

const rounds = 9;
const warmRounds = 2;
const operations = 10_000;
const inFlight = 100;

async function endToEndMicros(answered: boolean): Promise<number> {
  const task = defineTask('noop', { run: () => null });
  const engine = createEngine({ store: memoryStore(), tasks: [task] });
  await engine.start();
  let left = operations;
  const startedAt = cpuMicros();
  const client = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      const operation = await submit(engine, 'noop');
      if (answered) answer(engine, operation);
      await engine.waitFor({ ...operation, until: 'final', timeoutMs: 60_000 });
    }
  };
  await Promise.all(Array.from({ length: inFlight }, client));
  const micros = cpuMicros() - startedAt;
  await engine.stop();
  return micros / operations;
}

async function submit(engine: Engine, task: string): Promise<Operation> {
  const input = { value: null, text: 'null' };
  return (await engine.submit({ task, tenant: '', input })).operation;
}

function answer(engine: Engine, operation: Operation): void {
  engine.estimate(operation);
  engine.pollWait(operation);
}

/** Makes the engine's calls to the estimator do nothing; returns a function that restores them. */
function switchOff(): () => void {
  const real = Object.getOwnPropertyDescriptors(Estimates.prototype);
  const nothing = () => null;
  const names = ['submitted', 'started', 'settled', 'progressed', 'estimate', 'pollWait'] as const;
  for (const name of names) Object.defineProperty(Estimates.prototype, name, { value: nothing });
  return () => {
    for (const name of names) Object.defineProperty(Estimates.prototype, name, real[name]);
  };
}

/** A store that counts as shared by several processes, although only this one is there. */
function sharedStore(): Store {
  const { store } = faultyStore(memoryStore(), { nth: Infinity, when: 'before' });
  return { ...store, capabilities: { singleProcess: false, durable: false, claimsAtAccept: true } };
}

const asked = 3_000;

/**
 * The cost of status reads of operations all over the queue, with an event before each, so that no
 * cached estimate is valid. Each is the least of three, which excludes time that another process
 * held the core.
 */
async function statusCost(store: Store, waiting: number): Promise<void> {
  const tasks = [
    defineTask('quick', { run: () => null, priority: 10 }),
    defineTask('slow', {
      estimate: '30s',
      run: ({ signal }) =>
        new Promise((_, reject) =>
          signal.addEventListener('abort', () => reject(signal.reason as Error)),
        ),
    }),
  ];
  const engine = createEngine({ store, tasks, concurrency: 64 });
  await engine.start();
  for (let i = 0; i < 200; i += 1) {
    await engine.waitFor({ ...(await submit(engine, 'quick')), until: 'final', timeoutMs: 60_000 });
  }
  const line: Operation[] = [];
  for (let i = 0; i < 60 + waiting; i += 1) line.push(await submit(engine, 'slow'));
  const polls: number[] = [];
  for (let i = 0; i < asked; i += 1) {
    const one = line[60 + Math.floor((i * 7919) % Math.max(1, waiting))] ?? line.at(0);
    if (one === undefined) break;
    let least = Infinity;
    for (let again = 0; again < 3; again += 1) {
      await nextTurn(); // snapshots are made here, not in the measured part
      await engine.setTaskPaused({ task: 'quick', paused: again === 1 });
      const startedAt = process.hrtime.bigint();
      answer(engine, one);
      least = Math.min(least, Number(process.hrtime.bigint() - startedAt) / 1000);
    }
    polls.push(least);
  }
  await engine.stop({ now: true });
  const sorted = polls.slice(asked / 3).toSorted((a, b) => a - b);
  const at = (q: number): string => cell(sorted[Math.floor(q * sorted.length)]);
  console.log(`${String(waiting).padStart(7)} waiting: median ${at(0.5)}, p99 ${at(0.99)}`);
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;
}

function cell(n: number | undefined): string {
  return (n ?? 0).toFixed(1).padStart(6);
}
