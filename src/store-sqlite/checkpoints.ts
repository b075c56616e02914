import type { LogFrames } from './connection.ts';
import { isFsyncFailure } from './sqlite-error.ts';

/**
 * When what is in the write-ahead log is moved into the file. Commits go on meanwhile and add to
 * the log, but it begins anew only when all of it is in the file. So once it is long, commits wait
 * for a moment, while what they have added since is moved, too.
 */
export class Checkpoints {
  readonly #p: CheckpointsParts;
  /** Resolves when the checkpoint under way is over; null: there is none. */
  #underWay: Promise<void> | null = null;
  /** Whether the log is to be moved as a whole next. */
  #isWholeWanted = false;
  #dueAt = checkpointFrames;
  #isStopped = false;

  constructor(p: CheckpointsParts) {
    this.#p = p;
  }

  /** Begins a checkpoint if it is time. Call it after each commit. */
  committed(): void {
    if (this.#underWay !== null || this.#isWholeWanted || this.#isStopped) return;
    if (!this.#p.mayWrite()) return;
    const { left, total } = this.#p.frames();
    // The reader that kept frames in the log is gone.
    if (left < checkpointFrames) this.#dueAt = checkpointFrames;
    if (left >= this.#dueAt) void this.#moveSome(total);
  }

  /**
   * The end of the checkpoint that the next commit has to wait for; null: it may begin at once.
   * Begins that checkpoint if the log is to be moved as a whole. Call it when no commit is under
   * way.
   */
  wait(): Promise<void> | null {
    if (!this.#p.mayWrite()) return null;
    if (this.#isWholeWanted && this.#underWay === null) return this.#moveAll();
    if (this.#underWay === null || this.#p.frames().left < framesLeftMax) return null;
    return this.#underWay;
  }

  /** Begins no more; resolves when the one under way is over. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#isWholeWanted = false;
    await this.#underWay;
  }

  /** Moves what is in the log now; `total` frames are. */
  async #moveSome(total: number): Promise<void> {
    await this.#move();
    // Another process may read an old state for long, and then frames stay where they are.
    this.#dueAt = Math.max(checkpointFrames, this.#p.frames().left + stuckFrames);
    this.#isWholeWanted = total >= logFramesMax && !this.#isStopped;
    this.#p.moved();
  }

  async #moveAll(): Promise<void> {
    this.#p.releaseReads();
    await this.#move();
    this.#isWholeWanted = false;
    // A read that began meanwhile needs the log, and a commit cannot begin it anew before that ends.
    this.#p.releaseReads();
  }

  /**
   * A checkpoint that fails loses nothing: the log stays, and a later one tries again. After an
   * fsync error, however, the log must not be reused, so nothing may be written.
   */
  #move(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#underWay = promise;
    this.#p.checkpoint((error) => {
      this.#underWay = null;
      if (error !== null && isFsyncFailure(error)) this.#p.fsyncFailed(error);
      resolve();
    });
    return promise;
  }
}

/**
 * Moves what is in the log into the file, as far as no reader needs the file as it is; calls back
 * at the end, with the error if it failed.
 */
export type Checkpoint = (done: (error: Error | null) => void) => void;

type CheckpointsParts = {
  readonly checkpoint: Checkpoint;
  readonly frames: () => LogFrames;
  /**
   * A checkpoint beside commits is over. Call wait() as soon as no commit is under way, even if
   * none is asked for, because the log may now have to be moved as a whole.
   */
  readonly moved: () => void;
  /** The next read sees everything that is committed. */
  readonly releaseReads: () => void;
  /**
   * Whether this process may still write to the file. After a failed sync a checkpoint would, if its
   * own succeeded falsely, move frames into the file that the log on the disk does not have.
   */
  readonly mayWrite: () => boolean;
  /** The disk failed to store what was moved; from here on nothing may be written. */
  readonly fsyncFailed: (error: Error) => void;
};

/**
 * When this many pages of the log are not in the file yet, they are moved: 16 MiB. A checkpoint
 * moves every page once, however often it is in the log, and pages of indexes are logged with every
 * commit. It is no more than one block of the log's own index has room for (4,062).
 */
export const checkpointFrames = 4_000;
/** With this many, commits wait: the disk cannot keep up. */
const framesLeftMax = 2 * checkpointFrames;
/** How many more have to come if a checkpoint could not move those before. */
const stuckFrames = checkpointFrames / 4;
/** From this length on, 64 MiB, the log is made to begin anew. */
const logFramesMax = 4 * checkpointFrames;
