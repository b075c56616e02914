import { spawn, spawnSync, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { describe, it, type TestContext } from 'node:test';
import assert from 'node:assert/strict';
import { RaincheckError } from '../core/errors.ts';
import { completedBy, StoreBench } from '../testing/store-bench.ts';
import { openSqliteStore } from './sqlite-store.ts';

/**
 * Faults that a store in one process cannot show: this file starts itself as a child with a role,
 * and breaks that child for real.
 */
const [role, childPath = ''] = process.argv.slice(2);

const roles: Readonly<Record<string, (file: string) => Promise<void>>> = {
  /** Prints every id that was acknowledged as stored; runs until it is killed. */
  async submitter(file) {
    const bench = new StoreBench({ store: await openSqliteStore({ path: file }), close });
    bench.now = Date.now();
    for (;;) {
      const created = await Promise.all(Array.from({ length: 7 }, () => bench.create()));
      for (const { id } of created) say(id);
    }
  },

  /**
   * Ends operations, each with a webhook, and prints every id whose end was acknowledged; runs
   * until killed.
   */
  async completer(file) {
    const bench = new StoreBench({ store: await openSqliteStore({ path: file }), close });
    bench.now = Date.now();
    await bench.webhooks.endpoint();
    bench.outbox = bench.webhooks.outbox(bench.webhooks.requestEndpoint('https://r.example.com/'));
    for (;;) {
      await Promise.all(Array.from({ length: 7 }, () => bench.create()));
      const claimed = await bench.claim({ limit: 7 });
      await Promise.all(claimed.map(({ operation }) => bench.settle(completedBy(operation))));
      for (const { operation } of claimed) say(operation.id);
    }
  },

  async holder(file) {
    const store = await openSqliteStore({ path: file });
    say('open');
    // The store must stay referenced: one that is collected as garbage gives up its lock.
    process.stdin.once('end', () => void store.close()).resume();
  },

  /** Prints why the file cannot be opened. */
  async opener(file) {
    const opened = await openSqliteStore({ path: file }).catch((error: unknown) => error);
    say(opened instanceof RaincheckError ? `${opened.code}: ${opened.message}` : 'open');
    process.exit();
  },

  /** Reads what it writes until a read fails, then prints how it goes on. */
  async untilReadFails(file) {
    const store = await openSqliteStore({ path: file, synchronous: 'normal' });
    const bench = new StoreBench({ store, close });
    let failure: unknown;
    for (let i = 0; i < 500 && failure === undefined; i += 1) {
      const { id } = await bench.create({ input: JSON.stringify('x'.repeat(5_000)) });
      failure = await store.readInput({ id }).then(
        () => undefined,
        (error: unknown) => error,
      );
    }
    say(failureLine('first', failure));
    await new Promise(setImmediate);
    const { id } = await bench.create();
    say(`again ${(await store.readOperation({ id })) !== null}`);
    await store.close();
    say('closed');
  },

  /** Writes until a write fails, then prints how it goes on. */
  async untilFailure(file) {
    // The kernel signals "file too large" so: without a listener it ends the process.
    process.on('SIGXFSZ', () => {});
    const store = await openSqliteStore({ path: file });
    const bench = new StoreBench({ store, close });
    const ids: string[] = [];
    /** The error of a write of two pages, or undefined. */
    const write = async (): Promise<unknown> => {
      try {
        ids.push((await bench.create({ input: JSON.stringify('x'.repeat(5_000)) })).id);
      } catch (error) {
        return error;
      }
    };
    let failure: unknown;
    // Bounded, because a fault that does not come must not fill the disk.
    for (let i = 0; i < 500; i += 1) {
      failure = await write();
      if (failure !== undefined) break;
    }
    say(failureLine('first', failure));
    const reads = await Promise.all(ids.map((id) => store.readOperation({ id })));
    const [task] = await store.readTasks();
    // Whether the failed one counts is unknown, because it may have been stored.
    const unknown = (task?.pending ?? 0) - ids.length;
    say(`reads ${reads.every((found) => found !== null)} ${unknown === 0 || unknown === 1}`);
    say(failureLine('again', await write()));
    for await (const line of createInterface({ input: process.stdin })) {
      if (line === 'space') say(failureLine('after', await write()));
      if (line === 'close') break;
    }
    await store.close();
    say(`closed ${ids.length}`);
    process.stdin.destroy();
  },
};

async function close(): Promise<void> {}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function failureLine(what: string, error: unknown): string {
  if (!(error instanceof RaincheckError)) return `${what} ${String(error)}`;
  const isForGood = error.message.includes('until the process is restarted');
  return `${what} ${error.code}${isForGood ? ' for good' : ''}`;
}

function temporaryFile(t: TestContext): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'raincheck-faults-'));
  t.after(() => {
    rmSync(folder, { recursive: true });
  });
  return path.join(folder, 'raincheck.db');
}

