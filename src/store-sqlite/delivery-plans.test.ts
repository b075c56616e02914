import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, describe, it } from 'node:test';
import assert from 'node:assert/strict';
import type { DeliveryFilter } from '../store/delivery-store.ts';
import { StoreBench } from '../testing/store-bench.ts';
import {
  heldOfEndpointSql,
  moveHeldSql,
  movePendingSql,
  pendingOfEndpointSql,
} from './delivery-align.ts';
import { nextGatedSql, nextOpenSql, parkedSql } from './delivery-claim.ts';
import { hasFinalEventSql, insertDeliverySql, overtakenSql } from './delivery-create.ts';
import { laneDueSql, laneTooFarSql, openEndpointsSql, openTooFarSql } from './delivery-lanes.ts';
import { countUnfinishedSql, deliveryPageOf } from './delivery-list.ts';
import { pruneSecretsSql, removableDeliveriesSql } from './delivery-prune.ts';
import { deliveryAttemptSql, keptOfDeliverySql, operationDeliverySql } from './delivery-reads.ts';
import {
  behindSql,
  expiredDeliveriesSql,
  lapsedDeliveriesSql,
  tooFarDeliveriesSql,
} from './delivery-sweep.ts';
import {
  claimDeliverySql,
  deliveredSql,
  insertAttemptSql,
  selectDeliverySql,
  updateDeliverySql,
} from './deliveries.ts';
import {
  countParkedSql,
  selectEndpointBySeqSql,
  selectEndpointSql,
  selectRequestEndpointSql,
} from './endpoint-statements.ts';
import { firstPendingSql, firstTooFarSql, lookedAtSql } from './endpoint-place.ts';
import {
  emptyEndpointsSql,
  gatesOverSql,
  latestPlanSql,
  misplacedSql,
  outOfTimeSql,
} from './endpoint-time.ts';
import {
  countsOfEndpointSql,
  hasDeliverySql,
  listEndpointsSql,
  listRegisteredSql,
  listRequestSql,
  readEndpointSql,
} from './endpoints.ts';
import { countInFlightSql } from './in-flight.ts';
import { pagesReadBy, planOf, stepsOf } from './query-plan.fixture.ts';
import { countRegisteredSql, selectRegisteredSql } from './registered-endpoints.ts';
import { selectSecretsSql } from './secrets.ts';
import { openSqliteStore } from './sqlite-store.ts';

/**
 * Delivered deliveries must not slow later work, nor must an endpoint with nothing to send. Every
 * hot statement must use its index and, on Linux, read few enough pages with 100,000 finished
 * deliveries to 10,000 endpoints.
 */
const overCount = 100_000;
const endpointCount = 10_000;
const folder = mkdtempSync(path.join(tmpdir(), 'raincheck-delivery-plans-'));
const full = path.join(folder, 'full.db');
const empty = path.join(folder, 'empty.db');

/**
 * Fills the file with finished deliveries, every tenth dead, none due for removal, and some of each
 * other kind.
 */
async function fill(file: string, over: number): Promise<void> {
  await (await openSqliteStore({ path: file, synchronous: 'normal' })).close();
  const db = new DatabaseSync(file);
  const upTo = (count: number): string =>
    `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${count})`;
  db.exec(`
    ${upTo(endpointCount)}
    INSERT INTO endpoints
      (id, kind, lane, version, created_at, circuit, failures, several_failed, probes, in_flight_max, tenant,
       origin, url, events)
    SELECT 'ep_' || printf('%026d', i), 'request', 'idle', 1, i, 'closed', 0, 0, 0, 1024, '',
      'https://a.example', 'https://a.example/' || i, '[]'
    FROM n
    WHERE ${over} > 0;
    ${upTo(over)}
    INSERT INTO deliveries
      (id, endpoint_seq, state, version, created_at, attempts, failures, failures_max, expires_at, finished_at,
       remove_at, trigger, tenant, event, operation_id, url)
    SELECT 'msg_' || printf('%026d', i), 1 + i % ${endpointCount}, iif(i % 10, 'delivered', 'dead'), 3, i, 1,
      0, 12, i, i, i + 9e15, 'schedule', '', 'operation.completed', 'op_' || printf('%026d', i / 2),
      'https://a.example/'
    FROM n
    WHERE ${over} > 0;
    INSERT INTO delivery_bodies (delivery_seq, body) SELECT seq, '{}' FROM deliveries;
    INSERT INTO delivery_attempts
      (seq, number, trigger, worker, started_at, ended_at, outcome)
    SELECT seq, 1, 'schedule', 'w', 1, 2, 'delivered' FROM deliveries;
    UPDATE deliveries SET last_attempt = seq;`);
  db.close();
  const store = await openSqliteStore({ path: file, synchronous: 'normal' });
  const bench = new StoreBench({ store, close: async () => {} });
  const { webhooks } = bench;
  for (let i = 0; i < 10; i += 1) {
    await webhooks.createMany(await webhooks.endpoint({ url: `https://${i}.example/` }), 10);
  }
  await webhooks.claim({ limit: 10 });
  const off = await webhooks.endpoint();
  await webhooks.createMany(off, 10);
  await webhooks.change(off, { enabled: false });
  await store.close();
}

