import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import assert from 'node:assert/strict';
import { CheckpointThread } from './checkpoint-thread.ts';
import { WriteConnection } from './connection.ts';
import { sqliteCode } from './sqlite-error.ts';

function openFile(t: TestContext) {
  const folder = mkdtempSync(path.join(tmpdir(), 'raincheck-checkpoint-'));
  const file = path.join(folder, 'blobs.db');
  const writer = new WriteConnection(file, { synchronous: 'normal' });
  writer.exec('PRAGMA journal_mode = WAL; CREATE TABLE blobs (bytes BLOB)');
  const insert = writer.prepare('INSERT INTO blobs (bytes) VALUES (zeroblob(?))');
  t.after(() => {
    writer.close();
    rmSync(folder, { recursive: true });
  });
  const write = (bytes: number): void => {
    writer.begin();
    insert.run(bytes);
    writer.commit();
  };
  return { file, writer, write };
}

function over(thread: CheckpointThread): Promise<Error | null> {
  return new Promise((resolve) => thread.run(resolve));
}

const neverHere = (): void => assert.fail('It is the thread that moves the log.');

describe('the checkpoint thread', () => {
  it('moves the log while this thread goes on committing', async (t) => {
    const { file, writer, write } = openFile(t);
    const thread = new CheckpointThread(file, neverHere);
    write(8_000_000);
    const ends: (Error | null)[] = [];
    thread.run((error) => ends.push(error));
    let meanwhile = 0;
    while (ends.length === 0) {
      write(10);
      meanwhile += 1;
      await new Promise(setImmediate);
    }
    assert.deepEqual(ends, [null]);
    assert.ok(meanwhile > 0);
    assert.ok(writer.logFrames().left <= 3 * meanwhile);
    assert.equal(await over(thread), null);
    assert.equal(writer.logFrames().left, 0);
    // All of it was moved, so the log begins anew.
    write(10);
    assert.ok(writer.logFrames().total < 10);
    await thread.close();
    assert.equal(writer.scalar('SELECT count(*) FROM blobs'), meanwhile + 2);
  });

  it('leaves what another connection reads, without an error', async (t) => {
    const { file, writer, write } = openFile(t);
    const thread = new CheckpointThread(file, neverHere);
    write(100_000);
    const other = new WriteConnection(file, { synchronous: 'normal' });
    other.beginRead();
    assert.equal(other.scalar('SELECT count(*) FROM blobs'), 1);
    write(100_000);
    assert.equal(await over(thread), null);
    assert.ok(writer.logFrames().left > 20);
    other.rollback();
    assert.equal(await over(thread), null);
    assert.equal(writer.logFrames().left, 0);
    other.close();
    await thread.close();
  });

  it('reports the code of an error', async (t) => {
    const { file } = openFile(t);
    const noDatabase = path.join(path.dirname(file), 'letter.txt');
    writeFileSync(noDatabase, 'Dear reader, '.repeat(1_000));
    const thread = new CheckpointThread(noDatabase, neverHere);
    assert.equal(sqliteCode(await over(thread)), 26, 'SQLITE_NOTADB');
    assert.equal(sqliteCode(await over(thread)), 26, 'it goes on after an error');
    await thread.close();
  });

  it('reports the error of this thread when it has to do the work', async (t) => {
    const { file } = openFile(t);
    const thread = new CheckpointThread(path.dirname(file), () => {
      throw Object.assign(new Error('disk I/O error'), { errcode: 1034, errstr: 'disk I/O error' });
    });
    // A folder cannot be opened, so the thread ends, and the error is that of this one.
    assert.equal(sqliteCode(await over(thread)), 1034);
    assert.equal(sqliteCode(await over(thread)), 1034);
    await thread.close();
  });

  it('moves the log here when the thread cannot run', async (t) => {
    const { file, writer, write } = openFile(t);
    let here = 0;
    const thread = new CheckpointThread(path.dirname(file), () => {
      here += 1;
      writer.checkpoint('passive');
    });
    write(100_000);
    assert.equal(await over(thread), null);
    assert.equal(await over(thread), null);
    assert.equal(here, 2);
    assert.equal(writer.logFrames().left, 0);
    await thread.close();
  });
});
