import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import assert from 'node:assert/strict';
import { RaincheckError } from '../core/errors.ts';
import type { Checkpoint } from './checkpoints.ts';
import { ReadConnection, WriteConnection } from './connection.ts';
import { GroupCommit, type GroupCommitHooks, type Sync } from './group-commit.ts';

type Parts = { readonly sync?: Sync; readonly checkpoint?: Checkpoint };

/** A table of words under group commit, with counts of commits and rollbacks. */
function openWords(t: TestContext, { sync, checkpoint }: Parts = {}) {
  const folder = mkdtempSync(path.join(tmpdir(), 'raincheck-commit-'));
  const file = path.join(folder, 'words.db');
  const writer = new WriteConnection(file, { synchronous: 'normal' });
  writer.exec('PRAGMA journal_mode = WAL; CREATE TABLE words (word TEXT UNIQUE)');
  writer.waitBriefly();
  const reader = new ReadConnection(file);
  const counts = { commits: 0, rollbacks: 0 };
  const failReload = { times: 0 };
  const hooks: GroupCommitHooks = {
    beforeCommit: () => {},
    afterCommit: () => {
      counts.commits += 1;
    },
    afterRollback: () => {
      if (failReload.times > 0) {
        failReload.times -= 1;
        throw Object.assign(new Error('disk I/O error'), {
          errcode: 266,
          errstr: 'disk I/O error',
        });
      }
      counts.rollbacks += 1;
    },
    holdReads: () => {
      reader.hold();
    },
    releaseReads: () => {
      reader.release();
    },
    lost: () => null,
  };
  const here: Checkpoint = (done) => {
    writer.checkpoint('passive');
    done(null);
  };
  const commits = new GroupCommit(writer, hooks, {
    checkpoint: checkpoint ?? here,
    sync: sync ?? null,
  });
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
    failReload,
    insert,
    add: (word: string) => commits.write(() => insert.run(word)),
    words: () => select.all().map(([word]) => word),
  };
}

