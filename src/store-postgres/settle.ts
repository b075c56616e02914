import type { Operation, Result } from '../core/operation.ts';
import type { SettleAttempts, Settlement, SettleOutcome } from '../store/store.ts';
import { arrayRowsSql, numberArray, textArray } from './array-literal.ts';
import type { Transaction } from './connection.ts';
import { dueAt } from './create.ts';
import type { MemoryWrite } from './group-commit.ts';
import type { WorkingSet } from './working-set.ts';

/**
 * Completion is the most frequent end, so it has its own statement with half the columns of the
 * general one. The fence is in the WHERE.
 */
export const completeSql = `
UPDATE @operations AS operations
SET state = 'completed',
    version = completed.version,
    finished_at = completed.finished_at,
    expires_at = completed.expires_at,
    lease_expires_at = NULL,
    lease_token = NULL,
    lease_worker = NULL,
    cancel_requested_at = completed.cancel_requested_at,
    progress = completed.progress,
    result_type = completed.type,
    result_name = completed.name,
    result_size = completed.size,
    result_etag = completed.etag,
    result_inline = completed.inline
FROM (
  ${arrayRowsSql(`id text, token text, version integer, finished_at bigint, expires_at bigint,
    cancel_requested_at bigint, progress text, type text, name text, size bigint, etag text, inline text`)}
) AS completed
WHERE operations.id = completed.id
  AND operations.state = 'running'
  AND operations.lease_token = completed.token`;

export type Completed = {
  readonly token: string;
  readonly result: Result;
  readonly body: Uint8Array | null;
};

export function postCompleted(
  tx: Transaction,
  completed: readonly (Completed & { readonly after: Operation })[],
): void {
  if (completed.length === 0) return;
  const values = [
    textArray(completed.map(({ after }) => after.id)),
    textArray(completed.map(({ token }) => token)),
    numberArray(completed.map(({ after }) => after.version)),
    numberArray(completed.map(({ after }) => after.finishedAt)),
    numberArray(completed.map(({ after }) => after.expiresAt)),
    numberArray(completed.map(({ after }) => after.cancelRequestedAt)),
    textArray(completed.map(({ after }) => after.progress && JSON.stringify(after.progress))),
    textArray(completed.map(({ result }) => result.contentType)),
    textArray(completed.map(({ result }) => result.name)),
    numberArray(completed.map(({ result }) => result.sizeBytes)),
    textArray(completed.map(({ result }) => result.etag)),
    textArray(completed.map(({ result }) => result.inline)),
  ];
  tx.post(completeSql, values, completed.length);
}

export function settleWrite(p: SettleAttempts): MemoryWrite<SettleOutcome[]> {
  return {
    callersNow: p.now,
    needs: ({ ids, toldIds }) => {
      for (const { id } of p.settlements) {
        ids.add(id);
        if (p.outbox !== undefined) toldIds.add(id);
      }
    },
    run: (set, now) =>
      p.settlements.map((settlement) => {
        const outcome = settle(set, settlement, { callersNow: p.now, now });
        const operation = set.find(settlement.id);
        if (outcome === 'applied' && operation) set.webhooks.outbox.changed(operation, p.outbox);
        return outcome;
      }),
    hasReady: p.settlements.some(({ type }) => type !== 'completed'),
    foresee: {
      slack: Infinity,
      holds: (outcomes) => outcomes.every((outcome) => outcome === 'applied'),
    },
    bytes: p.settlements.reduce((sum, settlement) => sum + bytesOf(settlement), 0),
  };
}

function bytesOf(p: Settlement): number {
  if (p.type !== 'completed') return 0;
  return (p.result.inline?.length ?? 0) + (p.body?.byteLength ?? 0);
}

function settle(
  set: WorkingSet,
  p: Settlement,
  { callersNow, now }: { readonly callersNow: number; readonly now: number },
): SettleOutcome {
  if (p.type === 'completed') {
    const { token, body } = p;
    const result = { ...p.result };
    return set.complete(p.id, { token, result, body }, now) ? 'applied' : 'lost';
  }
  const event =
    p.type === 'attempt_failed' && p.retryAt !== null
      ? { ...p, retryAt: dueAt(p.retryAt, callersNow, now) }
      : p;
  return set.apply(p.id, event, now)?.outcome === 'applied' ? 'applied' : 'lost';
}
