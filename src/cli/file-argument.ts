import { readFileSync } from 'node:fs';
import { UsageError } from './exit-codes.ts';

/** The text of a file that an argument or option names. Throws a UsageError that begins with `name`. */
export function fileText(path: string, name: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new UsageError(`${name}: ${reasonOf(error, path)}`, { cause: error });
  }
}

/** The same without the space around it, as for a secret. */
export function fileLine(path: string, name: string): string {
  return fileText(path, name).trim();
}

function reasonOf(error: unknown, path: string): string {
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT') return `there is no file ${path}`;
  if (code === 'EISDIR') return `${path} is a folder`;
  return error instanceof Error ? error.message : String(error);
}
