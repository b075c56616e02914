import { expected, refuseUnknownKeys } from '../core/options.ts';
import type { Store } from '../store/store.ts';
import { prepareFindKey } from './idempotency.ts';
import { prepareListAttempts } from './attempts.ts';
import { CheckpointThread } from './checkpoint-thread.ts';
import { Claim } from './claim.ts';
import { prepareCreate } from './create.ts';
import { prepareCreateDelivery } from './delivery-create.ts';
import { preparePruneDeliveries } from './delivery-prune.ts';
import {
  deliveryReadingVerbs,
  deliveryWritingVerbs,
  type DeliveryParts,
} from './delivery-verbs.ts';
import { prepareDeliveries } from './deliveries.ts';
import { EndpointLedger } from './endpoint-ledger.ts';
import { FreshOperations } from './fresh-operations.ts';
import { GroupCommit, type GroupCommitHooks } from './group-commit.ts';
import { HeldLeases } from './held-leases.ts';
import { Ledger } from './ledger.ts';
import { prepareExtend } from './leases.ts';
import { prepareList } from './list.ts';
import { prepareNoteReads, prepareNoteWrites } from './notes.ts';
import { openFailure } from './database-file.ts';
import { closeFile, openFile, type OpenFile } from './open-file.ts';
import { prepareOperationReads, prepareOperations, type Operations } from './operations.ts';
import { prepareAppendLogs, prepareReadLogs } from './logs.ts';
import { LogSync } from './log-sync.ts';
import { prepareOutbox } from './outbox.ts';
import { isGoneSql, preparePrune } from './prune.ts';
import { prepareReadResult } from './results.ts';
import { prepareSettle } from './settle.ts';
import { unavailable } from './sqlite-error.ts';
import { prepareSweep } from './sweep.ts';

export type SqliteStoreOptions = {
  /**
   * The database file. It and its folders are created when missing; a relative path is from the
   * working directory.
   */
  readonly path: string;
  /**
   * `full` (the default): a commit is on the disk before it is acknowledged; survives power loss.
   * `normal`: survives the death of the process, but power loss takes the last commits; saves an fsync a commit.
   */
  readonly synchronous?: 'full' | 'normal' | undefined;
};

/**
 * Opens the store in one SQLite file. One process at a time: throws `store_locked` when another has it,
 * `store_incompatible` when the file is not ours, damaged, newer or not writable (it is left as it is),
 * `store_unavailable` when the disk is full or fails.
 *
 * Survives kill -9 and, with `full`, power loss; a file whose disk fails to fsync refuses writes until the
 * process is restarted.
 */
export async function openSqliteStore(options: SqliteStoreOptions): Promise<Store> {
  return openSqliteStoreSync(options);
}

/** As openSqliteStore, but throws instead of rejecting: for programs that compose at the top of a module. */
export function openSqliteStoreSync(options: SqliteStoreOptions): Store {
  refuseUnknownKeys('openSqliteStore', options, ['path', 'synchronous']);
  const { path, synchronous = 'full' } = options;
  if (typeof path !== 'string') throw expected('path', 'the path of a file', path);
  if (synchronous !== 'full' && synchronous !== 'normal') {
    throw expected('synchronous', "'full' or 'normal'", synchronous);
  }
  const file = openFile(path, { synchronous });
  try {
    return sqliteStore(file);
  } catch (error) {
    closeFile(file, { mayCheckpoint: true });
    throw openFailure(file.path, error);
  }
}