/** The same with loose writes of 4 MB each. */
function openBlobs(t: TestContext, parts: Parts) {
  const words = openWords(t, parts);
  words.writer.exec('CREATE TABLE blobs (bytes BLOB)');
  const insert = words.writer.prepare('INSERT INTO blobs (bytes) VALUES (zeroblob(4000000))');
  return { ...words, write: () => words.commits.writeLoosely(() => insert.run()) };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** The error of node:sqlite after SQLITE_IOERR_FSYNC. */
function fsyncFailure(): Error {
  const errstr = 'disk I/O error';
  return Object.assign(new Error(errstr), { errcode: 1034, errstr });
}

describe('group commit', () => {
  it('commits all writes of one turn together, in order, claims last', async (t) => {
    const { commits, counts, insert, add, words } = openWords(t);
    const last = commits.writeLast(() => insert.run('claim'));
    await Promise.all([last, add('one'), add('two')]);
    assert.deepEqual(words(), ['one', 'two', 'claim']);
    assert.equal(counts.commits, 1);
  });

  it('lets loose writes wait while every turn brings more of them, and for nobody who claims', async (t) => {
    const { commits, counts, insert, words } = openWords(t);
    const loose = [commits.writeLoosely(() => insert.run('one'))];
    await turn();
    assert.equal(counts.commits, 0);
    loose.push(commits.writeLoosely(() => insert.run('two')));
    await turn();
    assert.equal(counts.commits, 0);
    await Promise.all(loose);
    assert.deepEqual([counts.commits, words()], [1, ['one', 'two']]);
    const claim = commits.writeLastLoosely(() => insert.run('claim'));
    void commits.writeLoosely(() => insert.run('three'));
    await turn();
    assert.equal(counts.commits, 2);
    await claim;
    assert.deepEqual(words(), ['one', 'two', 'three', 'claim']);
  });

  it('brings loose writes to the disk only with others, and shows them at once when alone', async (t) => {
    const syncs: (() => void)[] = [];
    const { commits, insert, add, words } = openWords(t, {
      sync: (done) => {
        syncs.push(() => done(null));
      },
    });
    await commits.writeLoosely(() => insert.run('one'));
    await commits.writeLastLoosely(() => insert.run('two'));
    assert.deepEqual([words(), syncs.length], [['one', 'two'], 0]);
    const loose = commits.writeLoosely(() => insert.run('three'));
    let isTold = false;
    void loose.then(() => (isTold = true));
    const strict = add('four');
    await turn();
    await turn();
    assert.deepEqual([words(), isTold, syncs.length], [['one', 'two'], false, 1]);
    syncs[0]?.();
    await Promise.all([loose, strict]);
    assert.deepEqual(words(), ['one', 'two', 'three', 'four']);
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
    const { add, words, commits } = openWords(t, { sync: (done) => syncs.push(done) });
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
    const { add, words, commits } = openWords(t, { sync: (done) => syncs.push(done) });
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

  it('writes nothing more after a failed fsync inside a write', async (t) => {
    const { add, words, commits } = openWords(t);
    await add('before');
    // SQLite reports this when a transaction outgrows the cache and is spilled into a log that
    // starts anew.
    const spilled = commits.write(() => {
      throw fsyncFailure();
    });
    for (const outcome of await Promise.allSettled([spilled, add('beside'), add('three')])) {
      assert.match(
        String((outcome as PromiseRejectedResult).reason),
        /until the process is restart/,
      );
    }
    await assert.rejects(add('later'), { code: 'store_unavailable' });
    assert.equal(commits.isBroken, true);
    assert.deepEqual(words(), ['before']);
  });

  it('waits beside the event loop for another process that holds the write lock', async (t) => {
    const { file, add, words, commits, counts } = openWords(t, {
      sync: (done) => setImmediate(done, null),
    });
    const other = new WriteConnection(file, { synchronous: 'normal' });
    t.after(() => {
      other.close();
    });
    other.begin();
    const added = Promise.all([add('one'), commits.writeLast(() => words()), add('two')]);
    for (let i = 0; i < 3; i += 1) await turn();
    assert.deepEqual([words(), counts.commits], [[], 0]);
    other.rollback();
    await added;
    assert.deepEqual([words(), counts.commits], [['one', 'two'], 1]);
  });

  it('refuses what has waited two seconds for another process, and goes on when that is gone', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const { file, add, words, commits } = openWords(t);
    const other = new WriteConnection(file, { synchronous: 'normal' });
    t.after(() => {
      other.close();
    });
    other.begin();
    let refusal: unknown;
    const refused = add('one').catch((error: unknown) => (refusal = error));
    let tries = 0;
    for (; tries < 50; tries += 1) {
      await turn();
      if (refusal !== undefined) break;
      t.mock.timers.tick(250); // the longest delay between two tries
    }
    await refused;
    assert.ok(tries >= 8, 'about two seconds');
    assert.match(String(refusal), /Another process .* write lock/);
    assert.equal((refusal as RaincheckError).code, 'store_unavailable');
    const later = add('two');
    other.rollback();
    const closed = commits.close(new Error('closed'));
    t.mock.timers.tick(250);
    await Promise.all([later, closed]);
    assert.deepEqual(words(), ['two']);
  });

  it('outlives a snapshot that SQLite ended by itself after an error', async (t) => {
    const { reader, add, words } = openWords(t);
    await add('one');
    reader.prepare('ROLLBACK').all(); // as an I/O error does
    await turn();
    assert.deepEqual(words(), ['one']);
    await turn();
    assert.deepEqual(words(), ['one']);
  });

  it('shows nothing rather than what is not on the disk yet when a held snapshot was lost', async (t) => {
    const syncs: ((error: Error | null) => void)[] = [];
    const { reader, add, words } = openWords(t, { sync: (done) => syncs.push(done) });
    const added = add('one');
    await turn();
    reader.prepare('ROLLBACK').all();
    assert.throws(() => reader.prepare("SELECT json('{')").all(), /malformed JSON/);
    assert.throws(words, { code: 'store_unavailable' });
    syncs[0]?.(null);
    await added;
    assert.deepEqual(words(), ['one']);
  });

  it('keeps a commit that is stored when reads fail right after it', async (t) => {
    const { reader, add, words } = openWords(t, {
      sync: (done) => {
        reader.prepare('ROLLBACK').all();
        done(null);
      },
    });
    await add('one');
    assert.deepEqual(words(), ['one']);
  });

  it('reads its counters anew before the next write when that failed after a rollback', async (t) => {
    const { add, commits, failReload, counts, words } = openWords(t);
    failReload.times = 2;
    const culprit = commits.write(() => {
      throw new TypeError('a defect');
    });
    await assert.rejects(culprit, /a defect/);
    await assert.rejects(add('one'), { code: 'store_unavailable' });
    await add('two');
    assert.deepEqual([words(), counts.rollbacks], [['two'], 1]);
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
    for (let i = 0; i < 500; i += 1) {
      await commits.write(() => insert.run());
    }
    assert.ok(counts.commits >= 500);
    const { size } = statSync(`${file}-wal`);
    assert.ok(size < 1.5 * 16_777_216, `${size} bytes of log after 50 MB of writes`);
  });

  it('goes on committing during a checkpoint', async (t) => {
    const checkpoints: (() => void)[] = [];
    const { writer, commits, counts, write } = openBlobs(t, {
      checkpoint: (done) => checkpoints.push(() => done(null)),
    });
    while (checkpoints.length === 0) await write();
    const committed = counts.commits;
    await write();
    await write();
    assert.deepEqual([counts.commits, checkpoints.length], [committed + 2, 1]);
    let isClosed = false;
    const closing = commits.close(new Error('closed')).then(() => (isClosed = true));
    await turn();
    assert.equal(isClosed, false, 'a checkpoint is under way');
    checkpoints[0]?.();
    await closing;
    commits.emptyLog();
    assert.deepEqual(writer.logFrames(), { total: 0, left: 0 });
  });

  it('waits for a checkpoint that cannot keep up', async (t) => {
    let finish = (): void => undefined;
    const { commits, counts, write } = openBlobs(t, {
      checkpoint: (done) => {
        finish = () => {
          commits.emptyLog();
          done(null);
        };
      },
    });
    for (let i = 0; i < 9; i += 1) await write();
    const waiting = write();
    await turn();
    await turn();
    assert.equal(counts.commits, 9, '36 MB are in the log');
    finish();
    await waiting;
    assert.equal(counts.commits, 10);
  });

  it('makes a long log begin anew: commits wait until what they added is moved, too', async (t) => {
    const { file, writer, words, commits, counts, write } = openBlobs(t, {
      checkpoint: (done) => void moved(() => done(null)),
    });
    const other = new ReadConnection(file);
    const readOne = other.prepare('SELECT 1 FROM blobs LIMIT 1');
    /** Moves what is in the log now, and not what is committed meanwhile. */
    const moved = async (done: () => void): Promise<void> => {
      other.hold();
      readOne.all();
      for (let i = 0; i < 6; i += 1) await turn();
      words(); // This read of a request stays open for the rest of the turn.
      writer.checkpoint('passive');
      other.release();
      done();
    };
    let longest = 0;
    while (counts.commits < 60) {
      await write();
      longest = Math.max(longest, writer.logFrames().total);
    }
    assert.ok(longest > 16_000, `${longest} frames`);
    assert.ok(longest < 24_000, `${longest} frames`);
    await commits.close(new Error('closed'));
    other.close();
  });

  it('moves the log in time again when it could not for long', async (t) => {
    let checkpoints = 0;
    const { commits, write } = openBlobs(t, {
      checkpoint: (done) => {
        checkpoints += 1; // and another process reads what is in the file
        done(null);
      },
    });
    for (let i = 0; i < 12; i += 1) await write();
    commits.emptyLog(); // as that process may do at its end
    checkpoints = 0;
    for (let i = 0; i < 5; i += 1) await write();
    assert.ok(checkpoints > 0);
  });

  it('begins no checkpoint after a failed sync', async (t) => {
    const failed = Object.assign(new Error('disk I/O error'), { code: 'EIO' });
    const checkpoints: (() => void)[] = [];
    const syncs: ((error: Error | null) => void)[] = [];
    const { add, commits, writer, write } = openBlobs(t, {
      checkpoint: (done) => {
        writer.checkpoint('passive');
        checkpoints.push(() => done(null));
      },
      sync: (done) => void syncs.push(done),
    });
    await Promise.all(Array.from({ length: 17 }, write)); // The log is to begin anew.
    const rejected = [assert.rejects(add('one'), { code: 'store_unavailable' })];
    await turn();
    checkpoints[0]?.();
    rejected.push(assert.rejects(add('two'), { code: 'store_unavailable' }));
    await turn();
    syncs[0]?.(failed);
    const closing = commits.close(new Error('closed'));
    await turn();
    await turn();
    assert.deepEqual([syncs.length, checkpoints.length], [1, 1]);
    await Promise.all([...rejected, closing]);
  });

  it('begins no checkpoint after a failed fsync inside a write', async (t) => {
    let checkpoints = 0;
    const { commits, writer, write } = openBlobs(t, {
      checkpoint: (done) => {
        checkpoints += 1;
        done(null);
      },
    });
    while (writer.logFrames().left + 1_000 < 4_000) await write();
    assert.equal(checkpoints, 0);
    const insert = writer.prepare('INSERT INTO blobs (bytes) VALUES (zeroblob(4000000))');
    writer.begin();
    insert.run();
    writer.commit();
    const failing = commits.write(() => {
      throw fsyncFailure();
    });
    await assert.rejects(failing, { code: 'store_unavailable' });
    await commits.close(new Error('closed'));
    assert.equal(checkpoints, 0);
  });

  it('writes nothing more when the disk fails during a checkpoint', async (t) => {
    const checkpoints: (() => void)[] = [];
    const { commits, write } = openBlobs(t, {
      checkpoint: (done) => checkpoints.push(() => done(fsyncFailure())),
    });
    while (checkpoints.length === 0) await write();
    checkpoints[0]?.();
    await assert.rejects(write(), { code: 'store_unavailable', message: /restarted/ });
    await commits.close(new Error('closed'));
    assert.ok(commits.isBroken);
  });

  it('tries again later when a checkpoint fails otherwise', async (t) => {
    const error = Object.assign(new Error('database is locked'), { errcode: 5 });
    const asked: string[] = [];
    const { write } = openBlobs(t, {
      checkpoint: (done) => {
        asked.push('once more');
        done(error);
      },
    });
    while (asked.length < 2) await write();
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
