import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Client } from 'pg';
import type { OperationFilter } from '../store/store.ts';
import { StoreBench } from '../testing/store-bench.ts';
import { listAttemptsSql } from './attempts.ts';
import { claimSql, lanesSql, lockClaimsSql, parkSql, readSlotsSql, readySql } from './claim.ts';
import { setPlanner } from './transaction-settings.ts';
import { deliveryPageOf } from './delivery-list.ts';
import {
  deliveryFilters,
  fillDeliveriesSql,
  hotDeliveryStatements,
} from './delivery-plans.fixture.ts';
import { guardOf } from './foresight.ts';
import { findKeysSql, useKeysSql } from './idempotency.ts';
import { insertSlotsSql, readTasksSql, updateSlotsSql, updateTasksSql } from './ledger.ts';
import { pageOf } from './list.ts';
import { dropChunksSql, lastChunksSql, readChunksSql, writeChunksSql } from './logs.ts';
import {
  lockOperationsSql,
  selectInputSql,
  selectOperationsSql,
  unparkSql,
  updateOperationsSql,
} from './operations.ts';
import { dropSchema, newSchema } from './postgres-schema.fixture.ts';
import { startPostgres } from './postgres-server.fixture.ts';
import { openPostgresStore } from './postgres-store.ts';
import {
  expiredOperationsSql,
  isGoneSql,
  pruneGoneIdsSql,
  pruneKeysSql,
  pruneSlotsSql,
} from './prune.ts';
import { dueSql, nextDueSql, parkedSlotsSql, slotsToCheckSql, tooFarSql } from './ready-again.ts';
import { readChunkSql } from './results.ts';
import { completeSql } from './settle.ts';
import { lapsedLeasesSql, tooFarLeasesSql, waitedTooLongSql } from './sweep.ts';

/**
 * A finished operation must not slow later work: every hot statement must use its index, with the
 * plan that is kept for all values, and with RAINCHECK_TEST_FINISHED finished rows.
 */
const finishedCount = Number(process.env['RAINCHECK_TEST_FINISHED'] ?? 100_000);

