import path from 'node:path';
import { Worker } from 'node:worker_threads';
import type { CheckpointReport } from './checkpoint-worker.ts';

/**
 * Checkpoints in a thread of their own. One reads 16 MiB of log, writes the pages into the file and
 * waits for the disk twice, which took 17 to 35 ms of the thread that answers requests. Another
 * connection to the file may do that while commits go on.
 *
 * The thread starts with the first checkpoint, so a process that writes little has none. Where it
 * cannot run (an application bundled into one file, say), `otherwise` moves the log in the thread
 * of the caller.
 */
export class CheckpointThread {
  readonly #databasePath: string;
  readonly #otherwise: () => void;
  #worker: Worker | null = null;
  #isUnusable = false;
  #done: ((error: Error | null) => void) | null = null;

  constructor(databasePath: string, otherwise: () => void) {
    this.#databasePath = databasePath;
    this.#otherwise = otherwise;
  }

  /**
   * Moves what is in the log; calls back at the end, with the error if it failed, and keeps the
   * process alive until then. The next one may be asked for when `done` was called.
   */
  run(done: (error: Error | null) => void): void {
    this.#done = done;
    const worker = this.#start();
    if (worker === null) {
      this.#runHere();
      return;
    }
    worker.ref();
    worker.postMessage('move');
  }

  /** Call it when no checkpoint is under way. Resolves when the thread has closed the file. */
  async close(): Promise<void> {
    const worker = this.#worker;
    if (worker === null || this.#isUnusable) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    worker.once('exit', () => resolve());
    worker.ref();
    worker.postMessage('close');
    await promise;
  }

  #start(): Worker | null {
    if (this.#isUnusable) return null;
    try {
      this.#worker ??= this.#started();
    } catch {
      this.#isUnusable = true; // Node was told to start no threads.
    }
    return this.#worker;
  }

  #started(): Worker {
    const file = `./checkpoint-worker${path.extname(import.meta.url)}`;
    const worker = new Worker(new URL(file, import.meta.url), {
      workerData: this.#databasePath,
      // Options of the process load what its program needs, such as an instrumentation.
      execArgv: [],
      resourceLimits: { maxYoungGenerationSizeMb: 1, maxOldGenerationSizeMb: 16 },
    });
    worker.on('message', (report: CheckpointReport) => {
      worker.unref();
      this.#tell(errorOf(report));
    });
    // It then exits.
    worker.on('error', () => undefined);
    worker.once('exit', () => {
      this.#isUnusable = true;
      if (this.#done !== null) this.#runHere();
    });
    return worker;
  }

  #runHere(): void {
    try {
      this.#otherwise();
      this.#tell(null);
    } catch (error) {
      this.#tell(error as Error);
    }
  }

  #tell(error: Error | null): void {
    const done = this.#done;
    this.#done = null;
    done?.(error);
  }
}

/** An error as node:sqlite would have thrown it here. */
function errorOf(report: CheckpointReport): Error | null {
  if (report === null) return null;
  const { code: errcode, reason: errstr } = report;
  return Object.assign(new Error(errstr), errcode === null ? {} : { errcode, errstr });
}
