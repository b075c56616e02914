import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { limits } from './limits.ts';
import {
  operationStates,
  type Operation,
  type OperationError,
  type Progress,
} from './operation.ts';
import { decide, holds, isPast, type OperationEvent } from './transitions.ts';

const now = 1_800_000_000_000;
const hour = 3_600_000;
const token = 'token-1';

const taskError: OperationError = {
  code: 'task_error',
  detail: 'the page was empty',
  name: 'TypeError',
  status: null,
  type: null,
  title: null,
};
const result = {
  contentType: 'application/json',
  name: null,
  sizeBytes: 2,
  etag: '"r-1"',
  inline: '{}',
} as const;
const progress: Progress = {
  fraction: 0.5,
  message: 'half',
  current: 1,
  total: 2,
  updatedAt: now,
};

const waiting: Operation = {
  id: 'op_01JDZ00000000000000000000A',
  task: 'reports',
  tenant: '',
  state: 'ready',
  version: 1,
  createdAt: now - hour,
  startedAt: null,
  finishedAt: null,
  expiresAt: null,
  retentionMs: 24 * hour,
  attempt: 0,
  attemptsMax: 3,
  recoveries: 0,
  attemptStartedAt: null,
  lease: null,
  priority: 0,
  readyAt: now - hour,
  waitUntil: now + hour,
  deadlineAt: now + 2 * hour,
  concurrencyKey: null,
  progress: null,
  cancelRequestedAt: null,
  error: null,
  result: null,
  labels: { team: 'acme' },
  retryOf: null,
  traceparent: null,
  webhook: null,
};
const running: Operation = {
  ...waiting,
  state: 'running',
  version: 2,
  startedAt: now - 60_000,
  attempt: 1,
  attemptStartedAt: now - 60_000,
  lease: { token, worker: 'w1', expiresAt: now + 5_000 },
  waitUntil: null,
  progress: { ...progress, updatedAt: now - 1000 },
};
const samples: Readonly<Record<Operation['state'], Operation>> = {
  scheduled: { ...waiting, state: 'scheduled', readyAt: now },
  ready: waiting,
  parked: { ...waiting, state: 'parked', concurrencyKey: 'k' },
  running,
  completed: {
    ...running,
    state: 'completed',
    lease: null,
    result,
    finishedAt: now - 1,
    expiresAt: now + 24 * hour,
  },
  failed: {
    ...running,
    state: 'failed',
    lease: null,
    error: taskError,
    finishedAt: now - 1,
    expiresAt: now + 24 * hour,
  },
};

/** All events of `decide`, with the right token and with another one. */
const events = {
  due: { type: 'due' },
  parked: { type: 'parked' },
  unparked: { type: 'unparked' },
  claimed: { type: 'claimed', worker: 'w2', token: 'token-2', leaseMs: 15_000 },
  extended: { type: 'extended', token, leaseMs: 15_000, progress: null },
  extendedWithProgress: { type: 'extended', token, leaseMs: 15_000, progress },
  extendedByAnother: { type: 'extended', token: 'stale', leaseMs: 15_000, progress },
  completed: { type: 'completed', token, result },
  completedByAnother: { type: 'completed', token: 'stale', result },
  failedTryLater: { type: 'attempt_failed', token, error: taskError, retryAt: now + 1000 },
  failedTryNow: { type: 'attempt_failed', token, error: taskError, retryAt: now },
  failedLast: { type: 'attempt_failed', token, error: taskError, retryAt: null },
  failedByAnother: { type: 'attempt_failed', token: 'stale', error: taskError, retryAt: now },
  released: { type: 'released', token },
  releasedByAnother: { type: 'released', token: 'stale' },
  leaseExpired: { type: 'lease_expired', recoveriesMax: 3, workerDead: false },
  leaseExpiredOnlyChance: { type: 'lease_expired', recoveriesMax: 1, workerDead: false },
  workerDead: { type: 'lease_expired', recoveriesMax: 3, workerDead: true },
  workerReplaced: {
    type: 'lease_expired',
    recoveriesMax: 1,
    workerDead: true,
    workerReplaced: true,
  },
  cancelRequested: { type: 'cancel_requested' },
  waitedTooLong: { type: 'waited_too_long' },
} as const satisfies Record<string, OperationEvent>;
type EventName = keyof typeof events;

