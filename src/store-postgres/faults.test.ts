import assert from 'node:assert/strict';
import { after, describe, it, type TestContext } from 'node:test';
import { Client } from 'pg';
import type { RaincheckError } from '../core/errors.ts';
import { completedBy, StoreBench } from '../testing/store-bench.ts';
import { until } from '../testing/until.fixture.ts';
import { dropSchema, newSchema, runSql } from './postgres-schema.fixture.ts';
import { startPostgres } from './postgres-server.fixture.ts';
import {
  openPostgresStore,
  openPostgresStoreLater,
  postgresStore,
  type PostgresStoreOptions,
} from './postgres-store.ts';
import { startProxy, type Proxy } from './proxy.fixture.ts';

const server = await startPostgres();
after(() => server.stop());

const unavailable = { code: 'store_unavailable' };

async function openBench(
  t: TestContext,
  p: Partial<PostgresStoreOptions> = {},
): Promise<StoreBench & { readonly schema: string }> {
  const schema = newSchema();
  const options = { url: server.url, schema, clock: 'caller', notify: false, ...p } as const;
  const store = await openPostgresStore(options);
  t.after(async () => {
    await store.close();
    await dropSchema({ url: server.url, schema });
  });
  return Object.assign(new StoreBench({ store, close: async () => {} }), { schema });
}

async function openProxied(
  t: TestContext,
): Promise<{ bench: StoreBench; proxy: Proxy; direct: StoreBench }> {
  const proxy = await startProxy(server.url);
  const bench = await openBench(t, { url: proxy.url });
  const { schema } = bench;
  const store = await openPostgresStore({
    url: server.url,
    schema,
    clock: 'caller',
    notify: false,
  });
  const direct = new StoreBench({ store, close: async () => {} });
  t.after(async () => {
    await store.close();
    await proxy.close();
  });
  return { bench, proxy, direct };
}

/** A session of the test's own in the database, ended with the test. */
async function session(t: TestContext): Promise<Client> {
  const client = new Client({ connectionString: server.url });
  client.on('error', () => undefined);
  await client.connect();
  t.after(() => client.end().catch(() => undefined));
  return client;
}

