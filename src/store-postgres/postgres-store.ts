import { expected, refuseUnknownKeys } from '../core/options.ts';
import type { CancelOutcome, Store } from '../store/store.ts';
import { listAttempts } from './attempts.ts';
import { claim } from './claim.ts';
import { Database, type DatabaseOptions, type Queries } from './connection.ts';
import { createWrite } from './create.ts';
import { deliveryReadingVerbs, deliveryWritingVerbs } from './delivery-verbs.ts';
import { Foresight } from './foresight.ts';
import { GroupCommit, type MemoryWrite, type SqlWrite } from './group-commit.ts';
import { readTasksSql, taskRecordOf } from './ledger.ts';
import { extendWrite } from './leases.ts';
import { findKey } from './idempotency.ts';
import { listOperations } from './list.ts';
import { appendLogsWrite, readLogs } from './logs.ts';
import { currentVersion, migrate } from './migrations.ts';
import { readQueue } from './stored-queue.ts';
import { readNote, readNotes, removeNotes, replaceNote, writeNote } from './notes.ts';
import { Notifier } from './notify.ts';
import { inspect, type Finding } from './inspect.ts';
import { oldSnapshots } from './old-snapshots.ts';
import { OpenDatabase } from './open-database.ts';
import { operationReads } from './operations.ts';
import { unavailable } from './postgres-error.ts';
import { isGoneSql, pruneVerbs } from './prune.ts';
import { readResult } from './results.ts';
import { settleWrite } from './settle.ts';
import { sweepWrite } from './sweep.ts';
import { QueueVacuum } from './vacuum.ts';

export type PostgresStoreOptions = {
  /** `postgres://user:password@host:port/database`, with the parameters that node-postgres knows. */
  readonly url: string;
  /** The schema of the tables, created when missing. Default `raincheck`. */
  readonly schema?: string | undefined;
  /** Most connections of this process, 4 to 100; a third of them write. Default 10. */
  readonly connections?: number | undefined;
  /**
   * Whether to use prepared statements. Turn off behind a pooler that loses them silently. Default
   * true.
   */
  readonly prepare?: boolean | undefined;
  /**
   * Whether to notify other processes at once (NOTIFY) instead of leaving them to poll. Default
   * true.
   */
  readonly notify?: boolean | undefined;
  /**
   * Whose clock decides on leases, delays and expiry. `database` (the default): one clock for all
   * nodes. `caller`: the `now` of each call, for tests.
   */
  readonly clock?: 'database' | 'caller' | undefined;
};

const optionNames = ['url', 'schema', 'connections', 'prepare', 'notify', 'clock'];

/**
 * Opens the store in a schema of a PostgreSQL 15 or newer, which any number of processes share. Throws
 * `invalid_option`, `store_incompatible` when the server is too old or the schema is not ours or newer,
 * `store_unavailable` when the server cannot be reached.
 */
export async function openPostgresStore(options: PostgresStoreOptions): Promise<Store> {
  const { store, ready } = postgresStore(options);
  try {
    await ready();
  } catch (error) {
    await store.close();
    throw error;
  }
  return store;
}

/**
 * As openPostgresStore, but connects at the first use, for programs that compose at the top of a
 * module. While the server cannot be reached every verb rejects with `store_unavailable`, and the
 * next one tries again.
 */
export function openPostgresStoreLater(options: PostgresStoreOptions): Store {
  return postgresStore(options).store;
}

/**
 * Creates the schema or brings it up to date; returns its versions before and after. Throws as
 * openPostgresStore does.
 */
export async function migratePostgres(
  options: PostgresStoreOptions,
): Promise<{ readonly from: number; readonly to: number }> {
  const database = await Database.load(databaseOptions(options));
  try {
    const from = await currentVersion(database);
    await migrate(database);
    return { from, to: await currentVersion(database) };
  } finally {
    await database.close();
  }
}

/**
 * What `raincheck doctor` reports on the server and the schema, which must exist. Throws as
 * openPostgresStore does.
 */
export async function inspectPostgres(options: PostgresStoreOptions): Promise<Finding[]> {
  const database = await Database.load(databaseOptions(options));
  try {
    return await inspect(database);
  } finally {
    await database.close();
  }
}