type Expectation = readonly [sql: string, ...uses: RegExp[]];

/** SQL, and what its plan must contain, as in plans.test.ts. */
const hotStatements: Readonly<Record<string, Expectation>> = {
  'a delivery': [selectDeliverySql, /INDEX sqlite_autoindex_deliveries_1 \(id=\?\)/],
  'a body': [keptOfDeliverySql, /USING INTEGER PRIMARY KEY/],
  'claim, open endpoints': [
    openEndpointsSql,
    /COVERING INDEX endpoints_open \(\(first_at,first_id\)>/,
  ],
  'claim, plans too far ahead': [openTooFarSql, /COVERING INDEX endpoints_open/],
  'claim, deliveries of one': [
    laneDueSql,
    /COVERING INDEX deliveries_pending \(endpoint_seq=\? AND \(next_at,id\)>\(\?,\?\) AND next_at<\?\)/,
    /SEARCH deliveries USING INTEGER PRIMARY KEY/,
  ],
  'claim, those too far ahead': [
    laneTooFarSql,
    /COVERING INDEX deliveries_pending \(endpoint_seq=\? AND next_at>\?\)/,
  ],
  'claim, parked endpoints': [parkedSql, /COVERING INDEX endpoints_parked \(origin=\?\)/],
  'claim, next open': [
    nextOpenSql,
    /COVERING INDEX endpoints_open \(first_at>\? AND first_at<\?\)/,
  ],
  'claim, next gated': [nextGatedSql, /COVERING INDEX endpoints_gated \(open_at>\?\)/],
  'claim, the row': [claimDeliverySql, /USING INTEGER PRIMARY KEY/],
  'the end, delivered': [deliveredSql, /USING INTEGER PRIMARY KEY/],
  update: [updateDeliverySql, /USING INTEGER PRIMARY KEY/],
  'place, first': [
    firstPendingSql,
    /COVERING INDEX deliveries_pending \(endpoint_seq=\? AND next_at>\?\)/,
  ],
  'place, looked at': [
    lookedAtSql,
    /COVERING INDEX deliveries_pending \(endpoint_seq=\? AND \(next_at,id\)>\(\?,\?\) AND next_at<\?\)/,
  ],
  'place, first too far ahead': [firstTooFarSql, /COVERING INDEX deliveries_pending/],
  'place, latest': [latestPlanSql, /COVERING INDEX deliveries_pending \(endpoint_seq=\?/],
  'time, gates': [gatesOverSql, /COVERING INDEX endpoints_gated \(open_at<\?\)/],
  'time, out of time': [
    outOfTimeSql,
    /INDEX deliveries_unfinished \(expires_at>\? AND expires_at<\?\)/,
  ],
  'time, audit': [
    misplacedSql,
    /SEARCH deliveries USING COVERING INDEX deliveries_pending \(endpoint_seq>\?\)/,
    /SEARCH endpoints USING INTEGER PRIMARY KEY/,
  ],
  'time, audit of empty endpoints': [
    emptyEndpointsSql,
    /SCAN endpoints USING COVERING INDEX endpoints_open/,
    /SCAN endpoints USING COVERING INDEX endpoints_gated/,
    /SCAN endpoints USING COVERING INDEX endpoints_parked/,
    /SEARCH deliveries USING COVERING INDEX deliveries_pending \(endpoint_seq=\? AND next_at>\?\)/,
  ],
  'endpoint by row': [selectEndpointBySeqSql, /USING INTEGER PRIMARY KEY/],
  'endpoint by id': [selectEndpointSql, /sqlite_autoindex_endpoints_1 \(id=\?\)/],
  'endpoint of a request': [
    selectRequestEndpointSql,
    /INDEX endpoints_request \(tenant=\? AND url=\?\)/,
  ],
  'registered endpoints': [selectRegisteredSql, /INDEX endpoints_registered \(tenant=\?\)/],
  'count of registered': [countRegisteredSql, /INDEX endpoints_registered/],
  'count in flight': [
    countInFlightSql,
    /INDEX deliveries_sending/,
    /SEARCH endpoints USING INTEGER PRIMARY KEY/,
  ],
  'count of parked': [countParkedSql, /COVERING INDEX endpoints_parked/],
  'final event': [hasFinalEventSql, /INDEX deliveries_of_operation \(operation_id=\?\)/],
  overtaken: [overtakenSql, /INDEX deliveries_of_operation \(operation_id=\?\)/],
  'delivery of an operation': [operationDeliverySql, /deliveries_of_operation \(operation_id=\?\)/],
  'sweep, leases': [lapsedDeliveriesSql, /INDEX deliveries_sending \(lease_expires_at<\?\)/],
  'sweep, too far': [tooFarDeliveriesSql, /INDEX deliveries_sending \(lease_expires_at>\?\)/],
  'sweep, expired': [expiredDeliveriesSql, /INDEX deliveries_unfinished \(expires_at<\?\)/],
  'sweep, behind': [behindSql, /COVERING INDEX endpoints_behind/],
  'hold, the first': [pendingOfEndpointSql, /INDEX deliveries_pending \(endpoint_seq=\?/],
  'release, the first': [heldOfEndpointSql, /INDEX deliveries_held \(endpoint_seq=\?\)/],
  hold: [movePendingSql, /COVERING INDEX deliveries_pending \(endpoint_seq=\?/],
  release: [moveHeldSql, /COVERING INDEX deliveries_held \(endpoint_seq=\?\)/],
  'prune, deliveries': [removableDeliveriesSql, /INDEX deliveries_removal \(remove_at<\?\)/],
  'prune, the last one': [hasDeliverySql, /COVERING INDEX deliveries_\w+ \(endpoint_seq=\?\)/],
  'prune, secrets': [pruneSecretsSql, /INDEX webhook_secrets_expiry \(expires_at<\?\)/],
  secrets: [selectSecretsSql, /INDEX webhook_secrets_owner \(owner=\?\)/],
  attempts: [deliveryAttemptSql, /USING INTEGER PRIMARY KEY/],
  'read an endpoint': [readEndpointSql, /sqlite_autoindex_endpoints_1 \(id=\?\)/],
  'its counts': [
    countsOfEndpointSql,
    /COVERING INDEX deliveries_pending \(endpoint_seq=\?/,
    /COVERING INDEX deliveries_held \(endpoint_seq=\?\)/,
    /COVERING INDEX deliveries_dead_of_endpoint \(endpoint_seq=\?\)/,
  ],
  'list of endpoints': [listEndpointsSql, /INDEX endpoints_tenant \(tenant=\? AND id<\?\)/],
  'list of registered': [listRegisteredSql, /INDEX endpoints_registered \(tenant=\? AND id<\?\)/],
  'list of others': [listRequestSql, /INDEX endpoints_tenant \(tenant=\? AND id<\?\)/],
  'count of unfinished': [countUnfinishedSql, /COVERING INDEX deliveries_unfinished/],
};

/** Walked once after a start or a rollback. */
const endpointsWithPlace = /SCAN endpoints USING COVERING INDEX endpoints_(open|gated|parked)/g;

/** Indexes with few rows, which are walked whole where all of these are wanted. */
const partialIndexes =
  /SCAN (deliveries|endpoints) USING (COVERING )?INDEX \w+_(sending|parked|registered|behind|unfinished)/g;

const endpointId = 'ep_00000000000000000000000007';
const filters: Readonly<Record<string, readonly [DeliveryFilter, RegExp]>> = {
  all: [{}, /USING (COVERING )?INDEX sqlite_autoindex_deliveries_1 \(id>\? AND id<\?\)/],
  dead: [{ states: ['dead'] }, /INDEX deliveries_dead \(id>\? AND id<\?\)/],
  'dead of one endpoint': [
    { states: ['dead'], endpointId },
    /INDEX deliveries_dead_of_endpoint \(endpoint_seq=\? AND id>\? AND id<\?\)/,
  ],
  'of one endpoint': [
    { endpointId, tenant: '' },
    /INDEX deliveries_of_endpoint \(endpoint_seq=\? AND id>\? AND id<\?\)/,
  ],
  'of one operation': [
    { operationId: 'op_1', endpointId },
    /INDEX deliveries_of_operation \(operation_id=\? AND id>\? AND id<\?\)/,
  ],
  unfinished: [{ states: ['pending', 'held'] }, /\(id=\?\)|deliveries_unfinished/],
  'failed since': [{ error: 'timeout', since: 5 }, /\(id>\? AND id<\?\)/],
};

describe('with 100,000 deliveries that are over', { timeout: 60_000 }, () => {
  let db: DatabaseSync;
  before(async () => {
    await fill(full, overCount);
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
      const mayBeWalked = sql === emptyEndpointsSql ? endpointsWithPlace : partialIndexes;
      const walked = plan.replaceAll(mayBeWalked, '');
      assert.doesNotMatch(
        walked,
        /SCAN (deliveries|endpoints|webhook|delivery_)|TEMP B-TREE FOR ORDER/,
        plan,
      );
      assert.doesNotMatch(sql, /LIMIT \?(?! \+ 0)/, 'compiled anew with every binding');
    });
  }

  it('makes no tree in memory for a row that an attempt writes', () => {
    const written = [insertDeliverySql, claimDeliverySql, deliveredSql, updateDeliverySql];
    for (const sql of [...written, insertAttemptSql]) {
      assert.ok(!stepsOf(db, sql).includes('OpenEphemeral'), sql);
    }
  });

  for (const [name, [filter, uses]] of Object.entries(filters)) {
    it(`lists by an index, newest first: ${name}`, () => {
      const page = deliveryPageOf({ filter, beforeId: null }, 100);
      for (const sql of [page.sql, page.countSql, page.endSql]) {
        const plan = planOf(db, sql);
        assert.match(plan, uses);
        assert.doesNotMatch(plan, /USE TEMP B-TREE/, plan);
      }
    });
  }

  it('reads as many pages as without them, but for the depth of the trees', (t) => {
    const now = Date.UTC(2026, 0, 1) + 1;
    const seq = Number(
      db.prepare("SELECT max(seq) FROM endpoints WHERE lane = 'open'").get()?.['max(seq)'],
    );
    const statements: [string, (string | number)[]][] = [
      [openEndpointsSql, [now, 0, '', 10]],
      [firstPendingSql, [seq, now]],
      [nextOpenSql, [now, now + 9e9]],
      [gatesOverSql, [now, 10]],
      [outOfTimeSql, [0, now, 10]],
      [misplacedSql, [now, now + 9e9, now + 9e9]],
      [emptyEndpointsSql, []],
      [lapsedDeliveriesSql, [8e15, 10]],
      [expiredDeliveriesSql, [8e15, 10]],
      [removableDeliveriesSql, [8e12, 10]],
      [behindSql, []],
      [countInFlightSql, []],
      [countRegisteredSql, []],
    ];
    for (const [sql, values] of statements) {
      const [few, many] = [empty, full].map((file) => pagesReadBy(file, sql, values));
      if (few === undefined || many === undefined) {
        t.skip('needs /proc/self/io (Linux)');
        return;
      }
      t.diagnostic(`${few} → ${many} pages: ${sql.trim().split('\n').slice(0, 4).join(' ')}`);
      assert.ok(many <= 2 * few + 8, `${few} → ${many} pages read by ${sql}`);
    }
  });

  it('finds what is held, and the dead letters, on the first page', async () => {
    const store = await openSqliteStore({ path: full, synchronous: 'normal' });
    const list = (states: NonNullable<DeliveryFilter['states']>, limit: number) =>
      store.listDeliveries({ filter: { states }, limit, beforeId: null });
    const held = await list(['held'], 200);
    assert.deepEqual([held.deliveries.length, held.nextBeforeId], [10, null]);
    assert.equal((await list(['dead'], 200)).deliveries.length, 200);
    const count = await store.countDeliveries({ filter: { states: ['dead'] } });
    assert.equal(count, overCount / 10);
    assert.equal(await store.countDeliveries({ filter: { states: ['pending', 'sending'] } }), 100);
    assert.equal(await store.countDeliveries({ filter: { error: 'timeout' } }), 0);
    await store.close();
  });
});
