import assert from 'node:assert/strict';
import { test } from 'node:test';
import { healthOf, type HealthFacts } from './health.ts';

const now = Date.UTC(2026, 0, 1);

type TaskFacts = HealthFacts['tasks'][number];

function task(members: Partial<TaskFacts> = {}): TaskFacts {
  return {
    task: 'reports',
    paused: false,
    pending: 1,
    oldestPendingAt: null,
    meanDurationMs: 2_000,
    hasWorker: true,
    ...members,
  };
}

function facts(members: Partial<HealthFacts> = {}): HealthFacts {
  return {
    now,
    isStoreAvailable: true,
    tasks: [task()],
    recent: { completed: 100, failedByCode: new Map([['task_error', 3]]) },
    deadLetters: 0,
    deadLettersMax: 10_000,
    ...members,
  };
}

function told(members: Partial<HealthFacts>): [status: string, code: string, message: string] {
  const { status, code, message } = healthOf(facts(members));
  return [status, code, message];
}

const waited = (ms: number, members: Partial<TaskFacts> = {}): TaskFacts =>
  task({ oldestPendingAt: now - ms, ...members });

const failures = (completed: number, codes: Record<string, number>) => ({
  recent: { completed, failedByCode: new Map(Object.entries(codes)) },
});

test('nothing is wrong', () => {
  assert.deepEqual(told({}), ['healthy', 'ok', 'Healthy.']);
  assert.deepEqual(told({ tasks: [], deadLetters: null }), ['healthy', 'ok', 'Healthy.']);
  assert.equal(told({ tasks: [waited(59_000)] })[0], 'healthy');
  assert.equal(told(failures(1, { task_error: 8 }))[0], 'healthy', 'too few to say');
  assert.equal(told(failures(10, { cancelled: 1_000 }))[0], 'healthy', 'somebody wanted that');
  assert.equal(told({ tasks: [waited(5_000_000, { meanDurationMs: 600_000 })] })[0], 'healthy');
});

test('each thing that can be wrong has its sentence', () => {
  assert.deepEqual(told({ tasks: [waited(252_000, { hasWorker: false })] }), [
    'critical',
    'no_workers',
    'reports: oldest waiting 4 m 12 s, no workers.',
  ]);
  assert.deepEqual(told({ tasks: [waited(90_000)] }), [
    'degraded',
    'oldest_waiting',
    'reports: oldest waiting 1 m 30 s, where one takes 2.0 s.',
  ]);
  assert.deepEqual(told({ tasks: [waited(26 * 3_600_000, { meanDurationMs: null })] }), [
    'critical',
    'oldest_waiting',
    'reports: oldest waiting 1 d 2 h.',
  ]);
  assert.deepEqual(told(failures(15, { task_error: 1, timeout: 4 })), [
    'degraded',
    'failing',
    '25 % of 20 operations failed in the last 5 minutes, most by timeout.',
  ]);
  assert.equal(told(failures(5, { task_error: 5 }))[0], 'critical');
  assert.deepEqual(told({ deadLetters: 1 }), [
    'degraded',
    'dead_letters',
    '1 webhook was given up and waits for a person.',
  ]);
  assert.match(told({ deadLetters: 10_000 })[2], /^10000 or more webhooks/);
  assert.deepEqual(told({ tasks: [waited(9e6, { paused: true, pending: 12 })] }), [
    'degraded',
    'paused',
    'reports: paused, 12 operations wait.',
  ]);
  assert.equal(told({ isStoreAvailable: false })[1], 'store_unavailable');
});

test('the worst is told: what is critical first, then in the order of the list', () => {
  const everything = facts({
    isStoreAvailable: false,
    tasks: [
      waited(70_000, { task: 'late' }),
      waited(1_000, { task: 'nobody', hasWorker: false }),
      waited(2_000, { task: 'nobody_longer', hasWorker: false }),
      task({ task: 'stopped', paused: true }),
    ],
    ...failures(5, { task_error: 5 }),
    deadLetters: 3,
  });
  const order: [string, string | null][] = [];
  let left: HealthFacts = everything;
  const without: Record<string, Partial<HealthFacts>> = {
    store_unavailable: { isStoreAvailable: true },
    no_workers: { tasks: everything.tasks.filter(({ hasWorker }) => hasWorker) },
    failing: { recent: { completed: 0, failedByCode: new Map() } },
    oldest_waiting: { tasks: everything.tasks.filter((one) => one.paused) },
    dead_letters: { deadLetters: 0 },
    paused: { tasks: [] },
  };
  for (let health = healthOf(left); health.code !== 'ok'; health = healthOf(left)) {
    order.push([health.code, health.task]);
    left = { ...left, ...without[health.code] };
  }
  assert.deepEqual(order, [
    ['store_unavailable', null],
    ['no_workers', 'nobody_longer'],
    ['failing', null],
    ['oldest_waiting', 'late'],
    ['dead_letters', null],
    ['paused', 'stopped'],
  ]);
});
