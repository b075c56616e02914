import process from 'node:process';
import { Estimator } from '../../src/core/estimator/estimator.ts';
import type { Random } from '../../src/core/estimator/random.ts';

/** CPU time of this thread in µs, so that other load on the machine does not count. */
export function cpuMicros(): number {
  const { user, system } = process.threadCpuUsage();
  return user + system;
}

const slots = 16;
const tasks = 5;

/**
 * Mean CPU time, in ms, of a snapshot of `waiting` operations, which is made in 64 steps. `capped`:
 * one of five tasks may run only two at once.
 */
export function snapshotMs(p: {
  readonly waiting: number;
  readonly capped: boolean;
  readonly random: Random;
}): number {
  const estimator = loadedEstimator(p);
  // The first rounds also compile the code.
  for (let round = 0; round < 3; round += 1) takeSnapshot(estimator);
  const rounds = Math.max(2, Math.min(100, Math.ceil(50_000 / p.waiting)));
  const startedAt = cpuMicros();
  for (let round = 0; round < rounds; round += 1) takeSnapshot(estimator);
  return (cpuMicros() - startedAt) / 1000 / rounds;
}

/** Mean µs of a forecast for the last of `waiting` operations. */
export function forecastMicros(p: {
  readonly waiting: number;
  readonly capped: boolean;
  readonly random: Random;
}): number {
  const estimator = loadedEstimator(p);
  takeSnapshot(estimator);
  const rounds = 2_000;
  for (let at = 1; at <= rounds; at += 1) estimator.predict({ id: idOf(p.waiting - 1), at });
  const startedAt = cpuMicros();
  for (let at = 1; at <= rounds; at += 1) estimator.predict({ id: idOf(p.waiting - 1), at });
  return (cpuMicros() - startedAt) / rounds;
}

function takeSnapshot(estimator: Estimator): void {
  const building = estimator.beginSnapshot(0);
  for (;;) {
    const snapshot = building.step();
    if (snapshot === null) continue;
    estimator.adoptSnapshot(snapshot);
    return;
  }
}

/** An estimator with 16 busy slots and five tasks. */
function loadedEstimator(p: {
  readonly waiting: number;
  readonly capped: boolean;
  readonly random: Random;
}): Estimator {
  const estimator = new Estimator({ random: p.random });
  estimator.setSlots(slots);
  const task = (i: number): string => `task-${i % tasks}`;
  for (let i = 0; i < 64 * tasks; i += 1) {
    const at = -1_000_000 + i;
    estimator.onSubmit({ id: `past-${i}`, task: task(i), at });
    estimator.onStart({ id: `past-${i}`, at });
    estimator.onFinish({ id: `past-${i}`, at: at + Math.round(60_000 * p.random()) });
  }
  if (p.capped) {
    estimator.setTask(task(0), { declaredMs: null, concurrency: 2, keyConcurrency: null });
  }
  for (let i = -slots; i < p.waiting; i += 1) {
    estimator.onSubmit({ id: idOf(i), task: task(i + slots), at: i - p.waiting });
    if (i < 0) estimator.onStart({ id: idOf(i), at: i - p.waiting });
  }
  return estimator;
}

function idOf(i: number): string {
  return String(i + slots).padStart(7, '0');
}