/** SQL, and what its plan must contain. */
const hotStatements: Readonly<Record<string, readonly [sql: string, ...uses: RegExp[]]>> = {
  'status reads': [selectOperationsSql, /Index Scan using operations_pkey/],
  'an input': [selectInputSql, /Index Scan using operations_pkey/],
  'rows to change': [lockOperationsSql, /Index Scan using operations_pkey/],
  'idempotency keys': [findKeysSql, /Index Scan using idempotency_keys_pkey/],
  'keys used': [useKeysSql, /Conflict Arbiter Indexes: idempotency_keys_pkey/],
  'claim, the lock': [lockClaimsSql, /Scan using claim_locks_pkey/],
  'claim, lanes': [lanesSql, /queue_scheduled/, /tasks_pkey/, /slots_to_check/],
  'claim, candidates': [readySql, /Index Scan using queue_ready .*\n.*Index Cond: \(task = /],
  'claim, slots': [readSlotsSql, /slots_pkey/],
  'claim, new slots': [insertSlotsSql, /Conflict Arbiter Indexes: slots_pkey/],
  'claim, the rows': [claimSql, /Index Scan using operations_pkey/],
  park: [parkSql, /operations_pkey/],
  unpark: [unparkSql, /using queue_parked/, /slots_pkey/],
  due: [dueSql, /using queue_scheduled .*\n.*Index Cond: .*task = .*ready_at <=/],
  'due, too far': [tooFarSql, /using queue_scheduled .*\n.*Index Cond: .*task = .*ready_at >/],
  'next due': [nextDueSql, /Index Only Scan using queue_scheduled/],
  'slots to check': [slotsToCheckSql, /using slots_to_check/],
  'slots with parked ones': [parkedSlotsSql, /using slots_pkey .*\n.*Index Cond: \(task = /],
  complete: [completeSql, /Index Scan using operations_pkey/],
  'guard of what is foreseen': [
    guardOf({
      operations: [{ id: 'op_1', version: 2, lease: null }],
      tasks: [['reports', false, 1]],
      slack: 1,
      tenants: [''],
      now: 1,
    }).sql,
    /Index Scan using operations_pkey .*\n.*Index Cond: \(id = /,
    /Index Only Scan using endpoints_registered/,
  ],
  'change in any way': [updateOperationsSql, /Index Scan using operations_pkey/],
  'counters of tasks': [updateTasksSql, /tasks_pkey/],
  'counters of slots': [updateSlotsSql, /slots_pkey/],
  'sweep, leases': [
    lapsedLeasesSql,
    /using operations_running .*\n.*Index Cond: \(lease_expires_at <=/,
  ],
  'sweep, too far': [
    tooFarLeasesSql,
    /using operations_running .*\n.*Index Cond: \(lease_expires_at >/,
  ],
  'sweep, waits': [
    waitedTooLongSql,
    /using operations_giving_up .*\n.*Index Cond: \(give_up_at <=/,
  ],
  'prune, operations': [expiredOperationsSql, /using operations_expiry .*\n.*Index Cond/],
  'prune, gone ids': [pruneGoneIdsSql, /using gone_ids_expiry/],
  'prune, keys': [pruneKeysSql, /using idempotency_keys_expiry/],
  'prune, slots': [pruneSlotsSql, /using slots_pkey/],
  'is gone': [isGoneSql, /using gone_ids_pkey/],
  tasks: [readTasksSql, /using queue_oldest/],
  'result chunk': [readChunkSql, /using result_chunks_pkey/],
  'log, the last chunks': [lastChunksSql, /Scan Backward using log_chunks_pkey/],
  'log, written': [writeChunksSql, /Conflict Arbiter Indexes: log_chunks_pkey/],
  'log, what is too old': [
    dropChunksSql,
    /Scan Backward using log_chunks_pkey/,
    // By the operation alone: it has at most one chunk more than are kept.
    /Index Scan using log_chunks_pkey on log_chunks chunks .*\n.*Index Cond: \(operation_id = /,
  ],
  'log, read': [
    readChunksSql,
    /using log_chunks_pkey .*\n.*Index Cond: .*position"? >= /,
    /Scan Backward using log_chunks_pkey/,
  ],
  attempts: [listAttemptsSql, /Scan Backward using attempts_pkey/],
  ...hotDeliveryStatements,
};

/** Few enough to be found by the indexes of unfinished operations. */
const unfinished = 100;

const filters: Readonly<Record<string, readonly [OperationFilter, RegExp]>> = {
  all: [{}, /Scan Backward using operations_pkey/],
  failed: [{ states: ['failed'] }, /Scan Backward using operations_failed/],
  pending: [{ states: ['scheduled', 'ready', 'parked'] }, /queue/],
  'one task since': [{ task: 'reports', since: 5 }, /Scan Backward using operations_pkey/],
  'a text': [{ text: 'x', task: 'reports' }, /Scan Backward using operations_pkey/],
};

/** Inserts finished operations, every tenth failed, none expired. */
const fillSql = `
INSERT INTO @operations
  (id, task, state, created_at, started_at, finished_at, expires_at, retention_ms, attempt,
   attempts_max, attempt_started_at, priority, ready_at, tenant, input, error_code, error,
   result_type, result_size, result_etag, result_inline)
SELECT 'op_' || lpad(i::text, 26, '0'), 'reports',
  CASE WHEN i % 10 > 0 THEN 'completed' ELSE 'failed' END, i, i, i, i + 9e15::bigint, 1, 1, 3, i, 0, i,
  '', '{"n":1}', CASE WHEN i % 10 = 0 THEN 'task_error' END,
  CASE WHEN i % 10 = 0 THEN '{"code":"task_error","detail":"no"}' END,
  CASE WHEN i % 10 > 0 THEN 'application/json' END, 4, '"e"', 'true'
FROM generate_series(1, $1::integer) AS i`;

const server = await startPostgres();
const options = { url: server.url, schema: newSchema(), notify: false } as const;

describe(`with ${finishedCount} finished operations`, { timeout: 110_000 }, () => {
  const client = new Client({ connectionString: server.url });
  const inSchema = (sql: string): string => sql.replaceAll(/@(?=[a-z])/g, `"${options.schema}".`);

  before(async () => {
    const store = await openPostgresStore(options);
    const bench = new StoreBench({ store, close: async () => {} });
    await client.connect();
    for (const sql of [fillSql, ...fillDeliveriesSql]) {
      await client.query(inSchema(sql), [finishedCount]);
    }
    const operations = Array.from({ length: unfinished }, () => bench.planned());
    await store.createOperations({ operations, pendingMax: 1000, now: bench.now });
    await bench.webhooks.createMany(await bench.webhooks.endpoint(), unfinished);
    await store.close();
    for (const table of ['operations', 'endpoints', 'deliveries']) {
      await client.query(`VACUUM ANALYZE "${options.schema}".${table}`);
    }
    await client.query(setPlanner());
    await client.query('SET plan_cache_mode = force_generic_plan');
  });
  after(async () => {
    await client.end();
    await dropSchema(options);
    await server.stop();
  });

  async function planOf(sql: string): Promise<string> {
    const count = new Set(sql.match(/\$\d+/g)).size;
    const values = count === 0 ? '' : `(${Array.from({ length: count }, () => 'NULL').join(', ')})`;
    await client.query(`PREPARE asked AS ${inSchema(sql)}`);
    const { rows } = await client.query(`EXPLAIN EXECUTE asked${values}`);
    await client.query('DEALLOCATE asked');
    return rows.map((row) => String(row['QUERY PLAN'])).join('\n');
  }

  for (const [name, [sql, ...uses]] of Object.entries(hotStatements)) {
    it(`goes by its index: ${name}`, async () => {
      const plan = await planOf(sql);
      for (const use of uses) assert.match(plan, use);
      if (!sql.includes('@tasks')) assert.doesNotMatch(plan, /Seq Scan/, plan);
      assert.doesNotMatch(plan, /Seq Scan on (operations|endpoints|deliveries)/, plan);
    });
  }

  for (const [name, [filter, uses]] of Object.entries(filters)) {
    it(`lists by an index, newest first: ${name}`, async () => {
      const page = pageOf({ filter, limit: 50, beforeId: null }, unfinished);
      for (const sql of [page.sql, page.endSql, page.budgetSql]) {
        if (sql === null) continue;
        const plan = await planOf(sql);
        assert.match(plan, uses);
        assert.doesNotMatch(plan, /Seq Scan|Semi Join|Join Filter/, plan);
      }
    });
  }

  for (const [name, [filter, uses]] of Object.entries(deliveryFilters)) {
    it(`lists deliveries by an index, newest first: ${name}`, async () => {
      const page = deliveryPageOf({ filter, beforeId: null }, unfinished);
      for (const sql of [page.sql, page.countSql, page.endSql]) {
        const plan = await planOf(sql);
        assert.match(plan, uses);
        assert.doesNotMatch(plan, /Seq Scan|Semi Join|Join Filter/, plan);
      }
    });
  }

  it('finds the index also while the planner takes the table for empty', async () => {
    // As on the first day: plans are made for an empty table and kept while it fills.
    await client.query('DISCARD PLANS');
    for (const table of ['@operations', '@endpoints', '@deliveries']) {
      await client.query(
        inSchema(`DELETE FROM pg_statistic WHERE starelid = '${table}'::regclass`),
      );
      await client.query(
        inSchema(
          `UPDATE pg_class SET reltuples = 0, relpages = 0 WHERE oid = '${table}'::regclass`,
        ),
      );
    }
    for (const [name, [sql]] of Object.entries(hotStatements)) {
      assert.doesNotMatch(
        await planOf(sql),
        /Seq Scan on (operations|endpoints|deliveries)|Bitmap|Hash Join|Merge Join/,
        name,
      );
    }
  });

  it('finds what is pending at once, on the first page', async () => {
    const store = await openPostgresStore(options);
    const states = ['scheduled', 'ready', 'parked'] as const;
    const page = await store.listOperations({ filter: { states }, limit: 200, beforeId: null });
    assert.equal(page.operations.length, unfinished);
    assert.equal(page.nextBeforeId, null);
    await store.close();
  });
});
