import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  claimedBefore,
  isFinal,
  operationStates,
  operationStatuses,
  statesOf,
  statusOf,
  type Operation,
  waitingState,
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
    assert.equal(waitingState(101, 100), 'scheduled');
    assert.equal(waitingState(100, 100), 'ready');
    assert.equal(waitingState(99, 100), 'ready');
  });
});

it('Operations are claimed by priority, then the longest ready, then id', () => {
  const operation = (id: string, priority: number, readyAt: number): Operation =>
    ({ id, priority, readyAt }) as Operation;
  const ordered = [
    operation('d', 5, 30),
    operation('c', 0, 10),
    operation('a', 0, 20),
    operation('b', 0, 20),
    operation('e', -5, 0),
  ];
  const sorted = ordered.toReversed().sort((a, b) => (claimedBefore(a, b) ? -1 : 1));
  assert.deepEqual(sorted, ordered);
});
