import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, describe, it } from 'node:test';
import assert from 'node:assert/strict';
import type { OperationFilter } from '../store/store.ts';
import { StoreBench } from '../testing/store-bench.ts';
import { listAttemptsSql } from './attempts.ts';
import { claimSql, freshSql, parkSql, readySql } from './claim.ts';
import { findKeySql } from './idempotency.ts';
import { oldestPendingSql } from './ledger.ts';
import { extendSql, extendWithProgressSql } from './leases.ts';
import { pageOf } from './list.ts';
import { dropChunksSql, lastChunkSql, readChunksSql } from './logs.ts';
import { selectOperationSql, unparkSql } from './operations.ts';
import { expiredOperationsSql, isGoneSql, pruneGoneIdsSql, pruneKeysSql } from './prune.ts';
import { pagesReadBy, planOf } from './query-plan.fixture.ts';
import { dueSql, nextDueSql, tooFarSql } from './ready-again.ts';
import { readChunkSql } from './results.ts';
import { completeSql, findLeaseSql } from './settle.ts';
import { openSqliteStore } from './sqlite-store.ts';
import { lapsedLeasesSql, tooFarLeasesSql, waitedTooLongSql } from './sweep.ts';

/**
 * A finished operation must not slow later work: every hot statement must use its index and, on
 * Linux, read few enough pages with 100,000 finished operations in the file.
 */
const finishedCount = 100_000;
const folder = mkdtempSync(path.join(tmpdir(), 'raincheck-plans-'));
const full = path.join(folder, 'full.db');
const empty = path.join(folder, 'empty.db');

/** Inserts finished operations, every tenth failed, none expired, and 100 ready ones. */
async function fill(file: string, finished: number): Promise<void> {
  await (await openSqliteStore({ path: file, synchronous: 'normal' })).close();
  const db = new DatabaseSync(file);
  db.exec(`
    WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${finished})
    INSERT INTO operations
      (id, task, state, created_at, started_at, finished_at, expires_at, retention_ms, attempt,
       attempts_max, attempt_started_at, priority, ready_at, tenant, input, error_code, error,
       result_type, result_size, result_etag, result_inline)
    SELECT 'op_' || printf('%026d', i), 'reports', iif(i % 10, 'completed', 'failed'), i, i, i,
      i + 9e15, 1, 1, 3, i, 0, i, '', '{"n":1}', iif(i % 10, NULL, 'task_error'),
      iif(i % 10, NULL, '{"code":"task_error","detail":"no"}'),
      iif(i % 10, 'application/json', NULL), 4, '"e"', 'true'
    FROM n
    WHERE ${finished} > 0`);
  db.close();
  const store = await openSqliteStore({ path: file, synchronous: 'normal' });
  const bench = new StoreBench({ store, close: async () => {} });
  await Promise.all(Array.from({ length: 100 }, () => bench.create()));
  await store.close();
}

/**
 * SQL, and what its plan must contain. INDEX stands for the intended one: nothing is scanned or
 * sorted.
 */
const hotStatements: Readonly<Record<string, readonly [sql: string, ...uses: RegExp[]]>> = {
  'status read': [selectOperationSql, /SEARCH operations USING INDEX sqlite_autoindex.*\(id=\?\)/],
  'idempotency key': [findKeySql, /USING PRIMARY KEY \(scope=\? AND key=\?\)/],
  'claim, candidates': [readySql, /SEARCH operations USING INDEX operations_ready \(task=\?\)/],
  'claim, fresh ones': [freshSql, /USING COVERING INDEX operations_ready \(task=\?\)/],
  'claim, the row': [claimSql, /USING INTEGER PRIMARY KEY/],
  park: [parkSql, /USING INTEGER PRIMARY KEY/],
  unpark: [unparkSql, /INDEX operations_parked \(task=\? AND concurrency_key=\?\)/],
  due: [dueSql, /INDEX operations_scheduled \(task=\? AND ready_at<\?\)/],
  'due, too far': [tooFarSql, /INDEX operations_scheduled \(task=\? AND ready_at>\?\)/],
  'next due': [nextDueSql, /COVERING INDEX operations_scheduled \(task=\?\)/],
  'settle, the lease': [findLeaseSql, /sqlite_autoindex.*\(id=\?\)/],
  complete: [completeSql, /USING INTEGER PRIMARY KEY/],
  extend: [extendSql, /USING INTEGER PRIMARY KEY/],
  'extend with progress': [extendWithProgressSql, /USING INTEGER PRIMARY KEY/],
  'sweep, leases': [lapsedLeasesSql, /INDEX operations_running \(lease_expires_at<\?\)/],
  'sweep, too far': [tooFarLeasesSql, /INDEX operations_running \(lease_expires_at>\?\)/],
  'sweep, waits': [waitedTooLongSql, /INDEX operations_giving_up \(give_up_at<\?\)/],
  'prune, operations': [expiredOperationsSql, /INDEX operations_expiry \(expires_at<\?\)/],
  'prune, gone ids': [pruneGoneIdsSql, /COVERING INDEX gone_ids_expiry \(gone_until<\?\)/],
  'prune, keys': [pruneKeysSql, /COVERING INDEX idempotency_keys_expiry \(expires_at<\?\)/],
  'is gone': [isGoneSql, /USING PRIMARY KEY \(id=\?\)/],
  'oldest pending': [
    oldestPendingSql,
    /INDEX operations_ready \(task=\?\)/,
    /INDEX operations_ready \(task=\? AND priority<\?\)/,
    /INDEX operations_parked_oldest \(task=\?\)/,
  ],
  'result chunk': [readChunkSql, /result_chunks_position \(operation_seq=\? AND position=\?\)/],
  'log, the last chunk': [lastChunkSql, /INDEX log_chunks_position \(operation_seq=\?\)/],
  'log, what is too old': [
    dropChunksSql,
    /COVERING INDEX log_chunks_position \(operation_seq=\? AND position<\?\)/,
    /COVERING INDEX log_chunks_position \(operation_seq=\?\)/,
  ],
  'log, read': [
    readChunksSql,
    /INDEX log_chunks_position \(operation_seq=\? AND position>\?\)/,
    /COVERING INDEX log_chunks_position \(operation_seq=\? AND position<\?\)/,
  ],
  attempts: [listAttemptsSql, /INDEX attempts_operation \(operation_seq=\?\)/],
};

