import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  completed,
  failed,
  sampleId,
  wireEstimate,
  wireOperation,
} from '../../test/support/wire-samples.ts';
import type { WireOperation } from '../core/wire-operation.ts';
import { newsOf, outcomeText } from './narration.ts';

const now = Date.parse('2026-01-01T00:00:10.000Z');
const inSeconds = (seconds: number): string => new Date(now + seconds * 1000).toISOString();

/** The lines of a pipe, without the id. */
function told(...states: readonly WireOperation[]): string[] {
  return states.flatMap((state, i) =>
    newsOf(states[i - 1] ?? null, state, now).map(({ text }) => text.replace(`${sampleId} `, '')),
  );
}

const pending = (attempt = 0, members: Partial<WireOperation> = {}) =>
  wireOperation({ attempt, ready_at: inSeconds(-1), ...members });
const processing = (attempt: number) => wireOperation({ status: 'processing', attempt });

describe('the story of an operation', () => {
  it('is a line for each state', () => {
    assert.deepEqual(told(pending(), processing(1), processing(1), completed(1)), [
      'pending',
      'processing',
    ]);
  });

  it('says when a delayed one starts', () => {
    assert.deepEqual(told(pending(0, { ready_at: inSeconds(60) })), [
      'pending, starts in 1 m 00 s',
    ]);
  });

  it('says once what it waits for, where time alone does not help', () => {
    const stalled = (reason: 'task_paused' | 'no_worker') =>
      pending(0, {
        estimate: wireEstimate({ completes_at: null, completes_by: null, basis: 'none', reason }),
      });
    const paused = stalled('task_paused');
    assert.deepEqual(told(paused, paused, stalled('no_worker'), pending()), [
      'pending',
      'waits: its task is paused',
      'waits: no worker runs its task',
    ]);
  });

  it('tells each failed attempt and the pause before the next', () => {
    const backOff = pending(1, { ready_at: inSeconds(1) });
    assert.deepEqual(told(pending(), processing(1), backOff, backOff, processing(2)), [
      'pending',
      'processing',
      'attempt 1 of 4 failed, retrying in 1 s',
      'processing (attempt 2 of 4)',
    ]);
  });

  it('tells why an attempt failed, when the server says so', () => {
    const error = { code: 'task_error', detail: 'UpstreamError\u001b[31m 503.' } as const;
    const times = { started_at: inSeconds(-1), ended_at: inSeconds(0), retry_at: inSeconds(1) };
    const attempts = [{ number: 1, outcome: 'failed', error, ...times }] as const;
    const backOff = { ...pending(1, { ready_at: inSeconds(1) }), attempts };
    assert.deepEqual(told(processing(1), backOff).slice(1), [
      'attempt 1 of 4 failed: UpstreamError 503, retrying in 1 s',
    ]);
  });

  it('does not miss attempts that were too quick to be seen', () => {
    assert.deepEqual(told(pending(), processing(3)), [
      'pending',
      'attempt 1 of 4 failed',
      'attempt 2 of 4 failed',
      'processing (attempt 3 of 4)',
    ]);
    assert.deepEqual(told(pending(), completed(1, { attempt: 2 })).slice(1), [
      'attempt 1 of 4 failed',
    ]);
    assert.equal(told(processing(2), failed('task_error')).length, 3);
  });

  it('spares who comes later the past', () => {
    assert.deepEqual(told(processing(3)), ['processing (attempt 3 of 4)']);
    assert.deepEqual(told(pending(2, { ready_at: inSeconds(30) })), [
      'attempt 2 of 4 failed, retrying in 30 s',
    ]);
    assert.deepEqual(told(pending()), ['pending']);
  });

  it('tells of a lost worker, whose attempt is not counted', () => {
    assert.deepEqual(told(processing(1), pending(0)).slice(1), [
      'pending again: its worker stopped or was lost',
    ]);
  });

  it('tells once that it is being cancelled', () => {
    const cancelling = { ...processing(1), cancel_requested_at: inSeconds(0) };
    assert.deepEqual(told(processing(1), cancelling, cancelling), [
      'processing',
      'cancel requested',
    ]);
  });
});

it('the outcome is one line', () => {
  assert.equal(outcomeText(completed(1)), `✔ ${sampleId} completed in 4.3 s`);
  assert.equal(
    outcomeText(completed(1, { attempt: 3 })),
    `✔ ${sampleId} completed in 4.3 s (3 attempts)`,
  );
  assert.equal(
    outcomeText(failed('timeout')),
    `✖ ${sampleId} failed after 4.3 s (4 attempts): timeout: UpstreamError 503`,
  );
  assert.equal(outcomeText(failed('cancelled')), `✖ ${sampleId} cancelled after 4.3 s`);
});
