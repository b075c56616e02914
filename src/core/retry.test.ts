import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { limits } from './limits.ts';
import { isPast } from './transitions.ts';
import { nextRetryAt, retryDelayMsMax, retryPolicyDefault, type RetryPolicy } from './retry.ts';

const policies: fc.Arbitrary<RetryPolicy> = fc.record({
  baseMs: fc.integer({ min: 0, max: 86_400_000 }),
  factor: fc.double({ min: 1, max: 100, noNaN: true }),
  capMs: fc.integer({ min: 0, max: limits.delayMsMax }),
});
const attempts = fc.integer({ min: 1, max: limits.attemptsMax });
const randoms = fc.double({ min: 0, max: 0.9999999, noNaN: true });

describe('retryDelayMsMax', () => {
  it('doubles from one second to ten minutes by default', () => {
    const delays = [1, 2, 3, 4, 10, 11, 1000].map((n) => retryDelayMsMax(retryPolicyDefault, n));
    assert.deepEqual(delays, [1000, 2000, 4000, 8000, 512_000, 600_000, 600_000]);
  });

  it('stays within 0 and the cap for every legal policy and attempt, even where the growth overflows', () => {
    fc.assert(
      fc.property(policies, attempts, (policy, attempt) => {
        const ms = retryDelayMsMax(policy, attempt);
        assert.ok(ms >= 0 && ms <= policy.capMs, `${ms}`);
      }),
    );
  });

  it('never shrinks from one attempt to the next', () => {
    fc.assert(
      fc.property(policies, attempts, (policy, attempt) => {
        assert.ok(retryDelayMsMax(policy, attempt + 1) >= retryDelayMsMax(policy, attempt));
      }),
    );
  });
});

describe('nextRetryAt', () => {
  const base = {
    policy: retryPolicyDefault,
    attempt: 1,
    attemptsMax: 3,
    retryable: true,
    now: 1_800_000_000_000,
    random: 0.5,
  };

  it('draws evenly from the whole range: nothing, half, all', () => {
    assert.equal(nextRetryAt({ ...base, random: 0 }), base.now);
    assert.equal(nextRetryAt(base), base.now + 500);
    assert.equal(nextRetryAt({ ...base, attempt: 2, random: 0.999999 }), base.now + 2000);
  });

  it('is null when attempts are used up or the failure is not worth another', () => {
    assert.equal(nextRetryAt({ ...base, attempt: 3 }), null);
    assert.equal(nextRetryAt({ ...base, attempt: 4 }), null);
    assert.equal(nextRetryAt({ ...base, retryable: false }), null);
    assert.equal(nextRetryAt({ ...base, attemptsMax: 1 }), null);
    assert.notEqual(nextRetryAt({ ...base, attempt: 2 }), null);
  });

  it('is a whole instant from now to now + the upper end, which no clock guard mistakes for past', () => {
    fc.assert(
      fc.property(policies, attempts, randoms, (policy, attempt, random) => {
        const at = nextRetryAt({ ...base, policy, attempt, attemptsMax: 1001, random });
        assert.ok(at !== null && Number.isSafeInteger(at) && at >= base.now);
        assert.ok(at <= base.now + Math.ceil(retryDelayMsMax(policy, attempt)));
        assert.ok(at === base.now || !isPast(at, base.now, limits.delayMsMax));
      }),
    );
  });
});