/** 'lost', '-' (unchanged), or the new state, with the error code when it failed. */
function cell(operation: Operation, event: OperationEvent, at = now): string {
  const decision = decide(operation, event, at);
  if (decision.outcome === 'lost') return 'lost';
  if (decision.outcome === 'unchanged') return '-';
  const { state, error } = decision.operation;
  return state === 'failed' ? `failed ${error?.code}` : state;
}

function applied(operation: Operation, event: OperationEvent, at = now) {
  const decision = decide(operation, event, at);
  assert.ok(decision.outcome === 'applied', decision.outcome);
  return decision;
}

type Row = readonly [string, string, string, string, string, string];
const none: Row = ['-', '-', '-', '-', '-', '-'];
const fenced: Row = ['lost', 'lost', 'lost', 'lost', 'lost', 'lost'];
const onlyRunning = (state: string): Row => ['lost', 'lost', 'lost', state, 'lost', 'lost'];
const runningOr = (state: string): Row => ['-', '-', '-', state, '-', '-'];
const whileWaiting = (state: string): Row => [state, state, state, '-', '-', '-'];

//                          scheduled, ready, parked, running, completed, failed
const asUsual: Readonly<Record<EventName, Row>> = {
  due: ['ready', '-', '-', '-', '-', '-'],
  parked: ['-', 'parked', '-', '-', '-', '-'],
  unparked: ['-', '-', 'ready', '-', '-', '-'],
  claimed: ['lost', 'running', 'lost', 'lost', 'lost', 'lost'],
  extended: onlyRunning('running'),
  extendedWithProgress: onlyRunning('running'),
  extendedByAnother: fenced,
  completed: onlyRunning('completed'),
  completedByAnother: fenced,
  failedTryLater: onlyRunning('scheduled'),
  failedTryNow: onlyRunning('ready'),
  failedLast: onlyRunning('failed task_error'),
  failedByAnother: fenced,
  released: onlyRunning('ready'),
  releasedByAnother: fenced,
  leaseExpired: none,
  leaseExpiredOnlyChance: none,
  workerDead: runningOr('ready'),
  workerReplaced: runningOr('ready'),
  cancelRequested: [
    'failed cancelled',
    'failed cancelled',
    'failed cancelled',
    'running',
    '-',
    '-',
  ],
  waitedTooLong: none,
};