/** The child, and its next line of output (null at the end). */
function startChild(t: TestContext, p: { role: string; file: string; under?: readonly string[] }) {
  const args = ['--conditions=raincheck-source', import.meta.filename, p.role, p.file];
  const [under, ...underArgs] = p.under ?? [];
  const child: ChildProcessWithoutNullStreams =
    under === undefined
      ? spawn(process.execPath, args)
      : spawn(under, [...underArgs, process.execPath, ...args]);
  t.after(() => child.kill('SIGKILL'));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  let errors = '';
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  const nextLine = async (): Promise<string | null> => {
    const next = await lines.next();
    return next.done === true ? null : next.value;
  };
  return { child, nextLine, errors: () => errors };
}

/**
 * A command that makes system calls fail: `fault` as in strace's inject, only on the file `only` if
 * given.
 */
function strace(fault: string, only?: string): string[] {
  const calls = fault.slice(0, fault.indexOf(':'));
  const filter = only === undefined ? [] : ['-P', only];
  const under = ['strace', '-f', '-qq', '-o', '/dev/null', ...filter];
  return [...under, '-e', `trace=${calls}`, '-e', `inject=${fault}`];
}

function missing(...commands: string[]): string | false {
  const absent = commands.filter((name) => spawnSync(name, ['--version']).error !== undefined);
  return absent.length === 0 ? false : `needs ${absent.join(' and ')} (Linux)`;
}