describe('faults', { timeout: 100_000 }, () => {
  it('a commit whose answer is lost is told as unknown, and the key finds the truth', async (t) => {
    const { bench, proxy, direct } = await openProxied(t);
    for (const when of ['before', 'after'] as const) {
      const idempotency = {
        scope: 's',
        key: when,
        fingerprint: 'f',
        expiresAt: bench.now + 1000,
      };
      const cut = proxy.cutAtCommit(when);
      await assert.rejects(bench.submit({ idempotency }), (error: RaincheckError) => {
        assert.match(error.message, /may or may not have been stored/);
        return error.code === 'store_unavailable' && error.retryAfterSeconds !== undefined;
      });
      await cut;
      const again = await bench.submit({ idempotency });
      assert.equal(again.outcome, when === 'after' ? 'replayed' : 'created');
    }
    assert.equal((await direct.list()).length, 2);
    await direct.assertCountersExact();
  });

  it('a settle whose answer is lost is applied once', async (t) => {
    const { bench, proxy, direct } = await openProxied(t);
    const operation = await bench.running();
    const cut = proxy.cutAtCommit('after');
    await assert.rejects(bench.settle(completedBy(operation)), unavailable);
    await cut;
    assert.deepEqual(await bench.settle(completedBy(operation)), ['lost']);
    assert.equal((await direct.record(operation.id)).state, 'completed');
    assert.equal((await direct.task())?.completed, 1);
  });

  it('sessions that the server ended are replaced without a word', async (t) => {
    const bench = await openBench(t);
    const { id } = await bench.create();
    await runSql(
      server.url,
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'raincheck'`,
    );
    await bench.create();
    assert.equal((await bench.record(id)).state, 'ready');
    await bench.store.ping();
  });

  it('a link that is half open makes nobody wait for ever', async (t) => {
    const { bench, proxy } = await openProxied(t);
    await bench.create();
    proxy.freeze();
    await Promise.all([
      assert.rejects(bench.submit(), unavailable),
      assert.rejects(bench.store.readOperation({ id: 'op_x' }), unavailable),
    ]);
    proxy.thaw();
    await bench.create();
  });

  it('a row that somebody else holds is waited for, then refused, and nothing is stored', async (t) => {
    const bench = await openBench(t);
    await bench.create();
    const other = await session(t);
    await other.query(`BEGIN; UPDATE "${bench.schema}".tasks SET paused = FALSE`);
    const late = bench.submit();
    const waiting = `
      SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND application_name = 'raincheck'`;
    while ((await runSql(server.url, waiting))[0]!['count'] === '0');
    await other.query('COMMIT');
    assert.equal((await late).outcome, 'created');
    await other.query(`BEGIN; UPDATE "${bench.schema}".tasks SET paused = FALSE`);
    const plan = bench.planned();
    await assert.rejects(bench.submit(plan), (error: RaincheckError) => {
      assert.match(error.message, /Nothing was stored/);
      return error.code === 'store_unavailable';
    });
    await other.query('ROLLBACK');
    assert.equal(await bench.store.readOperation(plan), null);
    await bench.assertCountersExact();
  });

  it('deadlocks and serialization failures are run again', async (t) => {
    const bench = await openBench(t);
    const operation = await bench.create();
    await bench.create({ task: 'exports' });
    const other = await session(t);
    // Locks the counters first and then the row: the opposite of the store's order.
    await other.query(`BEGIN; SET LOCAL deadlock_timeout = '60s'`);
    await other.query(`UPDATE "${bench.schema}".tasks SET paused = FALSE`);
    const cancelled = bench.cancel(operation.id);
    const waiting = `
      SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND application_name = 'raincheck'`;
    while ((await runSql(server.url, waiting))[0]!['count'] === '0');
    // The store's transaction notices the deadlock, after deadlock_timeout, and is the one that is
    // aborted.
    await other.query(`SELECT FROM "${bench.schema}".operations FOR UPDATE`);
    await other.query('COMMIT');
    assert.equal((await cancelled).outcome, 'cancelled');
    await bench.assertCountersExact();
  });

  it('a server that became read-only is an outage, and it ends with the next one that is not', async (t) => {
    const bench = await openBench(t);
    const { id } = await bench.create();
    const [row] = await runSql(server.url, 'SELECT current_database() AS name');
    const writable = `${server.url}?options=${encodeURIComponent('-c default_transaction_read_only=off')}`;
    const set = (value: string) =>
      runSql(
        writable,
        `ALTER DATABASE "${String(row!['name'])}" SET default_transaction_read_only = ${value}`,
      );
    const endSessions = () =>
      runSql(
        server.url,
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'raincheck'`,
      );
    t.after(() => set('off'));
    await set('on');
    await endSessions();
    await assert.rejects(bench.submit(), (error: RaincheckError) => {
      assert.match(error.message, /read-only/);
      return error.code === 'store_unavailable';
    });
    await assert.rejects(bench.store.ping(), unavailable);
    assert.equal((await bench.record(id)).id, id, 'reads go on');
    await set('off');
    await bench.create();
  });

  it('a server without a connection to spare is an outage, and it ends when there is one', async (t) => {
    const bench = await openBench(t);
    const hoard: Client[] = [];
    t.after(() => Promise.all(hoard.map((client) => client.end())));
    for (;;) {
      const client = new Client({ connectionString: server.url });
      client.on('error', () => undefined);
      try {
        await client.connect();
      } catch (error) {
        assert.equal((error as { code?: string }).code, '53300');
        break;
      }
      hoard.push(client);
    }
    // The connections it has go on; it gets no more.
    await bench.create();
    const url = { url: server.url, schema: bench.schema, notify: false } as const;
    const late = openPostgresStoreLater(url);
    await assert.rejects(late.ping(), (error: RaincheckError) => {
      assert.match(error.message, /too many connections, SQLSTATE 53300/);
      return error.code === 'store_unavailable' && error.retryAfterSeconds !== undefined;
    });
    await late.close();
    await Promise.all(hoard.splice(0).map((client) => client.end()));
    const store = await openPostgresStore(url);
    await store.ping();
    await store.close();
  });

  it('who finds no free connection in its own pool is told so in seconds', async (t) => {
    const options = {
      url: server.url,
      schema: newSchema(),
      notify: false,
      connections: 4,
    } as const;
    const { store, ready } = postgresStore(options);
    const database = await ready();
    t.after(async () => {
      await store.close();
      await dropSchema(options);
    });
    // The only connection for reads, and all for writes, are busy for longer than callers wait for
    // one.
    const busy = 'SELECT pg_sleep(6)';
    const held = [1, 2, 3].map(() => database.write((tx) => tx.all(busy)));
    held.push(database.read((tx) => tx.all(busy)));
    const outcomes = Promise.allSettled(held);
    await Promise.all([
      assert.rejects(store.readOperation({ id: 'op_1' }), unavailable),
      assert.rejects(store.ping(), unavailable),
    ]);
    for (const { status } of await outcomes)
      assert.equal(status, 'rejected', 'by statement_timeout');
    await store.ping();
  });

  it('a pooler that loses prepared statements is noticed, and they are done without', async (t) => {
    const bench = await openBench(t, { connections: 4 });
    for (let i = 0; i < 3; i += 1) await bench.create();
    const descriptor = Object.getOwnPropertyDescriptor(Client.prototype, 'query')!;
    const query = descriptor.value as (...args: unknown[]) => unknown;
    let named = 0;
    t.after(() => Object.defineProperty(Client.prototype, 'query', descriptor));
    // A pooler that hands out another session does this: ours has prepared the statements, the
    // server has not.
    Client.prototype.query = function lossy(this: Client, ...args: unknown[]) {
      const [batch] = args as [{ isPrepared?: boolean } | string];
      if (typeof batch === 'object' && batch.isPrepared === true) {
        named += 1;
        const lost = query.call(this, 'DEALLOCATE ALL') as Promise<unknown>;
        lost.catch(() => undefined); // behind what has failed already
      }
      return query.apply(this, args);
    } as typeof Client.prototype.query;
    assert.equal((await bench.submit()).outcome, 'created');
    const before = named;
    assert.ok(before > 0);
    assert.equal((await bench.submit()).outcome, 'created');
    assert.equal(named, before, 'no more names');
  });

  it('a server that is down at the start is waited for by whoever uses the store', async (t) => {
    if (server.control === null) {
      t.skip('the server is not ours to stop');
      return;
    }
    const schema = newSchema();
    const options = { url: server.url, schema, clock: 'caller', notify: false } as const;
    await server.control.down('fast');
    await assert.rejects(openPostgresStore(options), unavailable);
    const store = openPostgresStoreLater(options);
    const bench = new StoreBench({ store, close: async () => {} });
    await assert.rejects(store.ping(), (error: RaincheckError) => {
      assert.match(error.message, /ECONNREFUSED/);
      assert.doesNotMatch(error.message, /127\.0\.0\.1|raincheck@/);
      return error.code === 'store_unavailable';
    });
    await assert.rejects(bench.list(), unavailable);
    await server.control.up();
    await until('the store is back', () =>
      store.ping().then(
        () => true,
        () => false,
      ),
    );
    await bench.create();
    await store.close();
    await dropSchema(options);
  });

  it('a server that crashes under load loses nothing that was acknowledged', async (t) => {
    if (server.control === null) {
      t.skip('the server is not ours to stop');
      return;
    }
    const bench = await openBench(t);
    const acknowledged: string[] = [];
    let refused = 0;
    const load = { isOver: false };
    const clients = Array.from({ length: 8 }, async () => {
      while (!load.isOver) {
        try {
          acknowledged.push((await bench.create()).id);
        } catch (error) {
          assert.equal((error as RaincheckError).code, 'store_unavailable');
          refused += 1;
        }
      }
    });
    for (const mode of ['immediate', 'fast'] as const) {
      const from = acknowledged.length;
      await until('200 more are acknowledged', () => acknowledged.length >= from + 200);
      await server.control.down(mode);
      await server.control.up();
    }
    const from = acknowledged.length;
    await until('200 more are acknowledged', () => acknowledged.length >= from + 200);
    load.isOver = true;
    await Promise.all(clients);
    assert.ok(refused > 0);
    const kept = new Set(await bench.listIds());
    assert.deepEqual(
      acknowledged.filter((id) => !kept.has(id)),
      [],
    );
    await bench.assertCountersExact();
    t.diagnostic(`${acknowledged.length} acknowledged, ${kept.size} kept, ${refused} refused`);
  });
});
