import { readFileSync, statSync, watch, type FSWatcher } from 'node:fs';
import path from 'node:path';

/**
 * How long to gather changes. Editors write a file in several steps, and a checkout changes many;
 * all of it counts as one change.
 */
const gatherMs = 100;

/** How far the times of files may lag behind the clock. */
const fileClockMs = 20;

/**
 * Content of a file that was written while it was read, so that we cannot know which content was
 * loaded.
 */
const unknown = Symbol('unknown');

/**
 * Reports files whose content has changed. It watches folders rather than files, because most
 * editors put a new file in the place of the old one. A missing file has the content null.
 */
export class ChangedFiles {
  readonly #told: (changed: readonly string[]) => void;
  readonly #known = new Map<string, string | null | typeof unknown>();
  readonly #folders = new Map<string, FSWatcher>();
  #timer: NodeJS.Timeout | null = null;

  constructor(told: (changed: readonly string[]) => void) {
    this.#told = told;
  }

  /**
   * Watches these files too. They were read since `readAt` (Date.now()), and any change since then
   * is reported.
   */
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
    // Files may have changed before their folder was watched.
    if (isNew) this.#look();
  }

  /** Returns whether the folder was not watched before. */
  #watch(folder: string): boolean {
    if (this.#folders.has(folder)) return false;
    try {
      const watcher = watch(folder, (_, name) => {
        // The event is about the folder itself, which may have been moved. Watch whatever is at its
        // path by then.
        if (name === path.basename(folder)) forget();
        else if (name !== null && !this.#concerns(path.join(folder, name))) return;
        this.#look();
      });
      const forget = (): void => {
        watcher.close();
        this.#folders.delete(folder);
      };
      // The folder is gone; it is watched again when it reappears.
      watcher.on('error', forget);
      this.#folders.set(folder, watcher);
      return true;
    } catch {
      // The folder is missing, as with an import that leads nowhere. The one above reports when it
      // is created.
      const above = path.dirname(folder);
      return above !== folder && this.#watch(above);
    }
  }

  /**
   * Whether the path is one of the files or a folder that holds one; other files, such as logs and
   * databases, are ignored.
   */
  #concerns(changed: string): boolean {
    if (this.#known.has(changed)) return true;
    return [...this.#known.keys()].some((file) => file.startsWith(changed + path.sep));
  }

  /**
   * Compares after `gatherMs`. Later changes do not extend the delay, since they might never end.
   */
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
