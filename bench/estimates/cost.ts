import process from 'node:process';
import { Estimator } from '../../src/core/estimator/estimator.ts';
import type { Random } from '../../src/core/estimator/random.ts';

/** What a snapshot of `waiting` operations costs in ms, in all and by step. */
export type SnapshotCost = {
  readonly waiting: number;
  readonly beginMs: number;
  readonly totalMs: number;
  readonly stepMsMax: number;
};

/** CPU time of this thread, so that a busy machine does not count. */
export function cpuMicros(): number {
  const { user, system } = process.threadCpuUsage();
  return user + system;
}

const slots = 16;
const tasks = 5;

/** 16 slots, all busy, five tasks; `capped`: one of them may run two at once. */
export function snapshotCost(p: {
  readonly waiting: number;
  readonly capped: boolean;
  readonly random: Random;
}): SnapshotCost {
  const estimator = loadedEstimator(p);
  let costs: SnapshotCost | null = null;
  // The first rounds also compile the code.
  for (let round = 0; round < 3; round += 1) costs = measure(estimator, p.waiting);
  return costs as SnapshotCost;
}

/** Mean µs of a forecast for the last of `waiting` operations, by whichever way it takes. */
export function forecastMicros(p: {
  readonly waiting: number;
  readonly capped: boolean;
  readonly random: Random;
}): number {
  const estimator = loadedEstimator(p);
  measure(estimator, p.waiting);
  const rounds = 2_000;
  for (let at = 1; at <= rounds; at += 1) estimator.predict({ id: idOf(p.waiting - 1), at });
  const startedAt = cpuMicros();
  for (let at = 1; at <= rounds; at += 1) estimator.predict({ id: idOf(p.waiting - 1), at });
  return (cpuMicros() - startedAt) / rounds;
}

function measure(estimator: Estimator, waiting: number): SnapshotCost {
  const startedAt = cpuMicros();
  const building = estimator.beginSnapshot(0);
  const beginMs = (cpuMicros() - startedAt) / 1000;
  let stepMsMax = 0;
  for (;;) {
    const stepAt = cpuMicros();
    const snapshot = building.step();
    stepMsMax = Math.max(stepMsMax, (cpuMicros() - stepAt) / 1000);
    if (snapshot === null) continue;
    estimator.adoptSnapshot(snapshot);
    return { waiting, beginMs, totalMs: (cpuMicros() - startedAt) / 1000, stepMsMax };
  }
}

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
