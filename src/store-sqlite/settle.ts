import type { SettleAttempts, Settlement, SettleOutcome } from '../store/store.ts';
import type { WriteConnection } from './connection.ts';
import type { Ledger } from './ledger.ts';
import type { Operations } from './operations.ts';
import { prepareResultWrites } from './results.ts';

/**
 * Completion is the hot way out: one UPDATE whose WHERE is the fence, as decide() has it for `completed`.
 * All other ends read the row and go through decide().
 */
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
WHERE id = ?
  AND state = 'running'
  AND lease_token = ?
RETURNING seq, task, concurrency_key, attempt_started_at`;

export type Settle = (p: SettleAttempts) => SettleOutcome[];

export function prepareSettle(
  writer: WriteConnection,
  ledger: Ledger,
  operations: Operations,
): Settle {
  const completeRow = writer.prepare(completeSql);
  const results = prepareResultWrites(writer);

  function complete(p: Settlement & { type: 'completed' }, now: number): SettleOutcome {
    const { result } = p;
    const [row] = completeRow.all(
      ...[now, now, result.contentType, result.name, result.sizeBytes, result.etag, result.inline],
      ...[p.id, p.token],
    );
    if (row === undefined) return 'lost';
    if (result.inline === null && p.body !== null) results.insert(row[0] as number, p.body);
    const task = row[1] as string;
    const key = row[2] as string | null;
    ledger.took(ledger.entry(task), now - (row[3] as number));
    const entry = ledger.moved({ task, key, from: 'running', to: 'completed' });
    operations.slotFreed(entry, key);
    return 'applied';
  }

  function settle(p: Settlement, now: number): SettleOutcome {
    if (p.type === 'completed') return complete(p, now);
    const row = operations.find(p.id);
    if (row === undefined) return 'lost';
    return operations.apply(row, p, now).outcome === 'applied' ? 'applied' : 'lost';
  }

  return ({ settlements, now }) => settlements.map((settlement) => settle(settlement, now));
}
