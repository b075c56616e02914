import { readFileSync, statSync, watch, type FSWatcher } from 'node:fs';
import path from 'node:path';

/** Editors write a file in several steps, and a checkout changes many: they count as one change. */
const gatherMs = 100;

/** By so much the times of files may be behind the clock. */
const fileClockMs = 20;

/** Of a file that was written while it was read: which of the two contents it was, nobody knows. */
const unknown = Symbol('unknown');

/**
 * Tells when files have other contents than they had. Folders are watched and not files, since most editors put a new
 * file in the place of the old one. A file that is not there has the content null.
 */
export class ChangedFiles {
  readonly #told: (changed: readonly string[]) => void;
  readonly #known = new Map<string, string | null | typeof unknown>();
  readonly #folders = new Map<string, FSWatcher>();
  #timer: NodeJS.Timeout | null = null;

  constructor(told: (changed: readonly string[]) => void) {
    this.#told = told;
  }

  /** From now on these as well, which were read since `readAt` (Date.now()): what has changed since then is told. */
  add(files: Iterable<string>, readAt: number): void {
    for (const file of files) {
      if (!this.#known.has(file)) {
        this.#known.set(file, wasWritten(file, readAt) ? unknown : contentOf(file));
      }
    }
    this.#watchAll();
  }

  close(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    for (const watcher of this.#folders.values()) watcher.close();
    this.#folders.clear();
  }

  #watchAll(): void {
    let isNew = false;
    for (const file of this.#known.keys()) {
      if (this.#watch(path.dirname(file))) isNew = true;
    }
    // What was there before it was watched.
    if (isNew) this.#look();
  }

  /** Whether it was not watched before. */
  #watch(folder: string): boolean {
    if (this.#folders.has(folder)) return false;
    try {
      const watcher = watch(folder, (_, name) => {
        // The folder itself, which may have gone to another place: whatever is here by then is watched.
        if (name === path.basename(folder)) forget();
        else if (name !== null && !this.#concerns(path.join(folder, name))) return;
        this.#look();
      });
      const forget = (): void => {
        watcher.close();
        this.#folders.delete(folder);
      };
      // The folder went: it is watched again when it is there again.
      watcher.on('error', forget);
      this.#folders.set(folder, watcher);
      return true;
    } catch {
      // Not there, as an import that leads nowhere: the one above tells when it comes to be.
      const above = path.dirname(folder);
      return above !== folder && this.#watch(above);
    }
  }

  /** Whether it is one of the files, or a folder that one is in: logs and databases beside them are none of ours. */
  #concerns(changed: string): boolean {
    if (this.#known.has(changed)) return true;
    return [...this.#known.keys()].some((file) => file.startsWith(changed + path.sep));
  }

  /** Soon, and no later for what happens meanwhile, which may never end. */
  #look(): void {
    this.#timer ??= setTimeout(() => this.#compare(), gatherMs);
  }

  #compare(): void {
    this.#timer = null;
    this.#watchAll();
    const changed: string[] = [];
    for (const [file, known] of this.#known) {
      const content = contentOf(file);
      if (content === known) continue;
      this.#known.set(file, content);
      changed.push(file);
    }
    if (changed.length > 0) this.#told(changed);
  }
}

function wasWritten(file: string, since: number): boolean {
  const stats = statSync(file, { throwIfNoEntry: false });
  return stats !== undefined && stats.mtimeMs >= since - fileClockMs;
}

function contentOf(file: string): string | null {
  try {
    return readFileSync(file, 'latin1');
  } catch {
    return null;
  }
}
