import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, it, type TestContext } from 'node:test';
import assert from 'node:assert/strict';
import { RaincheckError } from '../core/errors.ts';
import { StoreBench } from '../testing/store-bench.ts';
import { WriteConnection } from './connection.ts';
import { openFailure, requireNodeVersion, requireSqliteVersion } from './database-file.ts';
import { migrations, schemaVersion } from './migrations.ts';
import { migrateTo } from './open-file.ts';
import { openSqliteStore } from './sqlite-store.ts';

function temporaryFolder(t: TestContext): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'raincheck-open-'));
  t.after(() => {
    rmSync(folder, { recursive: true });
  });
  return folder;
}

async function close(): Promise<void> {}

/** Opening must be refused with `code`, and the folder must stay unchanged, to the byte. */
async function assertRefused(
  file: string,
  p: { readonly code: string; readonly message: RegExp },
): Promise<void> {
  const folder = path.dirname(file);
  const before = new Map(
    readdirSync(folder).map((name) => [name, readFileSync(path.join(folder, name), 'base64')]),
  );
  await assert.rejects(openSqliteStore({ path: file }), (error: RaincheckError) => {
    assert.ok(error instanceof RaincheckError, String(error));
    assert.equal(error.code, p.code);
    assert.match(error.message, p.message);
    return true;
  });
  for (const name of readdirSync(folder).filter((name) => !name.endsWith('.lock'))) {
    assert.equal(readFileSync(path.join(folder, name), 'base64'), before.get(name), name);
  }
}

async function filled(file: string, operations: number): Promise<void> {
  const store = await openSqliteStore({ path: file, synchronous: 'normal' });
  const bench = new StoreBench({ store, close });
  await Promise.all(Array.from({ length: operations }, () => bench.create()));
  await store.close();
}

