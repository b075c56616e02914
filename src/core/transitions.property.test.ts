import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { limits } from './limits.ts';
import { waitingState, isFinal, statusOf, type EndedAttempt, type Operation } from './operation.ts';
import { nextRetryAt, retryPolicyDefault } from './retry.ts';
import { decide, type Decision, type OperationEvent } from './transitions.ts';

/**
 * Random lives of operations. fast-check prints the seed and path of a failing one; pass both to
 * fc.assert to repeat it.
 */
const start = 1_800_000_000_000;
const recoveriesMax = limits.recoveriesMax;

/** One step: time passes (or steps back), then something happens, under the true token or a stale one. */
type Step = {
  readonly elapsedMs: number;
  readonly kind: OperationEvent['type'];
  readonly stale: boolean;
  readonly random: number;
  readonly flag: boolean;
};

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.record({
    elapsedMs: fc.oneof(
      { weight: 6, arbitrary: fc.integer({ min: 0, max: 2_000 }) },
      { weight: 2, arbitrary: fc.integer({ min: 0, max: 700_000 }) },
      { weight: 1, arbitrary: fc.integer({ min: -120_000, max: 0 }) },
    ),
    kind: fc.oneof(
      { weight: 5, arbitrary: fc.constant('claimed' as const) },
      { weight: 3, arbitrary: fc.constant('due' as const) },
      {
        weight: 8,
        arbitrary: fc.constantFrom<OperationEvent['type'][]>(
          'parked',
          'unparked',
          'extended',
          'attempt_failed',
          'released',
          'lease_expired',
        ),
      },
      {
        weight: 1,
        arbitrary: fc.constantFrom<OperationEvent['type'][]>(
          'completed',
          'cancel_requested',
          'waited_too_long',
        ),
      },
    ),
    stale: fc.integer({ min: 0, max: 5 }).map((n) => n === 0),
    // Not fc.double: it draws evenly over bit patterns, so that nearly all are close to 0.
    random: fc.integer({ min: 0, max: 999 }).map((n) => n / 1000),
    flag: fc.boolean(),
  }),
  { maxLength: 60, size: 'max' },
);

const operations: fc.Arbitrary<Operation> = fc
  .record({
    attemptsMax: fc.integer({ min: 1, max: 4 }),
    readyAt: fc.constantFrom(start, start - 5, start + 1500),
    waitUntil: fc.option(fc.integer({ min: start, max: start + 100_000 })),
    deadlineAt: fc.option(fc.integer({ min: start, max: start + 1_000_000 })),
  })
  .map((p) => ({
    id: 'op_01JDZ00000000000000000000A',
    task: 'reports',
    tenant: '',
    state: waitingState(p.readyAt, start),
    version: 1,
    createdAt: start,
    startedAt: null,
    finishedAt: null,
    expiresAt: null,
    retentionMs: limits.retentionMsDefault,
    attempt: 0,
    recoveries: 0,
    attemptStartedAt: null,
    lease: null,
    priority: 0,
    concurrencyKey: null,
    progress: null,
    cancelRequestedAt: null,
    error: null,
    result: null,
    labels: {},
    retryOf: null,
    traceparent: null,
    webhook: null,
    ...p,
  }));

type Transition = {
  readonly before: Operation;
  readonly event: OperationEvent;
  readonly decision: Decision;
  readonly now: number;
};

/** Plays the steps as a worker that obeys nextRetryAt and a store that obeys decide would. */
function play(first: Operation, script: readonly Step[]): { last: Operation; log: Transition[] } {
  const log: Transition[] = [];
  let operation = deepFreeze(first);
  let now = start;
  for (const [index, step] of script.entries()) {
    now += step.elapsedMs;
    const event = deepFreeze(eventOf(operation, { step, index, now }));
    const decision = decide(operation, event, now);
    log.push({ before: operation, event, decision, now });
    if (decision.outcome === 'applied') operation = deepFreeze(decision.operation);
  }
  return { last: operation, log };
}

