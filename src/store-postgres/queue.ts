import { isFinal, type Operation } from '../core/operation.ts';
import { arrayRowsSql, numberArray, textArray } from './array-literal.ts';
import type { Transaction } from './connection.ts';

/**
 * The narrow rows of operations that wait, written in the same transaction as their wide rows and
 * with the same state. A transaction that locks both locks the wide row first, or waits for neither
 * (SKIP LOCKED).
 */
const insertQueueSql = `
INSERT INTO @queue (id, task, state, priority, ready_at, concurrency_key)
${arrayRowsSql('id text, task text, state text, priority integer, ready_at bigint, concurrency_key text')}`;

export const deleteQueueSql = `
DELETE FROM @queue
WHERE id = ANY($1::text[])`;

export function isWaiting({ state }: Operation): boolean {
  return state !== 'running' && !isFinal(state);
}

export function postQueued(tx: Transaction, queued: readonly Operation[]): void {
  if (queued.length === 0) return;
  tx.post(insertQueueSql, [
    textArray(queued.map(({ id }) => id)),
    textArray(queued.map(({ task }) => task)),
    textArray(queued.map(({ state }) => state)),
    numberArray(queued.map(({ priority }) => priority)),
    numberArray(queued.map(({ readyAt }) => readyAt)),
    textArray(queued.map(({ concurrencyKey }) => concurrencyKey)),
  ]);
}

export function postUnqueued(tx: Transaction, ids: readonly string[]): void {
  if (ids.length > 0) tx.post(deleteQueueSql, [textArray(ids)], ids.length);
}
