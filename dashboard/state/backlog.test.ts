import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { WireStatsBucket } from 'raincheck/client';
import { backlogOf } from './backlog.ts';

function bucket(p: Partial<WireStatsBucket>): WireStatsBucket {
  return {
    at: '2026-01-01T00:00:00.000Z',
    submitted: 0,
    started: 0,
    completed: 0,
    failed: 0,
    unstarted: 0,
    failed_by_code: {},
    wait_ms: null,
    run_ms: null,
    complete: true,
    ...p,
  };
}

function totals(pending: number, processing: number) {
  return { pending, processing, completed: 0, failed: 0, dead_letters: 0 };
}

describe('how many waited and ran', () => {
  it('is told back from now by what came, began and ended', () => {
    const buckets = [
      bucket({}),
      bucket({ submitted: 10, started: 4 }), // 6 wait, 4 run
      bucket({ started: 2, completed: 3, failed: 1 }), // 4 wait, 2 run
      bucket({ submitted: 1, failed: 3, unstarted: 2 }), // 3 wait, 1 runs
    ];
    assert.deepEqual(backlogOf({ totals: totals(3, 1), buckets }), {
      waiting: [0, 6, 4, 3],
      running: [0, 4, 2, 1],
    });
  });

  it('never falls below nothing where a count was lost', () => {
    const buckets = [bucket({}), bucket({ submitted: 5, started: 5 })];
    assert.deepEqual(backlogOf({ totals: totals(0, 1), buckets }), {
      waiting: [0, 0],
      running: [0, 1],
    });
  });

  const backOffs: readonly {
    readonly name: string;
    readonly now: readonly [waiting: number, running: number];
    readonly buckets: readonly Partial<WireStatsBucket>[];
    readonly waiting: readonly number[];
    readonly running: readonly number[];
  }[] = [
    {
      name: 'nothing before the server was there, while all that came is in back-off',
      now: [6, 0],
      buckets: [{}, {}, { submitted: 6, started: 6 }, {}],
      waiting: [0, 0, 6, 6],
      running: [0, 0, 0, 0],
    },
    {
      name: 'back-offs beside first waits and what runs',
      now: [5, 2],
      // 3 that never began, and 2 of 4 begun ones that are in back-off.
      buckets: [{}, { submitted: 4, started: 4 }, { submitted: 3 }],
      waiting: [0, 2, 5],
      running: [0, 2, 2],
    },
    {
      name: 'back-offs after others that came and were done',
      now: [1, 0],
      // No bucket says which operation ran; the total number stays right.
      buckets: [{}, { submitted: 3, started: 2 }, { completed: 2 }, { started: 1 }],
      waiting: [0, 2, 1, 1],
      running: [0, 1, 0, 0],
    },
    {
      name: 'delayed starts as waiting since they came',
      now: [2, 0],
      buckets: [{}, { submitted: 2 }, {}],
      waiting: [0, 2, 2],
      running: [0, 0, 0],
    },
  ];
  for (const { name, now, buckets, waiting, running } of backOffs) {
    it(`tells ${name}`, () => {
      const told = backlogOf({ totals: totals(...now), buckets: buckets.map(bucket) });
      assert.deepEqual(told, { waiting, running });
    });
  }

  it('is nothing without buckets', () => {
    assert.deepEqual(backlogOf({ totals: totals(1, 1), buckets: [] }), {
      waiting: [],
      running: [],
    });
  });
});
