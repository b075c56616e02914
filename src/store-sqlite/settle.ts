import type { SettleAttempts, Settlement, SettleOutcome } from '../store/store.ts';
import type { Row, WriteConnection } from './connection.ts';
import type { HeldLease, HeldLeases } from './held-leases.ts';
import type { Ledger } from './ledger.ts';
import type { Operations } from './operations.ts';
import type { OutboxWrites } from './outbox.ts';
import { prepareResultWrites } from './results.ts';
import { seqOf } from './rows.ts';

/**
 * Completion is the most frequent end: one UPDATE whose WHERE is the fence, by decide()'s rule for
 * `completed`. What else it needs to know was kept at the claim (held-leases.ts), or is read from
 * the row for an attempt that was claimed before this process began. The UPDATE alone with
 * RETURNING would do, but costs 14.5 µs against 8.3 without, and the SELECT 1.0. All other ends
 * read the whole row and go through decide().
 *
 * The same data tells whether an endpoint may want the event (outbox.ts); only then the whole row
 * is read again.
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
  p: {
    readonly operations: Operations;
    readonly outboxWrites: OutboxWrites;
    readonly heldLeases: HeldLeases;
  },
): Settle {
  const { operations, outboxWrites, heldLeases } = p;
  const findLease = writer.prepare(findLeaseSql);
  const completeRow = writer.prepare(completeSql);
  const results = prepareResultWrites(writer);

  function readLease(id: string, token: string): HeldLease | undefined {
    const row = findLease.first(id, token);
    return row && heldLeaseOf(id, row);
  }

  function complete(p: Completed, { outbox, now }: SettleAttempts): SettleOutcome {
    const { id, token, result, body } = p;
    const lease = heldLeases.take(id, token) ?? readLease(id, token);
    if (lease === undefined) return 'lost';
    const { seq, task, key } = lease;
    const changed = completeRow.runCounted(
      now,
      now,
      result.contentType,
      result.name,
      result.sizeBytes,
      result.etag,
      result.inline,
      seq,
      token,
    );
    if (changed === 0) return 'lost';
    if (result.inline === null && body !== null) results.insert(seq, body);
    ledger.took(ledger.entry(task), now - lease.attemptStartedAt);
    const entry = ledger.moved({ task, key, from: 'running', to: 'completed' });
    operations.slotFreed(entry, key);
    if (outbox !== undefined && outboxWrites.concerns(lease.tenant, lease.hasWebhook)) {
      outboxWrites.completed(id, outbox, now);
    }
    return 'applied';
  }

  function settle(p: Settlement, call: SettleAttempts): SettleOutcome {
    if (p.type === 'completed') return complete(p, call);
    heldLeases.take(p.id, p.token);
    const row = operations.find(p.id);
    if (row === undefined) return 'lost';
    const change = operations.apply(row, p, call.now);
    outboxWrites.changed(change, call.outbox, call.now);
    return change.outcome === 'applied' ? 'applied' : 'lost';
  }

  return (call) => call.settlements.map((settlement) => settle(settlement, call));
}

function heldLeaseOf(id: string, row: Row): HeldLease {
  return {
    id,
    seq: seqOf(row),
    task: row[1] as string,
    key: row[2] as string | null,
    attemptStartedAt: row[3] as number,
    tenant: row[5] as string,
    hasWebhook: row[6] === 1,
  };
}
