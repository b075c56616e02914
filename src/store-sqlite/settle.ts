import type { SettleAttempts, Settlement, SettleOutcome } from '../store/store.ts';
import type { WriteConnection } from './connection.ts';
import type { Ledger } from './ledger.ts';
import type { Operations } from './operations.ts';
import type { OutboxWrites } from './outbox.ts';
import { prepareResultWrites } from './results.ts';
import { seqOf } from './rows.ts';

/**
 * Completion is the hot way out: a few columns read, one UPDATE whose WHERE is the fence, as decide() has
 * it for `completed`. The UPDATE alone with RETURNING would do, but costs 14.5 µs against 8.3 without and
 * 1.9 for the SELECT. All other ends read the whole row and go through decide().
 *
 * Whether anyone may want to be told (outbox.ts) is seen from those columns: only then the whole row is read again.
 */
export const findLeaseSql = `
SELECT seq, task, concurrency_key, attempt_started_at, cancel_requested_at, tenant, webhook IS NOT NULL
FROM operations
WHERE id = ?
  AND state = 'running'
  AND lease_token = ?`;

export const completeSql = `
UPDATE operations
SET state = 'completed',
    version = version + 1,
    finished_at = ?,
    expires_at = ? + retention_ms,
    lease_expires_at = NULL,
    lease_token = NULL,
    lease_worker = NULL,
    result_type = ?,
    result_name = ?,
    result_size = ?,
    result_etag = ?,
    result_inline = ?
WHERE seq = ?
  AND state = 'running'
  AND lease_token = ?`;

type Completed = Settlement & { readonly type: 'completed' };

export type Settle = (p: SettleAttempts) => SettleOutcome[];

export function prepareSettle(
  writer: WriteConnection,
  ledger: Ledger,
  p: { readonly operations: Operations; readonly outboxWrites: OutboxWrites },
): Settle {
  const { operations, outboxWrites } = p;
  const findLease = writer.prepare(findLeaseSql);
  const completeRow = writer.prepare(completeSql);
  const results = prepareResultWrites(writer);

  function complete(p: Completed, { outbox, now }: SettleAttempts): SettleOutcome {
    const row = findLease.first(p.id, p.token);
    if (row === undefined) return 'lost';
    const { result } = p;
    completeRow.run(
      now,
      now,
      result.contentType,
      result.name,
      result.sizeBytes,
      result.etag,
      result.inline,
      seqOf(row),
      p.token,
    );
    if (result.inline === null && p.body !== null) results.insert(seqOf(row), p.body);
    const task = row[1] as string;
    const key = row[2] as string | null;
    ledger.took(ledger.entry(task), now - (row[3] as number));
    const entry = ledger.moved({ task, key, from: 'running', to: 'completed' });
    operations.slotFreed(entry, key);
    if (outbox !== undefined && outboxWrites.concerns(row[5] as string, row[6] === 1)) {
      outboxWrites.completed(p.id, outbox, now);
    }
    return 'applied';
  }

  function settle(p: Settlement, call: SettleAttempts): SettleOutcome {
    if (p.type === 'completed') return complete(p, call);
    const row = operations.find(p.id);
    if (row === undefined) return 'lost';
    const change = operations.apply(row, p, call.now);
    outboxWrites.changed(change, call.outbox, call.now);
    return change.outcome === 'applied' ? 'applied' : 'lost';
  }

  return (call) => call.settlements.map((settlement) => settle(settlement, call));
}
