import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/** Where `dev`, `serve` and the library keep their file by default. */
export const dataFolder = '.raincheck';

/**
 * Makes `folder`. A new `.raincheck` also gets a .gitignore for all that is in it, because a database
 * and the signing secret of webhooks do not belong into a repository. A folder that exists stays as
 * it is, so whoever removes that file keeps it removed. Never throws: opening the file in it will say
 * what is wrong.
 */
export function makeDataFolder(folder: string): void {
  try {
    const isNew = mkdirSync(folder, { recursive: true }) !== undefined;
    if (isNew && path.basename(path.resolve(folder)) === dataFolder) {
      writeFileSync(path.join(folder, '.gitignore'), '*\n', { flag: 'wx' });
    }
  } catch {
    // Told by who needs the folder.
  }
}