/** How many transactions of writes may be under way at once in one process. */
const lanes = 2;

function databaseOptions(options: PostgresStoreOptions): DatabaseOptions {
  refuseUnknownKeys('openPostgresStore', options, optionNames);
  const { url, schema = 'raincheck', connections = 10, prepare = true } = options;
  const { notify = true, clock = 'database' } = options;
  if (typeof url !== 'string' || !/^postgres(ql)?:\/\//.test(url)) {
    throw expected('url', '`postgres://…`', typeof url === 'string' ? 'another address' : url);
  }
  if (typeof schema !== 'string' || !/^[a-z_][a-z\d_]{0,62}$/.test(schema)) {
    throw expected('schema', 'up to 63 of a-z, 0-9 and _, not beginning with a digit', schema);
  }
  if (!Number.isInteger(connections) || connections < 4 || connections > 100) {
    throw expected('connections', 'a whole number from 4 to 100', connections);
  }
  if (typeof prepare !== 'boolean') throw expected('prepare', 'true or false', prepare);
  if (typeof notify !== 'boolean') throw expected('notify', 'true or false', notify);
  if (clock !== 'database' && clock !== 'caller') {
    throw expected('clock', "'database' or 'caller'", clock);
  }
  const writers = Math.max(lanes + 1, Math.floor(connections / 3));
  return { url, schema, clock, prepare, writers, readers: connections - writers };
}

/** The store, and the database under it once that is open; the benchmark counts its round trips. */
export function postgresStore(options: PostgresStoreOptions): {
  readonly store: Store;
  readonly ready: () => Promise<Database>;
} {
  const database = new OpenDatabase(databaseOptions(options));
  const notifier =
    options.notify === false ? null : new Notifier(database, options.schema ?? 'raincheck');
  const vacuum = new QueueVacuum(database);
  const foresight = new Foresight({ usesOwnClock: options.clock !== 'caller' });
  const commits = new GroupCommit({
    lanes,
    foresight,
    transact: (run, p) => database.write(run, p),
    committed: (news) => {
      notifier?.tell(news);
      vacuum.left(news.unqueued);
    },
  });
  let closing: Promise<void> | null = null;
  const requireOpen = (): void => {
    if (closing !== null) throw unavailable('The store is closed.');
  };
  const close = async (): Promise<void> => {
    await commits.close(unavailable('The store is closed.'));
    await notifier?.close();
    await vacuum.settled();
    await database.close();
  };
  const store: Store = {
    name: 'postgres',
    capabilities: { singleProcess: false, durable: true, claimsAtAccept: true },
    hints: notifier ?? undefined,
    warnings: () => oldSnapshots(database),
    ...writingVerbs({ database, commits, foresight, notifier, vacuum }),
    ...readingVerbs(database, requireOpen),
    ...deliveryWritingVerbs({
      commits,
      writeLoosely: (run) => database.write(run, { isLoose: true }),
      notifier,
    }),
    ...deliveryReadingVerbs(database, requireOpen),
    close: () => (closing ??= close()),
  };
  return { store, ready: () => database.ready() };
}

type WritingVerbs = Pick<
  Store,
  | 'createOperations'
  | 'claimOperations'
  | 'settleAttempts'
  | 'extendLeases'
  | 'appendLogs'
  | 'sweepExpired'
  | 'requestCancel'
  | 'removeOperation'
  | 'setTaskPaused'
  | 'writeNote'
  | 'removeNotes'
  | 'replaceNote'
  | 'pruneExpired'
  | 'ping'
>;