/** The cells that differ from `asUsual` under a flag; every other cell must stay as it is there. */
const flags: readonly {
  readonly name: string;
  readonly change: Partial<Operation> | ((operation: Operation) => Partial<Operation>);
  readonly differs: Partial<Record<EventName, Row>>;
}[] = [
  { name: 'nothing special', change: {}, differs: {} },
  {
    name: 'readyAt is ahead',
    change: { readyAt: now + 1 },
    differs: { due: none },
  },
  {
    name: 'readyAt is further ahead than any legal delay',
    change: { readyAt: now + limits.delayMsMax + 1 },
    differs: {},
  },
  {
    name: 'cancel was requested',
    change: (operation) => (operation.state === 'running' ? { cancelRequestedAt: now - 5 } : {}),
    differs: {
      failedTryLater: onlyRunning('failed cancelled'),
      failedTryNow: onlyRunning('failed cancelled'),
      failedLast: onlyRunning('failed cancelled'),
      released: onlyRunning('failed cancelled'),
      workerDead: runningOr('failed cancelled'),
      workerReplaced: runningOr('failed cancelled'),
      cancelRequested: ['failed cancelled', 'failed cancelled', 'failed cancelled', '-', '-', '-'],
    },
  },
  {
    name: 'waitUntil has passed',
    change: (operation) => (operation.waitUntil === null ? {} : { waitUntil: now }),
    differs: { waitedTooLong: whileWaiting('failed queue_timeout') },
  },
  {
    name: 'waitUntil passes in a millisecond',
    change: (operation) => (operation.waitUntil === null ? {} : { waitUntil: now + 1 }),
    differs: {},
  },
  {
    name: 'the deadline has passed',
    change: { deadlineAt: now },
    differs: {
      waitedTooLong: whileWaiting('failed deadline_exceeded'),
      failedTryLater: onlyRunning('failed task_error'),
      failedTryNow: onlyRunning('failed task_error'),
      workerDead: runningOr('failed deadline_exceeded'),
    },
  },
  {
    name: 'deadline and waitUntil have passed',
    change: (operation) => ({ deadlineAt: now, waitUntil: operation.waitUntil && now }),
    differs: {
      waitedTooLong: whileWaiting('failed deadline_exceeded'),
      failedTryLater: onlyRunning('failed task_error'),
      failedTryNow: onlyRunning('failed task_error'),
      workerDead: runningOr('failed deadline_exceeded'),
    },
  },
  {
    name: 'the deadline passes just when the retry would start',
    change: { deadlineAt: now + 1000 },
    differs: { failedTryLater: onlyRunning('failed task_error') },
  },
  {
    name: 'the deadline passes just after the retry would start',
    change: { deadlineAt: now + 1001 },
    differs: {},
  },
  {
    name: 'there are no limits of time',
    change: { deadlineAt: null, waitUntil: null },
    differs: {},
  },
  {
    name: 'the lease has expired',
    change: (operation) => withLease(operation, now),
    differs: {
      leaseExpired: runningOr('ready'),
      leaseExpiredOnlyChance: runningOr('failed worker_lost'),
    },
  },
  {
    name: 'the lease expires in a millisecond',
    change: (operation) => withLease(operation, now + 1),
    differs: {},
  },
  {
    name: 'the lease ends further ahead than any lease may',
    change: (operation) => withLease(operation, now + limits.leaseMsMax + 1),
    differs: {
      leaseExpired: runningOr('ready'),
      leaseExpiredOnlyChance: runningOr('failed worker_lost'),
    },
  },
  {
    name: 'two workers were lost before',
    change: (operation) => ({ ...withLease(operation, now), recoveries: 2 }),
    differs: {
      leaseExpired: runningOr('failed worker_lost'),
      leaseExpiredOnlyChance: runningOr('failed worker_lost'),
      workerDead: runningOr('failed worker_lost'),
    },
  },
  {
    name: 'two workers were lost before and the deadline has passed',
    change: { recoveries: 2, deadlineAt: now },
    differs: {
      waitedTooLong: whileWaiting('failed deadline_exceeded'),
      failedTryLater: onlyRunning('failed task_error'),
      failedTryNow: onlyRunning('failed task_error'),
      workerDead: runningOr('failed worker_lost'),
    },
  },
  {
    name: 'cancel was requested, the lease, the deadline and all recoveries have run out',
    change: (operation) => ({
      ...withLease(operation, now),
      recoveries: 2,
      deadlineAt: now,
      cancelRequestedAt: operation.state === 'running' ? now - 5 : null,
    }),
    differs: {
      failedTryLater: onlyRunning('failed cancelled'),
      failedTryNow: onlyRunning('failed cancelled'),
      failedLast: onlyRunning('failed cancelled'),
      released: onlyRunning('failed cancelled'),
      leaseExpired: runningOr('failed cancelled'),
      leaseExpiredOnlyChance: runningOr('failed cancelled'),
      workerDead: runningOr('failed cancelled'),
      workerReplaced: runningOr('failed cancelled'),
      waitedTooLong: whileWaiting('failed deadline_exceeded'),
      cancelRequested: ['failed cancelled', 'failed cancelled', 'failed cancelled', '-', '-', '-'],
    },
  },
];

function withLease(operation: Operation, expiresAt: number): Partial<Operation> {
  return { lease: operation.lease && { ...operation.lease, expiresAt } };
}

describe('decide: every state × every event', () => {
  for (const flag of flags) {
    it(`when ${flag.name}`, () => {
      const actual: Record<string, string[]> = {};
      const wanted: Record<string, readonly string[]> = {};
      for (const [name, event] of Object.entries(events)) {
        wanted[name] = flag.differs[name as EventName] ?? asUsual[name as EventName];
        actual[name] = operationStates.map((state) => {
          const sample = samples[state];
          const change = typeof flag.change === 'function' ? flag.change(sample) : flag.change;
          return cell({ ...sample, ...change }, event);
        });
      }
      assert.deepEqual(actual, wanted);
    });
  }
});