/** Few enough to be found by the indexes of unfinished operations. */
const unfinished = 100;

const filters: Readonly<Record<string, readonly [OperationFilter, RegExp]>> = {
  all: [{}, /SEARCH operations USING INDEX sqlite_autoindex.*\(id>\? AND id<\?\)/],
  failed: [
    { states: ['failed'] },
    /SEARCH operations USING INDEX operations_failed \(id>\? AND id<\?\)/,
  ],
  pending: [{ states: ['scheduled', 'ready', 'parked'] }, /\(id=\?\)|operations_ready/],
  'one task since': [{ task: 'reports', since: 5 }, /autoindex.*\(id>\? AND id<\?\)/],
};

describe('with 100,000 finished operations', { timeout: 60_000 }, () => {
  let db: DatabaseSync;
  before(async () => {
    await fill(full, finishedCount);
    await fill(empty, 0);
    db = new DatabaseSync(full, { readOnly: true });
  });
  after(() => {
    db.close();
    rmSync(folder, { recursive: true });
  });

  for (const [name, [sql, ...uses]] of Object.entries(hotStatements)) {
    it(`goes by its index: ${name}`, () => {
      const plan = planOf(db, sql);
      for (const use of uses) assert.match(plan, use);
      assert.doesNotMatch(plan, /SCAN operations|TEMP B-TREE/, plan);
      assert.doesNotMatch(sql, /LIMIT \?(?! \+ 0)/, 'compiled anew with every binding');
    });
  }

  for (const [name, [filter, uses]] of Object.entries(filters)) {
    it(`lists by an index, newest first: ${name}`, () => {
      const page = pageOf({ filter, limit: 50, beforeId: null }, unfinished);
      const plan = planOf(db, page.sql);
      assert.match(plan, uses);
      assert.doesNotMatch(plan, /USE TEMP B-TREE/, plan);
    });
  }

  it('reads as many pages as without them, but for the depth of the trees', (t) => {
    const statements: [string, (string | number)[]][] = [
      [readySql, ['reports', 10]],
      [freshSql, ['reports', 10]],
      [lapsedLeasesSql, [8e15, 10]],
      [waitedTooLongSql, [8e15, 10]],
      [expiredOperationsSql, [8e12, 10]],
      [selectOperationSql, ['op_00000000000000000000000001']],
      [oldestPendingSql, ['reports']],
      [nextDueSql, ['reports']],
    ];
    for (const [sql, values] of statements) {
      const [few, many] = [empty, full].map((file) => pagesReadBy(file, sql, values));
      if (few === undefined || many === undefined) {
        t.skip('needs /proc/self/io (Linux)');
        return;
      }
      t.diagnostic(`${few} → ${many} pages: ${sql.trim().split('\n').slice(-4).join(' ')}`);
      assert.ok(many <= 2 * few + 8, `${few} → ${many} pages read by ${sql}`);
    }
  });

  it('finds what is pending at once, on the first page', async () => {
    const store = await openSqliteStore({ path: full, synchronous: 'normal' });
    const states = ['scheduled', 'ready', 'parked'] as const;
    const page = await store.listOperations({ filter: { states }, limit: 200, beforeId: null });
    assert.equal(page.operations.length, 100);
    assert.equal(page.nextBeforeId, null);
    await store.close();
  });
});