function eventOf(
  operation: Operation,
  { step, index, now }: { step: Step; index: number; now: number },
): OperationEvent {
  const token = step.stale ? 'stale' : (operation.lease?.token ?? 'none');
  const progress = { fraction: 0.5, message: null, current: null, total: null, updatedAt: index };
  switch (step.kind) {
    case 'claimed':
      return { type: 'claimed', worker: `w${index}`, token: `t${index}`, leaseMs: 15_000 };
    case 'extended':
      return { type: 'extended', token, leaseMs: 15_000, progress: step.flag ? progress : null };
    case 'completed': {
      const result = { contentType: 'application/json', name: null, sizeBytes: 2, etag: '"e"' };
      return { type: 'completed', token, result: { ...result, inline: '{}' } };
    }
    case 'attempt_failed':
      return {
        type: 'attempt_failed',
        token,
        error: {
          code: 'task_error',
          detail: 'x',
          name: null,
          status: null,
          type: null,
          title: null,
        },
        retryAt: nextRetryAt({
          policy: retryPolicyDefault,
          attempt: operation.attempt,
          attemptsMax: operation.attemptsMax,
          retryable: step.random < 0.9,
          now,
          random: step.random,
        }),
      };
    case 'released':
      return { type: 'released', token };
    case 'lease_expired':
      return { type: 'lease_expired', recoveriesMax, workerDead: step.flag };
    case 'due':
    case 'parked':
    case 'unparked':
    case 'cancel_requested':
    case 'waited_too_long':
      return { type: step.kind };
  }
}

/** In a module every write to a frozen object throws: a mutation inside decide fails the property. */
function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const member of Object.values(value)) deepFreeze(member);
  }
  return value;
}

/** All that a client can distinguish, without what only moves the operation within the queue. */
function visible(operation: Operation): unknown {
  const status = statusOf(operation.state);
  return {
    status,
    startedAt: operation.startedAt,
    finishedAt: operation.finishedAt,
    expiresAt: operation.expiresAt,
    attempt: operation.attempt,
    readyAt: status === 'pending' ? operation.readyAt : null,
    progress: operation.progress,
    cancelRequestedAt: operation.cancelRequestedAt,
    error: operation.error,
    result: operation.result,
  };
}

function holdsFor(check: (life: ReturnType<typeof play>) => void): void {
  const property = fc.property(operations, steps, (operation, script) => {
    check(play(operation, script));
  });
  fc.assert(property, { numRuns: 1_000 });
}

const isApplied = (decision: Decision): boolean => decision.outcome === 'applied';

