import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { WireAttempt, WireOperation } from 'raincheck/client';
import { wireOperation } from '../../test/support/wire-samples.ts';
import { latestAttempt, scaleOf, timelineOf } from './timeline.ts';

const start = Date.parse('2026-01-01T00:00:00.000Z');

describe('the timeline of an operation', () => {
  it('tells waiting, a failed attempt, the back-off and the attempt that worked, end to end', () => {
    const { lanes, end } = timelineOf(retried(), [], start + 60_000);
    assert.deepEqual(
      lanes[0]?.stretches.map(({ kind, from, to, tone }) => [kind, from - start, to - start, tone]),
      [
        ['waiting', 0, 1_000, 'wait'],
        ['attempt', 1_000, 2_000, 'bad'],
        ['back-off', 2_000, 7_000, 'warn'],
        ['waiting', 7_000, 7_500, 'wait'],
        ['attempt', 7_500, 9_000, 'good'],
      ],
    );
    assert.equal(end - start, 9_000);
  });

  it('lets a running attempt last to now and what is expected to come after it', () => {
    const { lanes, now } = timelineOf(running(), [], start + 4_000);
    assert.deepEqual(
      lanes[0]?.stretches.map(({ kind, to, open }) => [kind, to - start, open]),
      [
        ['attempt', 4_000, true],
        ['expected', 10_000, true],
      ],
    );
    assert.equal(now, start + 4_000);
  });

  it('knows the attempt that runs or worked, which the ended ones lack', () => {
    const worked = { number: 2, from: start + 7_500, to: start + 9_000 };
    assert.deepEqual(latestAttempt(retried()), worked);
    assert.equal(latestAttempt(running())?.to, null);
    for (const status of ['pending', 'failed'] as const) {
      assert.equal(latestAttempt({ ...retried(), status }), null);
    }
  });

  it('has an even axis where all can be seen, and an uneven one where something would vanish', () => {
    assert.ok(scaleOf(timelineOf(retried(), [], start)).isLinear);
    const late = retried({ retryAfterMs: 7_200_000 });
    const timeline = timelineOf(late, [], start);
    const scale = scaleOf(timeline);
    assert.ok(!scale.isLinear);
    const marks = timeline.lanes[0]?.stretches.map(({ to }) => scale.at(to)) ?? [];
    assert.deepEqual(
      marks,
      marks.toSorted((a, b) => a - b),
    );
    assert.equal(marks.at(-1), 1);
    assert.ok(
      marks.every((share, i) => share - (marks[i - 1] ?? 0) > 0.01),
      marks.join(' '),
    );
  });
});

function at(ms: number): string {
  return new Date(start + ms).toISOString();
}

function retried({ retryAfterMs = 5_000 } = {}): WireOperation {
  const again = 2_000 + retryAfterMs;
  const attempt: WireAttempt = {
    number: 1,
    outcome: 'failed',
    started_at: at(1_000),
    ended_at: at(2_000),
    error: { code: 'task_error', detail: 'no' },
    retry_at: at(again),
  };
  return {
    ...wireOperation(),
    status: 'completed',
    created_at: at(0),
    started_at: at(1_000),
    attempt: 2,
    attempts: [attempt],
    attempt_started_at: at(again + 500),
    finished_at: at(again + 2_000),
  };
}

function running(): WireOperation {
  return {
    ...wireOperation(),
    status: 'processing',
    created_at: at(0),
    started_at: at(1),
    attempt: 1,
    attempt_started_at: at(1),
    estimate: {
      starts_at: at(1),
      completes_at: at(8_000),
      completes_by: at(10_000),
      queue_position: 0,
      basis: 'history',
      samples: 9,
      confidence: 'low',
    },
  };
}
