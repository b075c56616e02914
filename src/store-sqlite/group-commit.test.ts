import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import assert from 'node:assert/strict';
import { RaincheckError } from '../core/errors.ts';
import { ReadConnection, WriteConnection } from './connection.ts';
import { GroupCommit, type GroupCommitHooks, type Sync } from './group-commit.ts';

/** A table of words under group commit, and how many commits and rollbacks there were. */
function openWords(t: TestContext, sync: Sync | null = null) {
  const folder = mkdtempSync(path.join(tmpdir(), 'raincheck-commit-'));
  const file = path.join(folder, 'words.db');
  const writer = new WriteConnection(file, { synchronous: 'normal' });
  writer.exec('PRAGMA journal_mode = WAL; CREATE TABLE words (word TEXT UNIQUE)');
  const reader = new ReadConnection(file);
  const counts = { commits: 0, rollbacks: 0 };
  const hooks: GroupCommitHooks = {
    beforeCommit: () => {},
    afterCommit: () => {
      counts.commits += 1;
    },
    afterRollback: () => {
      counts.rollbacks += 1;
    },
    holdReads: () => {
      reader.hold();
    },
    releaseReads: () => {
      reader.release();
    },
  };
  const commits = new GroupCommit(writer, hooks, sync);
  t.after(() => {
    reader.close();
    writer.close();
    rmSync(folder, { recursive: true });
  });
  const insert = writer.prepare('INSERT INTO words (word) VALUES (?)');
  const select = reader.prepare('SELECT word FROM words ORDER BY rowid');
  return {
    file,
    writer,
    reader,
    commits,
    counts,
    insert,
    add: (word: string) => commits.write(() => insert.run(word)),
    words: () => select.all().map(([word]) => word),
  };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('group commit', () => {
  it('commits all writes of one turn together, in order, claims last', async (t) => {
    const { commits, counts, insert, add, words } = openWords(t);
    const last = commits.writeLast(() => insert.run('claim'));
    await Promise.all([last, add('one'), add('two')]);
    assert.deepEqual(words(), ['one', 'two', 'claim']);
    assert.equal(counts.commits, 1);
  });

  it('rejects only the culprit when a write throws, whatever stands beside it', async (t) => {
    const { commits, counts, insert, add, words } = openWords(t);
    const defect = new TypeError('a defect');
    const outcomes = await Promise.allSettled([
      add('one'),
      commits.write(() => {
        insert.run('half done');
        throw defect;
      }),
      add('two'),
      add('one'),
    ]);
    assert.deepEqual(
      outcomes.map(({ status }) => status),
      ['fulfilled', 'rejected', 'fulfilled', 'rejected'],
    );
    assert.equal((outcomes[1] as PromiseRejectedResult).reason, defect);
    assert.match(String((outcomes[3] as PromiseRejectedResult).reason), /UNIQUE/);
    assert.deepEqual(words(), ['one', 'two']);
    assert.deepEqual(counts, { commits: 2, rollbacks: 3 });
  });

  it('answers a full disk with store_unavailable, reads on, and writes when there is space', async (t) => {
    const { writer, add, words } = openWords(t);
    await add('before');
    const pages = Number(writer.scalar('PRAGMA page_count'));
    writer.exec(`PRAGMA max_page_count = ${pages}`);
    const outcomes = await Promise.allSettled([add('x'.repeat(50_000)), add('small')]);
    for (const outcome of outcomes) {
      const error: unknown = (outcome as PromiseRejectedResult).reason;
      assert.ok(error instanceof RaincheckError, String(error));
      assert.equal(error.code, 'store_unavailable');
    }
    assert.deepEqual(words(), ['before']);
    writer.exec(`PRAGMA max_page_count = ${pages * 1000}`);
    await add('after');
    assert.deepEqual(words(), ['before', 'after']);
  });

  it('tells nobody, and shows nobody, before the log is on the disk', async (t) => {
    const syncs: ((error: Error | null) => void)[] = [];
    const { add, words, commits } = openWords(t, (done) => syncs.push(done));
    const told: string[] = [];
    const tell = (word: string) => add(word).then(() => told.push(word));
    const first = tell('one');
    await turn();
    assert.equal(syncs.length, 1);
    const second = Promise.all([tell('two'), tell('three')]);
    await turn();
    assert.deepEqual([told, words(), syncs.length], [[], [], 1]); // the second round waits
    syncs[0]?.(null);
    await first;
    assert.deepEqual([told, words()], [['one'], ['one']]);
    await turn();
    assert.deepEqual([words(), syncs.length], [['one'], 2]);
    const closed = commits.close(new Error('closed'));
    syncs[1]?.(null);
    await Promise.all([second, closed]);
    assert.deepEqual(words(), ['one', 'two', 'three']);
  });

  it('writes and shows nothing more after a failed sync', async (t) => {
    const syncs: ((error: Error | null) => void)[] = [];
    const { add, words, commits } = openWords(t, (done) => syncs.push(done));
    const first = add('one');
    await turn();
    const second = add('two');
    syncs[0]?.(new Error('EIO'));
    for (const outcome of await Promise.allSettled([first, second, add('three')])) {
      assert.equal((outcome as PromiseRejectedResult).reason?.code, 'store_unavailable');
    }
    assert.equal(commits.isBroken, true);
    assert.deepEqual(words(), []);
  });

  it('lets no statement of the writer run outside of a transaction', (t) => {
    const { insert, writer } = openWords(t);
    assert.throws(() => insert.run('alone'), /outside of the group commit/);
    assert.throws(() => insert.first('alone'), /outside of the group commit/);
    assert.throws(() => insert.all('alone'), /outside of the group commit/);
    assert.equal(writer.scalar('SELECT count(*) FROM words'), 0);
  });

  it('cannot write through the reader', (t) => {
    const { reader } = openWords(t);
    const insert = reader.prepare("INSERT INTO words (word) VALUES ('x')");
    assert.throws(() => insert.all(), { code: 'store_unavailable' });
  });

  it('shows a commit to whoever reads after it, even in the same turn as an earlier read', async (t) => {
    const { commits, add, words } = openWords(t);
    const added = add('one');
    assert.deepEqual(words(), []);
    commits.flush();
    assert.deepEqual(words(), ['one']);
    await added;
  });

  it('writes while another connection has a read open', async (t) => {
    const { file, add, words } = openWords(t);
    await Promise.all(Array.from({ length: 500 }, (_, i) => add(`word ${i}`)));
    const other = new ReadConnection(file);
    other.enter();
    const open = other.prepare('SELECT word FROM words LIMIT 10').all();
    await add('meanwhile');
    assert.equal(open.length, 10);
    assert.equal(words().length, 501);
    other.close();
  });

  it('keeps the log bounded while it writes', async (t) => {
    const { file, writer, commits, counts } = openWords(t);
    writer.exec('CREATE TABLE blobs (bytes BLOB)');
    const insert = writer.prepare('INSERT INTO blobs (bytes) VALUES (zeroblob(100000))');
    for (let i = 0; i < 200; i += 1) {
      await commits.write(() => insert.run());
      // The checkpoint has a turn of its own, after the answers.
      await new Promise(setImmediate);
    }
    assert.ok(counts.commits >= 200);
    const { size } = statSync(`${file}-wal`);
    assert.ok(size < 3 * 4_194_304, `${size} bytes of log after 20 MB of writes`);
  });

  it('refuses writes once closed, after those it had taken', async (t) => {
    const { commits, add, words } = openWords(t);
    const taken = add('taken');
    const closed = new Error('closed');
    commits.close(closed);
    await taken;
    await assert.rejects(add('late'), closed);
    assert.deepEqual(words(), ['taken']);
  });
});