function sqliteStore(file: OpenFile): Store {
  const { writer, reader } = file;
  const ledger = new Ledger(writer, reader);
  const endpoints = new EndpointLedger(writer);
  const log = file.synchronous === 'full' ? new LogSync(file.path) : null;
  const hooks: GroupCommitHooks = {
    beforeCommit: (isAlone) => {
      ledger.flush();
      endpoints.unwritten.round({ isLast: isAlone });
      endpoints.flush();
    },
    afterCommit: () => {
      ledger.committed();
      endpoints.committed();
      endpoints.unwritten.committed();
    },
    afterRollback: () => {
      endpoints.unwritten.rolledBack(unavailable('The commit failed: nothing of it was stored.'));
      ledger.reload();
      endpoints.reload();
    },
    holdReads: () => {
      reader.hold();
    },
    releaseReads: () => {
      reader.release();
      endpoints.unwritten.shownToReaders();
    },
    lost: () => file.lock.lost(),
  };
  const thread = new CheckpointThread(file.path, () => writer.checkpoint('passive'));
  const commits = new GroupCommit(writer, hooks, {
    checkpoint: (done) => thread.run(done),
    sync: log === null ? null : (done) => log.sync(done),
  });
  const operations = prepareOperations(writer, ledger);
  const deliveries = prepareDeliveries(writer, endpoints);
  const create = prepareCreateDelivery(writer, endpoints, deliveries);
  const parts = { endpoints, deliveries, create };
  let isClosed = false;
  const requireOpen = (): void => {
    if (isClosed) throw unavailable('The store is closed.');
  };
  return {
    name: 'sqlite',
    capabilities: { singleProcess: true, durable: true, claimsAtAccept: false },
    ...writingVerbs({ file, ledger, operations, commits, parts }),
    ...readingVerbs({ file, ledger, requireOpen }),
    ...deliveryWritingVerbs(writer, commits, parts),
    ...deliveryReadingVerbs(reader, { commits, unwritten: endpoints.unwritten, requireOpen }),
    close: async () => {
      if (isClosed) return;
      isClosed = true;
      // So the next start finds all rows written. If the disk is full, it finds the claims instead.
      if (!endpoints.unwritten.isEmpty) {
        await commits.writeLoosely(() => endpoints.unwritten.writeAll()).catch(() => undefined);
      }
      await commits.close(unavailable('The store is closed.'));
      await thread.close();
      commits.emptyLog();
      log?.close();
      closeFile(file, { mayCheckpoint: !commits.isBroken });
    },
  };
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

const pingSql = `
INSERT INTO meta (name, value)
VALUES ('pings', '1')
ON CONFLICT (name) DO UPDATE SET value = value + 1`;

function writingVerbs(p: {
  readonly file: OpenFile;
  readonly ledger: Ledger;
  readonly operations: Operations;
  readonly commits: GroupCommit;
  readonly parts: DeliveryParts;
}): WritingVerbs {
  const { ledger, operations, commits } = p;
  const { endpoints, create: createDelivery } = p.parts;
  const { writer } = p.file;
  const fresh = new FreshOperations();
  const create = prepareCreate(writer, ledger, { operations, fresh });
  const heldLeases = new HeldLeases();
  const claim = new Claim(writer, ledger, { operations, fresh, heldLeases });
  const outboxWrites = prepareOutbox(endpoints, operations, createDelivery);
  const settle = prepareSettle(writer, ledger, { operations, outboxWrites, heldLeases });
  const extend = prepareExtend(writer);
  const appendLogs = prepareAppendLogs(writer);
  const sweep = prepareSweep(writer, operations, outboxWrites);
  const pruneDeliveries = preparePruneDeliveries(writer, endpoints);
  const prune = preparePrune(writer, commits, { operations, pruneDeliveries });
  const notes = prepareNoteWrites(writer);
  const ping = writer.prepare(pingSql);
  return {
    ...prune,
    createOperations: (p) => commits.write(() => create(p)),
    claimOperations: (p) => commits.writeLast(() => claim.run(p)),
    settleAttempts: (p) => commits.write(() => settle(p)),
    extendLeases: (p) => commits.write(() => extend(p)),
    // Written with the settle that follows, if there is one; no caller waits for these alone.
    appendLogs: (p) => commits.writeLoosely(() => appendLogs(p)),
    sweepExpired: (p) => commits.write(() => sweep(p)),
    requestCancel: (p) =>
      commits.write(() => {
        const row = operations.find(p.id);
        if (row === undefined) return { outcome: 'missing' };
        const change = operations.apply(row, { type: 'cancel_requested' }, p.now);
        outboxWrites.changed(change, p.outbox, p.now);
        const { outcome, operation } = change;
        if (operation.state === 'running') return { outcome: 'requested', operation };
        return { outcome: outcome === 'applied' ? 'cancelled' : 'already_final', operation };
      }),
    setTaskPaused: ({ task, paused }) =>
      commits.write(() => {
        const entry = ledger.entry(task);
        entry.paused = paused;
        ledger.change(entry);
      }),
    writeNote: (p) => commits.write(() => notes.write(p)),
    replaceNote: (p) => commits.write(() => notes.replace(p)),
    removeNotes: (p) => commits.write(() => notes.remove(p)),
    // A write, because only a write reveals a full disk.
    ping: () =>
      commits.write(() => {
        ping.run();
      }),
  };
}

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
>;

function readingVerbs(p: {
  readonly file: OpenFile;
  readonly ledger: Ledger;
  readonly requireOpen: () => void;
}): ReadingVerbs {
  const { requireOpen, ledger } = p;
  const { reader } = p.file;
  const reads = prepareOperationReads(reader);
  const isGone = reader.prepare(isGoneSql);
  const findKey = prepareFindKey(reader);
  const readResult = prepareReadResult(reader);
  const list = prepareList(reader, ledger);
  const listAttempts = prepareListAttempts(reader);
  const notes = prepareNoteReads(reader);
  const readLogs = prepareReadLogs(reader);
  return {
    readOperation: async ({ id }) => {
      requireOpen();
      return reads.operation(id);
    },
    isGone: async ({ id }) => {
      requireOpen();
      return isGone.first(id) !== undefined;
    },
    readIdempotencyKey: async (p) => {
      requireOpen();
      return findKey(p, p.now);
    },
    readInput: async ({ id }) => {
      requireOpen();
      return reads.input(id);
    },
    readResult: (p) => readResult(p, requireOpen),
    listOperations: async (p) => {
      requireOpen();
      return list(p);
    },
    listAttempts: async ({ id }) => {
      requireOpen();
      return listAttempts(id);
    },
    readLogs: async (p) => {
      requireOpen();
      return readLogs(p);
    },
    readNote: async ({ name }) => {
      requireOpen();
      return notes.one(name);
    },
    readNotes: async (p) => {
      requireOpen();
      return notes.several(p);
    },
    readTasks: async () => {
      requireOpen();
      return ledger.records();
    },
  };
}
