import { expected } from '../core/options.ts';
import { RaincheckError } from '../core/errors.ts';
import { memoryStore } from '../store-memory/memory-store.ts';
import { openSqliteStoreSync } from '../store-sqlite/sqlite-store.ts';
import type { Store } from '../store/store.ts';

/** Where a store is, taken apart. */
export type StoreAddress =
  | { readonly kind: 'memory' }
  | { readonly kind: 'sqlite'; readonly path: string };

/**
 * Reads a store's address: `memory:`, `sqlite:path` or a plain path. Throws `invalid_option` for any other
 * scheme; the message never repeats what follows it, since it may hold a password.
 */
export function parseStoreAddress(address: string): StoreAddress {
  if (address === 'memory:' || address === ':memory:') return { kind: 'memory' };
  const [, scheme, rest] = /^([a-z][a-z\d+-]+):(.*)$/is.exec(address) ?? [];
  if (scheme === undefined) {
    if (address.trim() !== '') return { kind: 'sqlite', path: address };
  } else if (scheme === 'sqlite' || scheme === 'file') {
    // sqlite:///abs/path and sqlite:/abs/path are one; sqlite:rel/path is relative to here.
    const path = (rest ?? '').replace(/^\/\/(?=\/)/, '');
    if (path !== '' && !path.startsWith('//')) return { kind: 'sqlite', path };
  } else if (scheme === 'postgres' || scheme === 'postgresql') {
    throw new RaincheckError(
      'invalid_option',
      'A PostgreSQL store is not there yet. Use `sqlite:path/to/file.db` for now.',
    );
  } else {
    throw expected('store', '`sqlite:path`, a path or `memory:`', `${scheme}:…`);
  }
  throw expected('store', '`sqlite:path`, a path or `memory:`', address);
}

/** Opens the store at `address`; makes the file and its folder when they are not there. */
export function openStore(address: string): Store {
  const parsed = parseStoreAddress(address);
  return parsed.kind === 'memory' ? memoryStore() : openSqliteStoreSync({ path: parsed.path });
}

/** The address for people: the path, or `memory:`. */
export function storeLabel(address: string): string {
  const parsed = parseStoreAddress(address);
  return parsed.kind === 'memory' ? 'memory:' : parsed.path;
}