function defineTests(): void {
  describe('store-sqlite under faults', { timeout: 60_000 }, () => {
    it('has every operation it acknowledged before kill -9', async (t) => {
      const file = temporaryFile(t);
      const { child, nextLine, errors } = startChild(t, { role: 'submitter', file });
      const acknowledged: string[] = [];
      for (let line = await nextLine(); line !== null; line = await nextLine()) {
        acknowledged.push(line);
        if (acknowledged.length === 150) child.kill('SIGKILL');
      }
      assert.ok(acknowledged.length >= 150, errors());
      const store = await openSqliteStore({ path: file });
      for (const id of acknowledged) {
        assert.notEqual(await store.readOperation({ id }), null, `${id} is lost`);
      }
      await new StoreBench({ store, close }).assertCountersExact();
      await store.close();
    });

    it('has the deliveries of every end after kill -9, and of nothing else', async (t) => {
      const file = temporaryFile(t);
      const { child, nextLine, errors } = startChild(t, { role: 'completer', file });
      const acknowledged: string[] = [];
      for (let line = await nextLine(); line !== null; line = await nextLine()) {
        acknowledged.push(line);
        if (acknowledged.length === 150) child.kill('SIGKILL');
      }
      assert.ok(acknowledged.length >= 150, errors());
      const store = await openSqliteStore({ path: file });
      const bench = new StoreBench({ store, close });
      const ended = new Set<string>();
      for (const { id, state } of await bench.list()) {
        const isOver = state === 'completed';
        if (isOver) ended.add(id);
        const told = await bench.webhooks.listIds({ operationId: id });
        assert.equal(told.length, isOver ? 2 : 0, `${id} is ${state}`);
      }
      for (const id of acknowledged) assert.ok(ended.has(id), `${id} is not over`);
      await bench.assertCountersExact();
      await store.close();
    });

    it('is locked while another process has it, says which, and is free once that was killed', async (t) => {
      const file = temporaryFile(t);
      const { child, nextLine, errors } = startChild(t, { role: 'holder', file });
      assert.equal(await nextLine(), 'open', errors());
      await assert.rejects(openSqliteStore({ path: file }), (error: RaincheckError) => {
        assert.equal(error.code, 'store_locked');
        assert.match(
          error.message,
          new RegExp(`pid ${child.pid}\\b.*Stop that process.*--store or RAINCHECK_STORE`),
        );
        return true;
      });
      child.kill('SIGKILL');
      assert.equal(await nextLine(), null);
      const store = await openSqliteStore({ path: file });
      await store.close();
    });

    it('is refused to a second process although the lock file was removed', async (t) => {
      const file = temporaryFile(t);
      const { child, nextLine, errors } = startChild(t, { role: 'holder', file });
      assert.equal(await nextLine(), 'open', errors());
      rmSync(`${file}.lock`);
      await assert.rejects(openSqliteStore({ path: file }), (error: RaincheckError) => {
        assert.equal(error.code, 'store_locked');
        assert.match(error.message, new RegExp(`pid ${child.pid}\\b`));
        return true;
      });
      child.kill('SIGKILL');
      await once(child, 'exit');
      await (await openSqliteStore({ path: file })).close();
    });

    it('goes on after a read that failed', { skip: missing('strace') }, async (t) => {
      const file = temporaryFile(t);
      const under = strace('pread64:error=EIO:when=40', `${file}-wal`);
      const { nextLine, errors } = startChild(t, { role: 'untilReadFails', file, under });
      assert.equal(await nextLine(), 'first store_unavailable', errors());
      assert.equal(await nextLine(), 'again true', errors());
      assert.equal(await nextLine(), 'closed', errors());
    });

    it(
      'names a full disk, or one that fails, when it cannot be opened',
      { skip: missing('strace') },
      async (t) => {
        const file = temporaryFile(t);
        const store = await openSqliteStore({ path: file });
        const bench = new StoreBench({ store, close });
        await Promise.all(Array.from({ length: 200 }, () => bench.create()));
        await store.close();
        const full = startChild(t, {
          role: 'opener',
          file,
          under: strace('pwrite64:error=ENOSPC'),
        });
        assert.match((await full.nextLine()) ?? '', /^store_unavailable: .*disk is full/);
        const under = strace('pread64:error=EIO:when=12+', file);
        const failing = startChild(t, { role: 'opener', file, under });
        assert.match(
          (await failing.nextLine()) ?? '',
          /^store_unavailable: .*could not be read: the disk/,
        );
        await (await openSqliteStore({ path: file })).close();
      },
    );

    it(
      'reports a commit that found no space, goes on reading, and writes again when there is space',
      { skip: missing('prlimit') },
      async (t) => {
        const file = temporaryFile(t);
        // A limit on file size: the log cannot grow, so the COMMIT fails.
        const under = ['sh', '-c', 'ulimit -S -f 800 && exec "$@"', 'sh'];
        const { child, nextLine, errors } = startChild(t, { role: 'untilFailure', file, under });
        assert.equal(await nextLine(), 'first store_unavailable', errors());
        assert.equal(await nextLine(), 'reads true true');
        assert.equal(await nextLine(), 'again store_unavailable');
        spawnSync('prlimit', ['--pid', String(child.pid), '--fsize=unlimited:unlimited']);
        child.stdin.write('space\nclose\n');
        assert.equal(await nextLine(), 'after undefined');
        const closed = await nextLine();
        const store = await openSqliteStore({ path: file });
        const [task] = await store.readTasks();
        assert.equal(closed, `closed ${task?.pending}`);
        await store.close();
      },
    );

    it(
      'writes nothing more after a failed fsync, and keeps what it had acknowledged',
      { skip: missing('strace') },
      async (t) => {
        const file = temporaryFile(t);
        const under = strace('fsync,fdatasync:error=EIO:when=60');
        const { child, nextLine, errors } = startChild(t, { role: 'untilFailure', file, under });
        assert.equal(await nextLine(), 'first store_unavailable for good', errors());
        assert.equal(await nextLine(), 'reads true true');
        assert.equal(await nextLine(), 'again store_unavailable for good');
        assert.ok(existsSync(`${file}-wal`));
        child.stdin.write('close\n');
        const [, acknowledged] = (await nextLine())?.split(' ') ?? [];
        const store = await openSqliteStore({ path: file });
        const [task] = await store.readTasks();
        // The failed one may be stored or not.
        const found = (task?.pending ?? 0) - Number(acknowledged);
        assert.ok(found === 0 || found === 1, `${task?.pending} of ${acknowledged}`);
        await store.close();
      },
    );
  });
}

const runRole = role === undefined ? undefined : roles[role];
if (runRole === undefined) defineTests();
else await runRole(childPath);
