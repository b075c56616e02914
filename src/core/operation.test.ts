import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  initialState,
  isFinal,
  operationStates,
  operationStatuses,
  statesOf,
  statusOf,
} from './operation.ts';

describe('states and statuses', () => {
  it('map six states to the four that a client knows', () => {
    assert.deepEqual(Object.fromEntries(operationStates.map((s) => [s, statusOf(s)])), {
      scheduled: 'pending',
      ready: 'pending',
      parked: 'pending',
      running: 'processing',
      completed: 'completed',
      failed: 'failed',
    });
  });

  it('split all states among the statuses, each once', () => {
    assert.deepEqual(operationStatuses.flatMap(statesOf), [...operationStates]);
  });

  it('are final for completed and failed only', () => {
    assert.deepEqual(operationStates.filter(isFinal), ['completed', 'failed']);
  });

  it('start scheduled when there is something to wait for, else ready', () => {
    assert.equal(initialState(101, 100), 'scheduled');
    assert.equal(initialState(100, 100), 'ready');
    assert.equal(initialState(99, 100), 'ready');
  });
});
