import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { completesAt, expectedDuration, historySamplesMin, retryAfterSeconds } from './estimate.ts';
import { operationStates, type Operation } from './operation.ts';

const now = 1_800_000_000_000;
const expected = { ms: 8_000, basis: 'history', samples: 9 } as const;

function operation(change: Partial<Operation>): Operation {
  return {
    id: 'op_01JDZ00000000000000000000A',
    task: 'reports',
    tenant: '',
    state: 'ready',
    version: 1,
    createdAt: now,
    startedAt: null,
    finishedAt: null,
    expiresAt: null,
    retentionMs: 86_400_000,
    attempt: 0,
    attemptsMax: 3,
    recoveries: 0,
    attemptStartedAt: null,
    lease: null,
    priority: 0,
    readyAt: now,
    waitUntil: null,
    deadlineAt: null,
    concurrencyKey: null,
    progress: null,
    cancelRequestedAt: null,
    error: null,
    result: null,
    labels: {},
    retryOf: null,
    traceparent: null,
    webhook: null,
    ...change,
  };
}

describe('expectedDuration', () => {
  it('takes what the author declared until there is enough history', () => {
    const p = { declaredMs: 5_000, meanMs: 7_000 };
    const declared = { ms: 5_000, basis: 'declared', samples: 0 };
    assert.deepEqual(expectedDuration({ ...p, samples: historySamplesMin - 1 }), declared);
    assert.deepEqual(expectedDuration({ ...p, meanMs: null, samples: 0 }), declared);
    assert.deepEqual(expectedDuration({ ...p, samples: historySamplesMin }), {
      ms: 7_000,
      basis: 'history',
      samples: historySamplesMin,
    });
  });

  it('takes any history when nothing was declared, and says null when there is neither', () => {
    assert.deepEqual(expectedDuration({ declaredMs: null, meanMs: 7_000, samples: 1 }), {
      ms: 7_000,
      basis: 'history',
      samples: 1,
    });
    assert.equal(expectedDuration({ declaredMs: null, meanMs: null, samples: 0 }), null);
  });
});

describe('completesAt', () => {
  it('counts from the start of the attempt, from readyAt, or from now', () => {
    const running = operation({ state: 'running', attemptStartedAt: now - 3_000 });
    assert.equal(completesAt(running, expected, now), now + 5_000);
    const later = operation({ state: 'scheduled', readyAt: now + 60_000 });
    assert.equal(completesAt(later, expected, now), now + 68_000);
    const ready = operation({ readyAt: now - 99_000 });
    assert.equal(completesAt(ready, expected, now), now + 8_000);
  });

  it('is never in the past: an attempt that is late is expected any moment', () => {
    const late = operation({ state: 'running', attemptStartedAt: now - 99_000 });
    assert.equal(completesAt(late, expected, now), now);
  });

  it('is null for what is final and when nothing is known', () => {
    assert.equal(completesAt(operation({ state: 'completed' }), expected, now), null);
    assert.equal(completesAt(operation({ state: 'failed' }), expected, now), null);
    assert.equal(completesAt(operation({}), null, now), null);
  });
});

describe('retryAfterSeconds', () => {
  it('is the expected rest, rounded up', () => {
    const running = operation({ state: 'running', attemptStartedAt: now - 5_900 });
    assert.equal(retryAfterSeconds(running, expected, now), 3);
    assert.equal(retryAfterSeconds(operation({}), expected, now), 8);
  });

  it('grows to a quarter of the age once the estimate has passed', () => {
    const late = (ageMs: number) =>
      operation({ state: 'running', createdAt: now - ageMs, attemptStartedAt: now - ageMs });
    assert.equal(retryAfterSeconds(late(40_000), expected, now), 10);
    assert.equal(retryAfterSeconds(late(400_000), expected, now), 60);
    assert.equal(retryAfterSeconds(operation({ createdAt: now - 40_000 }), null, now), 10);
  });

  it('waits for a start that is ahead even when the duration is not known', () => {
    const delayed = operation({ state: 'scheduled', readyAt: now + 30_000 });
    assert.equal(retryAfterSeconds(delayed, null, now), 30);
  });

  it('is a whole number from 1 to 60 for any operation and any clock', () => {
    const instants = fc.integer({ min: 0, max: 2 * now });
    const operations = fc
      .record({
        state: fc.constantFrom(...operationStates),
        createdAt: instants,
        readyAt: instants,
        attemptStartedAt: fc.option(instants),
      })
      .map(operation);
    const durations = fc.option(
      fc.record({
        ms: fc.double({ min: 0, max: 1e15, noNaN: true }),
        basis: fc.constant('history' as const),
        samples: fc.nat(),
      }),
    );
    fc.assert(
      fc.property(operations, durations, instants, (op, duration, at) => {
        const seconds = retryAfterSeconds(op, duration, at);
        assert.ok(Number.isInteger(seconds) && seconds >= 1 && seconds <= 60, String(seconds));
      }),
    );
  });
});