describe('decide: what an event writes', () => {
  it('due, parked and unparked change the state alone: no client can see it', () => {
    const cases = [
      [samples.scheduled, events.due, 'ready'],
      [samples.ready, events.parked, 'parked'],
      [samples.parked, events.unparked, 'ready'],
    ] as const;
    for (const [operation, event, state] of cases) {
      const decision = applied(operation, event);
      assert.deepEqual(decision, {
        outcome: 'applied',
        operation: { ...operation, state },
        ended: null,
      });
    }
  });

  it('a claim starts the next attempt under a new lease and ends the queue timeout', () => {
    assert.deepEqual(applied(samples.ready, events.claimed), {
      outcome: 'applied',
      operation: {
        ...samples.ready,
        state: 'running',
        version: 2,
        attempt: 1,
        startedAt: now,
        attemptStartedAt: now,
        waitUntil: null,
        lease: { token: 'token-2', worker: 'w2', expiresAt: now + 15_000 },
      },
      ended: null,
    });
  });

  it('a later claim keeps the start of the first attempt', () => {
    const again = { ...samples.ready, attempt: 2, startedAt: now - hour };
    const { operation } = applied(again, events.claimed);
    assert.equal(operation.startedAt, now - hour);
    assert.equal(operation.attemptStartedAt, now);
    assert.equal(operation.attempt, 3);
  });

  it('a heartbeat extends the lease, and only progress counts as a change', () => {
    const lease = { ...running.lease!, expiresAt: now + 15_000 };
    assert.deepEqual(applied(running, events.extended), {
      outcome: 'applied',
      operation: { ...running, lease },
      ended: null,
    });
    assert.deepEqual(applied(running, events.extendedWithProgress), {
      outcome: 'applied',
      operation: { ...running, lease, progress, version: 3 },
      ended: null,
    });
  });

  it('a late heartbeat under the standing token still extends: nobody took the lease', () => {
    const { operation } = applied({ ...running, ...withLease(running, now - 1) }, events.extended);
    assert.equal(operation.lease?.expiresAt, now + 15_000);
  });

  it('completion stores the result, frees the lease and starts the retention', () => {
    assert.deepEqual(applied(running, events.completed), {
      outcome: 'applied',
      operation: {
        ...running,
        state: 'completed',
        version: 3,
        finishedAt: now,
        expiresAt: now + 24 * hour,
        lease: null,
        result,
      },
      ended: null,
    });
  });

  it('completion wins over a wish to cancel that came before', () => {
    const { operation } = applied({ ...running, cancelRequestedAt: now - 1 }, events.completed);
    assert.equal(operation.state, 'completed');
    assert.equal(operation.cancelRequestedAt, now - 1);
  });

  it('a failed attempt waits for its back-off, counted and recorded', () => {
    assert.deepEqual(applied(running, events.failedTryLater), {
      outcome: 'applied',
      operation: {
        ...running,
        state: 'scheduled',
        version: 3,
        attemptStartedAt: null,
        lease: null,
        progress: null,
        readyAt: now + 1000,
      },
      ended: {
        operationId: running.id,
        number: 1,
        worker: 'w1',
        startedAt: now - 60_000,
        endedAt: now,
        outcome: 'failed',
        error: taskError,
        retryAt: now + 1000,
      },
    });
  });

  it('the last failed attempt ends the operation with its error', () => {
    assert.deepEqual(applied(running, events.failedLast), {
      outcome: 'applied',
      operation: {
        ...running,
        state: 'failed',
        version: 3,
        finishedAt: now,
        expiresAt: now + 24 * hour,
        lease: null,
        error: taskError,
      },
      ended: {
        operationId: running.id,
        number: 1,
        worker: 'w1',
        startedAt: now - 60_000,
        endedAt: now,
        outcome: 'failed',
        error: taskError,
        retryAt: null,
      },
    });
  });

  it('an attempt handed back is not counted and keeps its place in the queue', () => {
    assert.deepEqual(applied(running, events.released), {
      outcome: 'applied',
      operation: {
        ...running,
        state: 'ready',
        version: 3,
        attempt: 0,
        attemptStartedAt: null,
        lease: null,
        progress: null,
      },
      ended: {
        operationId: running.id,
        number: 1,
        worker: 'w1',
        startedAt: now - 60_000,
        endedAt: now,
        outcome: 'released',
        error: null,
        retryAt: now,
      },
    });
  });

  it('an attempt whose worker was lost is not counted, but the loss is', () => {
    const { operation, ended } = applied(running, events.workerDead);
    assert.deepEqual(operation, {
      ...running,
      state: 'ready',
      version: 3,
      attempt: 0,
      recoveries: 1,
      attemptStartedAt: null,
      lease: null,
      progress: null,
    });
    assert.equal(ended?.outcome, 'lost');
    assert.equal(ended?.number, 1);
    assert.equal(ended?.retryAt, now);
  });

  it('a task of ours bears more lost workers than others', () => {
    const own = { names: new Set([running.task]), recoveriesMax: 5 };
    const lost = { ...events.workerDead, recoveriesMax: 3, own };
    const after = (recoveries: number, event: OperationEvent = lost) =>
      cell({ ...running, recoveries }, event);
    assert.deepEqual(
      [2, 3, 4].map((n) => after(n)),
      ['ready', 'ready', 'failed worker_lost'],
    );
    const others = { names: new Set(['another']), recoveriesMax: 5 };
    assert.equal(after(2, { ...lost, own: others }), 'failed worker_lost');
  });

  it('a clock that stepped back puts a recovered or returned attempt at now, never later', () => {
    const past = now - 2 * hour;
    for (const event of [events.workerDead, events.released]) {
      const { operation } = applied(running, event, past);
      assert.equal(operation.state, 'ready');
      assert.equal(operation.readyAt, past);
    }
  });

  it('the loss of one worker too many fails the operation and says how many', () => {
    const { operation, ended } = applied({ ...running, recoveries: 2 }, events.workerDead);
    assert.equal(operation.recoveries, 3);
    assert.equal(operation.error?.code, 'worker_lost');
    assert.match(operation.error.detail, /3 attempts/);
    assert.equal(ended?.outcome, 'lost');
    assert.equal(ended?.retryAt, null);
  });

  it('cancelling what waits is final at once, without an attempt to record', () => {
    for (const state of ['scheduled', 'ready', 'parked'] as const) {
      const decision = applied(samples[state], events.cancelRequested);
      assert.deepEqual(decision.operation, {
        ...samples[state],
        state: 'failed',
        version: 2,
        finishedAt: now,
        expiresAt: now + 24 * hour,
        cancelRequestedAt: now,
        error: decision.operation.error,
      });
      assert.equal(decision.operation.error?.code, 'cancelled');
      assert.equal(decision.ended, null);
    }
  });

  it('cancelling what runs notes the wish once and keeps the lease', () => {
    const { operation } = applied(running, events.cancelRequested);
    assert.deepEqual(operation, { ...running, version: 3, cancelRequestedAt: now });
    assert.deepEqual(decide(operation, events.cancelRequested, now + 1), { outcome: 'unchanged' });
  });

  it('a cancelled attempt is recorded with the cancellation, whatever the handler threw', () => {
    const cancelling = { ...running, cancelRequestedAt: now - 5 };
    const cases = [
      [events.failedTryLater, 'failed'],
      [events.released, 'released'],
      [events.workerDead, 'lost'],
      [events.workerReplaced, 'released'],
    ] as const;
    for (const [event, outcome] of cases) {
      const { operation, ended } = applied(cancelling, event);
      assert.equal(operation.error?.code, 'cancelled');
      assert.equal(ended?.outcome, outcome);
      assert.equal(ended?.error?.code, 'cancelled');
      assert.equal(ended?.retryAt, null);
    }
  });
});

describe('the fence', () => {
  it('holds for the token of the running attempt only', () => {
    assert.equal(holds(running, token), true);
    assert.equal(holds(running, 'stale'), false);
    assert.equal(holds({ ...running, state: 'completed' }, token), false);
    assert.equal(holds({ ...running, lease: null }, token), false);
    assert.equal(holds({ ...samples.ready, lease: null }, ''), false);
  });
});

describe('isPast', () => {
  it('takes an instant as past at its millisecond, and beyond any legal delay', () => {
    assert.equal(isPast(100, 100, 50), true);
    assert.equal(isPast(101, 100, 50), false);
    assert.equal(isPast(150, 100, 50), false);
    assert.equal(isPast(151, 100, 50), true);
  });
});
