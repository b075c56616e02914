import { parentPort, workerData } from 'node:worker_threads';
import { DatabaseSync } from './sqlite.ts';
import { reason, sqliteCode } from './sqlite-error.ts';

/**
 * The thread of checkpoint-thread.ts moves what is in the log into the file whenever it is asked
 * to, and reports how that ended. Its connection reads and writes no rows.
 */

/** How a checkpoint ended. null: well; `code`: SQLite's extended code of the error, null: not its. */
export type CheckpointReport = null | { readonly code: number | null; readonly reason: string };

const db = new DatabaseSync(workerData as string, { timeout: 0, allowExtension: false });

function report(): CheckpointReport {
  try {
    db.exec('PRAGMA wal_checkpoint(PASSIVE)');
    return null;
  } catch (error) {
    return { code: sqliteCode(error), reason: reason(error) };
  }
}

parentPort?.on('message', (message: 'move' | 'close') => {
  if (message === 'move') parentPort?.postMessage(report());
  else {
    db.close();
    parentPort?.close();
  }
});
