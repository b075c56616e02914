import { RaincheckError } from './errors.ts';
import { isDeliveryId, isEndpointId, isOperationId } from './id.ts';

/**
 * The opaque cursor of a list: the id after which the next page starts, newest first. It carries no
 * filter; a client repeats its own query and adds the cursor. Each list has its own kind of cursor,
 * so that a cursor of another list is refused.
 */
const kinds = {
  operations: { prefix: 'c1_', idPrefix: 'op_', isId: isOperationId },
  deliveries: { prefix: 'd1_', idPrefix: 'msg_', isId: isDeliveryId },
  endpoints: { prefix: 'e1_', idPrefix: 'ep_', isId: isEndpointId },
} as const;
export type CursorKind = keyof typeof kinds;

export function encodeCursor(beforeId: string, kind: CursorKind = 'operations'): string {
  const { prefix, idPrefix } = kinds[kind];
  return prefix + beforeId.slice(idPrefix.length);
}

/** Throws `invalid_cursor` for anything that encodeCursor did not make. */
export function decodeCursor(cursor: string, kind: CursorKind = 'operations'): string {
  const { prefix, idPrefix, isId } = kinds[kind];
  const id = idPrefix + cursor.slice(prefix.length);
  if (cursor.startsWith(prefix) && isId(id)) return id;
  throw new RaincheckError(
    'invalid_cursor',
    'The `cursor` is not one this server gave; start again without it.',
  );
}