function writingVerbs(p: {
  readonly database: Queries;
  readonly commits: GroupCommit;
  readonly foresight: Foresight;
  readonly notifier: Notifier | null;
  readonly vacuum: QueueVacuum;
}): WritingVerbs {
  const { database, commits, foresight, notifier, vacuum } = p;
  return {
    ...pruneVerbs(commits),
    createOperations: (p) => commits.write(createWrite(p)),
    claimOperations: (p) =>
      commits.claim(async () => {
        const readying = commits.readying();
        const { claimed, nextDueAt, left } = await database.write((tx) => claim(tx, p));
        vacuum.left(claimed.length);
        foresight.claimed(claimed.map(({ operation }) => operation));
        // Nodes that looked meanwhile could not get the rows that this claim locked and left.
        if (left) notifier?.tell({ ready: true, changed: [] });
        if (readying.length === 0 || claimed.length === p.limit) return { claimed, nextDueAt };
        // What these transactions make ready came too late for this claim.
        if (claimed.length > 0) return { claimed, nextDueAt: p.now };
        const readied = await Promise.all(readying);
        return { claimed, nextDueAt: readied.includes(true) ? p.now : nextDueAt };
      }),
    settleAttempts: (p) => commits.write(settleWrite(p)),
    extendLeases: (p) => commits.write(extendWrite(p)),
    appendLogs: (p) => commits.write(appendLogsWrite(p)),
    sweepExpired: (p) => commits.write(sweepWrite(p)),
    requestCancel: (p) => commits.write(cancelWrite(p)),
    setTaskPaused: ({ task, paused }) =>
      commits.write({
        callersNow: null,
        needs: () => undefined,
        run: ({ ledger }) => ledger.pause(task, paused),
        hasReady: !paused,
      }),
    writeNote: (p) => commits.write(writeNote(p)),
    replaceNote: (p) => commits.write(replaceNote(p)),
    removeNotes: (p) => commits.write(removeNotes(p)),
    ping: () => commits.write(pingWrite),
  };
}

function cancelWrite({
  id,
  outbox,
  now: callersNow,
}: Parameters<Store['requestCancel']>[0]): MemoryWrite<CancelOutcome> {
  return {
    callersNow,
    needs: ({ ids, toldIds }) => {
      ids.add(id);
      if (outbox !== undefined) toldIds.add(id);
    },
    run: (set, now) => {
      const decision = set.apply(id, { type: 'cancel_requested' }, now);
      const operation = set.find(id);
      if (decision === undefined || operation === undefined) return { outcome: 'missing' };
      if (operation.state === 'running') return { outcome: 'requested', operation };
      const outcome = decision.outcome === 'applied' ? 'cancelled' : 'already_final';
      if (outcome === 'cancelled') set.webhooks.outbox.changed(operation, outbox);
      return { outcome, operation };
    },
  };
}

const pingSql = `
INSERT INTO @meta AS meta (name, value)
VALUES ('pings', 1)
ON CONFLICT (name) DO UPDATE SET value = meta.value + 1`;

/** A write, because only a write reveals a standby or a full disk. */
const pingWrite: SqlWrite<void> = {
  callersNow: null,
  execute: async ({ tx }) => tx.post(pingSql, []),
};

type ReadingVerbs = Pick<
  Store,
  | 'readOperation'
  | 'isGone'
  | 'readIdempotencyKey'
  | 'readInput'
  | 'readResult'
  | 'listOperations'
  | 'listAttempts'
  | 'readLogs'
  | 'readTasks'
  | 'readNote'
  | 'readNotes'
  | 'readQueue'
>;

function readingVerbs(database: Queries, requireOpen: () => void): ReadingVerbs {
  const reads = operationReads(database);
  return {
    readOperation: async ({ id }) => {
      requireOpen();
      return reads.operation(id);
    },
    isGone: async ({ id }) => {
      requireOpen();
      return (await database.all(isGoneSql, id)).length > 0;
    },
    readIdempotencyKey: async (p) => {
      requireOpen();
      return findKey(database, p);
    },
    readInput: async ({ id }) => {
      requireOpen();
      return reads.input(id);
    },
    readResult: (p) => readResult(database, p, requireOpen),
    listOperations: async (p) => {
      requireOpen();
      return listOperations(database, p);
    },
    listAttempts: async ({ id }) => {
      requireOpen();
      return listAttempts(database, id);
    },
    readLogs: async (p) => {
      requireOpen();
      return readLogs(database, p);
    },
    readNote: async ({ name }) => {
      requireOpen();
      return readNote(database, name);
    },
    readNotes: async (p) => {
      requireOpen();
      return readNotes(database, p);
    },
    readQueue: async (p) => {
      requireOpen();
      return readQueue(database, p);
    },
    readTasks: async () => {
      requireOpen();
      const rows = await database.read((tx) => tx.all(readTasksSql));
      return rows.map(taskRecordOf).sort((a, b) => (a.task < b.task ? -1 : 1));
    },
  };
}