describe('any life of an operation', () => {
  it('ends in one final state that no event changes', () => {
    holdsFor(({ log }) => {
      for (const { before, decision } of log) {
        if (isFinal(before.state)) assert.notEqual(decision.outcome, 'applied');
      }
    });
  });

  it('has a version that rises by one exactly with what a client can see', () => {
    holdsFor(({ log }) => {
      for (const { before, decision } of log) {
        if (decision.outcome !== 'applied') continue;
        const changed =
          JSON.stringify(visible(before)) !== JSON.stringify(visible(decision.operation));
        assert.equal(decision.operation.version, before.version + (changed ? 1 : 0));
      }
    });
  });

  it('runs exactly while it has a lease, and is final exactly when it has an end', () => {
    holdsFor(({ log }) => {
      for (const { decision } of log) {
        if (decision.outcome !== 'applied') continue;
        const { operation } = decision;
        assert.equal(operation.state === 'running', operation.lease !== null);
        assert.equal(isFinal(operation.state), operation.finishedAt !== null);
        assert.equal(isFinal(operation.state), operation.expiresAt !== null);
        assert.equal(operation.state === 'failed', operation.error !== null);
        assert.equal(operation.state === 'completed', operation.result !== null);
        assert.ok(operation.state !== 'running' || operation.attemptStartedAt !== null);
        assert.ok(operation.state !== 'running' || operation.waitUntil === null);
        assert.ok(operation.state !== 'scheduled' || operation.attemptStartedAt === null);
      }
    });
  });

  it('never charges more than attemptsMax attempts', () => {
    holdsFor(({ log }) => {
      for (const { decision } of log) {
        if (decision.outcome !== 'applied') continue;
        const { operation } = decision;
        assert.ok(operation.attempt >= 0 && operation.attempt <= operation.attemptsMax);
        assert.ok(operation.recoveries <= recoveriesMax);
      }
    });
  });

  it('starts the handler at most attemptsMax + recoveries + releases times', () => {
    holdsFor(({ last, log }) => {
      const applied = log.filter(({ decision }) => isApplied(decision));
      const starts = applied.filter(({ event }) => event.type === 'claimed').length;
      const releases = applied.filter(({ event }) => event.type === 'released').length;
      assert.ok(starts <= last.attemptsMax + last.recoveries + releases);
    });
  });

  it('records every attempt that ended once: in its history or, when it completed, in itself', () => {
    holdsFor(({ last, log }) => {
      let starts = 0;
      const ended: EndedAttempt[] = [];
      for (const { before, event, decision } of log) {
        if (decision.outcome !== 'applied') continue;
        if (event.type === 'claimed') starts += 1;
        if (decision.ended === null) continue;
        ended.push(decision.ended);
        assert.equal(decision.ended.number, before.attempt);
        assert.equal(decision.ended.worker, before.lease?.worker);
        assert.equal(decision.ended.startedAt, before.attemptStartedAt);
      }
      const open = last.state === 'running' || last.state === 'completed' ? 1 : 0;
      assert.equal(ended.length, starts - open);
      assert.equal(new Set(ended.map((attempt) => attempt.worker)).size, ended.length);
    });
  });

  it('lets a stale token change nothing', () => {
    holdsFor(({ log }) => {
      for (const { event, decision } of log) {
        if ('token' in event && event.token === 'stale') assert.equal(decision.outcome, 'lost');
      }
    });
  });

  it('never starts a claim from any state but ready, nor frees a lease without an end', () => {
    holdsFor(({ log }) => {
      for (const { before, event, decision } of log) {
        if (decision.outcome !== 'applied') continue;
        if (event.type === 'claimed') assert.equal(before.state, 'ready');
        const freed = before.lease !== null && decision.operation.lease === null;
        assert.equal(freed, decision.ended !== null || event.type === 'completed');
      }
    });
  });

  it('keeps what is not the state machine to change', () => {
    holdsFor(({ log }) => {
      for (const { before, decision } of log) {
        if (decision.outcome !== 'applied') continue;
        const { operation } = decision;
        for (const member of ['id', 'task', 'createdAt', 'priority', 'deadlineAt'] as const) {
          assert.equal(operation[member], before[member]);
        }
        if (before.startedAt !== null) assert.equal(operation.startedAt, before.startedAt);
        if (before.cancelRequestedAt !== null) {
          assert.equal(operation.cancelRequestedAt, before.cancelRequestedAt);
        }
      }
    });
  });

  it('is tried in earnest: the lives above apply every event and reach every state', () => {
    const seen = new Set<string>();
    const look = (): void =>
      holdsFor(({ log }) => {
        for (const { event, decision } of log) {
          if (decision.outcome !== 'applied') continue;
          seen.add(event.type);
          seen.add(decision.operation.state);
          if (decision.operation.error !== null) seen.add(decision.operation.error.code);
        }
      });
    const wanted = [
      'due',
      'parked',
      'unparked',
      'claimed',
      'extended',
      'completed',
      'attempt_failed',
      'released',
      'lease_expired',
      'cancel_requested',
      'waited_too_long',
      'ready',
      'scheduled',
      'running',
      'failed',
      'task_error',
      'cancelled',
      'worker_lost',
      'queue_timeout',
      'deadline_exceeded',
    ];
    const missing = (): string[] => wanted.filter((name) => !seen.has(name));
    // Three lost workers in a row are the rarest case, which not every thousand lives contains.
    for (let thousands = 0; thousands < 8 && missing().length > 0; thousands += 1) look();
    assert.deepEqual(missing(), []);
  });
});