describe('opening a SQLite store', () => {
  it('makes the file and the folders above it, and leaves one file when closed', async (t) => {
    const folder = path.join(temporaryFolder(t), 'some', 'where');
    await filled(path.join(folder, 'raincheck.db'), 3);
    assert.deepEqual(readdirSync(folder).sort(), ['raincheck.db', 'raincheck.db.lock']);
  });

  it('refuses a file that is no database', async (t) => {
    const file = path.join(temporaryFolder(t), 'notes.txt');
    writeFileSync(file, 'Dear diary, this is not a database. '.repeat(100));
    await assertRefused(file, {
      code: 'store_incompatible',
      message: /not a Raincheck database.*unchanged/,
    });
  });

  it('refuses the database of another program', async (t) => {
    const file = path.join(temporaryFolder(t), 'other.db');
    const db = new DatabaseSync(file);
    db.exec('CREATE TABLE songs (title TEXT)');
    db.close();
    await assertRefused(file, { code: 'store_incompatible', message: /not a Raincheck database/ });
    const marked = new DatabaseSync(file);
    marked.exec('PRAGMA application_id = 1234');
    marked.close();
    await assertRefused(file, { code: 'store_incompatible', message: /not a Raincheck database/ });
  });

  it('refuses a file of a newer version', async (t) => {
    const file = path.join(temporaryFolder(t), 'raincheck.db');
    await filled(file, 1);
    const db = new DatabaseSync(file);
    db.exec(`PRAGMA user_version = ${schemaVersion + 1}`);
    db.close();
    await assertRefused(file, { code: 'store_incompatible', message: /newer Raincheck.*update/ });
  });

  it('refuses a damaged file and a half-copied one', async (t) => {
    const folder = temporaryFolder(t);
    const whole = path.join(folder, 'whole.db');
    await filled(whole, 500);
    const bytes = readFileSync(whole);
    const half = path.join(folder, 'half.db');
    writeFileSync(half, bytes);
    truncateSync(half, Math.floor(bytes.length / 2 / 4096) * 4096);
    await assertRefused(half, { code: 'store_incompatible', message: /damaged.*backup/ });
    const damaged = path.join(folder, 'damaged.db');
    writeFileSync(damaged, bytes.fill(0xa5, 3 * 4096, bytes.length - 4096));
    await assertRefused(damaged, { code: 'store_incompatible', message: /damaged.*backup/ });
  });

  it('says what is wrong with a path that cannot be written', async (t) => {
    const folder = temporaryFolder(t);
    writeFileSync(path.join(folder, 'file'), '');
    const expected = { code: 'store_incompatible', message: /must be writable/ };
    await assertRefused(path.join(folder, 'file', 'raincheck.db'), expected).catch(
      (error: NodeJS.ErrnoException) => {
        // A listing that fails because "the folder" is a file does not matter here.
        if (error.code !== 'ENOTDIR') throw error;
      },
    );
    mkdirSync(path.join(folder, 'folder.db'));
    for (const bad of [path.join(folder, 'file', 'x.db'), path.join(folder, 'folder.db')]) {
      await assert.rejects(openSqliteStore({ path: bad }), expected);
    }
    await assert.rejects(openSqliteStore({ path: '' }), { code: 'invalid_option' });
    await assert.rejects(openSqliteStore({ path: ':memory:' }), { code: 'invalid_option' });
  });

  it('says that the disk is full, or fails, rather than that the file cannot be written', () => {
    const sqlite = (errcode: number): Error =>
      Object.assign(new Error('of SQLite'), { code: 'ERR_SQLITE_ERROR', errcode });
    const system = (code: string): Error => Object.assign(new Error(`${code}: told`), { code });
    const [noSpace, quota, full] = [system('ENOSPC'), system('EDQUOT'), sqlite(13)];
    for (const error of [noSpace, quota, full]) {
      const told = openFailure('/tmp/a.db', error) as RaincheckError;
      assert.equal(told.code, 'store_unavailable');
      assert.match(told.message, /disk is full/);
    }
    for (const error of [system('EIO'), system('EMFILE'), sqlite(266), sqlite(5)]) {
      const told = openFailure('/tmp/a.db', error) as RaincheckError;
      assert.equal(told.code, 'store_unavailable');
      assert.doesNotMatch(told.message, /writable|full/);
    }
    for (const error of [system('EACCES'), system('ENOTDIR'), sqlite(14), sqlite(8)]) {
      const told = openFailure('/tmp/a.db', error) as RaincheckError;
      assert.equal(told.code, 'store_incompatible');
      assert.match(told.message, /must be writable/);
    }
    const defect = new TypeError('a defect');
    assert.equal(openFailure('/tmp/a.db', defect), defect);
  });

  it('writes nothing more once its lock file is gone, and says so', async (t) => {
    const file = path.join(temporaryFolder(t), 'raincheck.db');
    const store = await openSqliteStore({ path: file, synchronous: 'normal' });
    const bench = new StoreBench({ store, close });
    const { id } = await bench.create();
    rmSync(`${file}.lock`);
    const openedAt = performance.now();
    t.mock.method(performance, 'now', () => openedAt + 1_001);
    const refusal = { code: 'store_unavailable', message: /lock file .* removed .* restarted/ };
    await assert.rejects(bench.create(), refusal);
    await assert.rejects(store.ping(), refusal);
    assert.equal((await store.readOperation({ id }))?.id, id);
    await store.close();
    await (await openSqliteStore({ path: file })).close();
  });

  it('opens a copy of a file that is in use', async (t) => {
    const folder = temporaryFolder(t);
    const file = path.join(folder, 'raincheck.db');
    const store = await openSqliteStore({ path: file });
    const db = new DatabaseSync(file);
    db.exec(`VACUUM INTO '${path.join(folder, 'backup.db')}'`);
    db.close();
    await (await openSqliteStore({ path: path.join(folder, 'backup.db') })).close();
    await store.close();
  });

  it('refuses options it does not know or cannot use', async () => {
    const open = openSqliteStore as (options: unknown) => Promise<unknown>;
    await assert.rejects(open({ paht: 'x' }), { code: 'invalid_option', message: /`path`/ });
    await assert.rejects(open({ path: 3 }), { code: 'invalid_option' });
    await assert.rejects(open({ path: 'x', synchronous: 'off' }), { code: 'invalid_option' });
  });

  it('is locked against a second opening in the same process, under any name', async (t) => {
    const file = path.join(temporaryFolder(t), 'raincheck.db');
    const store = await openSqliteStore({ path: file });
    const expected = { code: 'store_locked', message: new RegExp(`pid ${process.pid}`) };
    await assert.rejects(openSqliteStore({ path: file }), expected);
    await assert.rejects(openSqliteStore({ path: path.relative('.', file) }), expected);
    await store.close();
    await store.close();
    await (await openSqliteStore({ path: file })).close();
  });

  it('needs a SQLite without the log-reset defect', () => {
    for (const old of ['3.51.2', '3.50.9', '2.99.0']) {
      assert.throws(() => requireSqliteVersion(old), { code: 'store_incompatible' });
    }
    for (const good of ['3.51.3', '3.53.0', '4.0.0']) requireSqliteVersion(good);
  });

  it('names the Node that is needed rather than call the file foreign, as it would look under Node 22', () => {
    for (const old of ['22.23.3', '20.20.2']) {
      assert.throws(() => requireNodeVersion(old), {
        code: 'store_incompatible',
        message: /^Raincheck needs Node 24\.15\.0 or newer; this is 2\d\./,
      });
    }
    for (const good of ['24.15.0', '26.0.0']) requireNodeVersion(good);
  });

  it('has the same schema fresh and migrated from every earlier version', async (t) => {
    const folder = temporaryFolder(t);
    const fresh = path.join(folder, 'fresh.db');
    await filled(fresh, 1);
    for (let version = 0; version <= migrations.length; version += 1) {
      const old = path.join(folder, `from-${version}.db`);
      const writer = new WriteConnection(old, { synchronous: 'normal' });
      migrateTo(writer, version);
      writer.close();
      await filled(old, 1);
      assert.deepEqual(schemaOf(old), schemaOf(fresh));
    }
  });

  it('keeps what a file of the first version has, and gives it webhooks', async (t) => {
    const file = path.join(temporaryFolder(t), 'old.db');
    const writer = new WriteConnection(file, { synchronous: 'normal' });
    migrateTo(writer, 1);
    writer.exec(`
      INSERT INTO operations
        (id, task, state, created_at, retention_ms, attempts_max, priority, ready_at, tenant, input)
      VALUES ('op_old', 'reports', 'ready', 1, 1, 3, 0, 1, '', '{}');
      INSERT INTO tasks (task, pending) VALUES ('reports', 1);
      INSERT INTO meta (name, value) VALUES ('note.estimates', '{}'), ('notes', '')`);
    writer.close();
    const bench = new StoreBench({
      store: await openSqliteStore({ path: file, synchronous: 'normal' }),
      close: async () => {},
    });
    assert.equal((await bench.record('op_old')).webhook, null);
    assert.equal(await bench.store.readNote({ name: 'estimates' }), '{}');
    await bench.webhooks.endpoint();
    bench.outbox = bench.webhooks.outbox();
    const [claimed] = await bench.claim();
    await bench.complete(claimed!.operation);
    const [told] = await bench.webhooks.list();
    assert.deepEqual([told?.operationId, told?.state], ['op_old', 'pending']);
    await bench.store.close();
  });

  it('keeps the deliveries, and their attempts, that a file of the third version has', async (t) => {
    const file = path.join(temporaryFolder(t), 'old.db');
    const writer = new WriteConnection(file, { synchronous: 'normal' });
    migrateTo(writer, 3);
    writer.exec(`
      INSERT INTO endpoints (seq, id, kind, version, created_at, circuit, failures, several_failed, probes,
        in_flight_max, tenant, origin, url, events, is_behind, lane)
      VALUES (7, 'ep_1', 'registered', 1, 1, 'closed', 0, 0, 0, 4, '', 'https://a', 'https://a/', '[]', 0, 'idle');
      INSERT INTO deliveries (seq, id, endpoint_seq, state, version, created_at, attempts, failures, failures_max,
        expires_at, finished_at, remove_at, trigger, tenant, event, url)
      VALUES (5000000000, 'msg_1', 7, 'dead', 5, 1, 2, 2, 2, 9, 9, 9, 'schedule', '', 'operation.failed', 'https://a/'),
        (6, 'msg_2', 7, 'dead', 5, 1, 1, 1, 1, 9, 9, 9, 'schedule', '', 'operation.failed', 'https://a/');
      INSERT INTO delivery_bodies (delivery_seq, body) VALUES (5000000000, '{}'), (6, '{}');
      INSERT INTO delivery_attempts (delivery_seq, number, trigger, worker, started_at, ended_at, outcome, error, answer)
      VALUES (5000000000, 2, 'manual', 'w', 3, 4, 'failed', 'http_500', '{"status":500,"headers":{},"excerpt":null}'),
        (6, 1, 'schedule', 'w', 1, 2, 'failed', 'reset', NULL),
        (5000000000, 1, 'schedule', 'w', 1, 2, 'unknown', NULL, NULL);`);
    writer.close();
    const store = await openSqliteStore({ path: file, synchronous: 'normal' });
    const attempts = await store.listDeliveryAttempts({ id: 'msg_1' });
    assert.deepEqual(
      attempts.map((one) => [one.number, one.trigger, one.outcome, one.error, one.answer?.status]),
      [
        [1, 'schedule', 'unknown', null, undefined],
        [2, 'manual', 'failed', 'http_500', 500],
      ],
    );
    assert.equal((await store.listDeliveryAttempts({ id: 'msg_2' })).length, 1);
    const kept = (await store.readDelivery({ id: 'msg_1' }))?.delivery;
    assert.deepEqual([kept?.state, kept?.attempts, kept?.endpointId], ['dead', 2, 'ep_1']);
    const filter = { endpointId: 'ep_1' };
    assert.equal(
      (await store.listDeliveries({ filter, limit: 9, beforeId: null })).deliveries.length,
      2,
    );
    assert.equal((await store.readEndpoint({ id: 'ep_1' }))?.endpoint.handshake, null);
    await store.close();
  });

  it('undoes a migration step that fails', (t) => {
    const file = path.join(temporaryFolder(t), 'raincheck.db');
    const writer = new WriteConnection(file, { synchronous: 'normal' });
    writer.exec('CREATE TABLE meta (in_the_way TEXT)');
    assert.throws(() => {
      migrateTo(writer, schemaVersion);
    }, /meta/);
    assert.equal(writer.scalar('PRAGMA user_version'), 0);
    assert.equal(writer.scalar('SELECT count(*) FROM sqlite_schema'), 1);
    writer.close();
  });
});

function schemaOf(file: string): unknown[] {
  const db = new DatabaseSync(file, { readOnly: true });
  const schema = db.prepare('SELECT type, name, sql FROM sqlite_schema ORDER BY type, name').all();
  const pragmas = ['user_version', 'application_id', 'journal_mode'].map((name) =>
    db.prepare(`PRAGMA ${name}`).get(),
  );
  db.close();
  return [...schema, ...pragmas];
}
