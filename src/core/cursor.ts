import { RaincheckError } from './errors.ts';
import { isOperationId } from './id.ts';

/**
 * The opaque cursor of a list: the id after which the next page starts, newest first. It carries no
 * filter; a client keeps its own query and adds the cursor to it.
 */
const prefix = 'c1_';

export function encodeCursor(beforeId: string): string {
  return prefix + beforeId.slice('op_'.length);
}

/** Throws `invalid_cursor` for anything that encodeCursor did not make. */
export function decodeCursor(cursor: string): string {
  const id = `op_${cursor.slice(prefix.length)}`;
  if (cursor.startsWith(prefix) && isOperationId(id)) return id;
  throw new RaincheckError(
    'invalid_cursor',
    'The `cursor` is not one this server gave; start again without it.',
  );
}
