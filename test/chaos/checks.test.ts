import assert from 'node:assert/strict';
import { it } from 'node:test';
import { limits } from '../../src/core/limits.ts';
import type { Operation } from '../../src/core/operation.ts';
import { checkStored } from './checks.ts';
import { Ledger } from './ledger.ts';

function violationsOf(operation: Partial<Operation>, starts = 1): readonly string[] {
  const ledger = new Ledger();
  const stored = { id: 'op_1', attempt: 1, recoveries: 0, state: 'completed', error: null };
  checkStored(ledger, { ...stored, ...operation } as Operation, starts);
  return ledger.violations;
}

const workerLost = { code: 'worker_lost' } as Operation['error'];

it('A stored operation that ended as it should is left in peace', () => {
  assert.deepEqual(violationsOf({}), []);
  const recoveries = limits.recoveriesMax;
  assert.deepEqual(violationsOf({ state: 'failed', recoveries, error: workerLost }), []);
});

it('A stored operation that never ends is a broken promise, acknowledged or not', () => {
  for (const state of ['scheduled', 'ready', 'parked', 'running'] as const) {
    assert.deepEqual(violationsOf({ state }), [`op_1 is still ${state} at the end.`]);
  }
});

it('worker_lost before the recoveries are used up is a broken promise', () => {
  const recoveries = limits.recoveriesMax - 1;
  const [violation] = violationsOf({ state: 'failed', recoveries, error: workerLost });
  assert.equal(violation, `op_1 failed as worker_lost after ${recoveries} recoveries only.`);
});

it('More starts than attempts and recoveries are a broken promise', () => {
  assert.equal(violationsOf({ recoveries: 1 }, 3).length, 1);
  assert.deepEqual(violationsOf({ recoveries: 1 }, 2), []);
});
