import path from 'node:path';
import { makeDataFolder } from './data-folder.ts';
import { expected } from '../core/options.ts';
import { memoryStore } from '../store-memory/memory-store.ts';
import { parsePostgresAddress, postgresLabel } from '../store-postgres/postgres-address.ts';
import {
  openPostgresStoreLater,
  type PostgresStoreOptions,
} from '../store-postgres/postgres-store.ts';
import { openSqliteStoreSync } from '../store-sqlite/sqlite-store.ts';
import type { Store } from '../store/store.ts';

/** The parsed address of a store. */
export type StoreAddress =
  | { readonly kind: 'memory' }
  | { readonly kind: 'sqlite'; readonly path: string }
  | { readonly kind: 'postgres'; readonly options: PostgresStoreOptions };

const expectedAddress = '`sqlite:path`, a path, `postgres://…` or `memory:`';

/**
 * Parses a store's address: `memory:`, `sqlite:path`, a plain path or `postgres://…`. Throws
 * `invalid_option` for any other scheme; the message never repeats the rest, which may hold a
 * password.
 */
export function parseStoreAddress(address: string): StoreAddress {
  if (address === 'memory:' || address === ':memory:') return { kind: 'memory' };
  const [, scheme, rest] = /^([a-z][a-z\d+-]+):(.*)$/is.exec(address) ?? [];
  if (scheme === undefined) {
    if (address.trim() !== '') return { kind: 'sqlite', path: address };
  } else if (scheme === 'sqlite' || scheme === 'file') {
    // sqlite:///abs/path and sqlite:/abs/path mean the same; sqlite:rel/path is relative to the
    // working directory.
    const file = (rest ?? '').replace(/^\/\/(?=\/)/, '');
    if (file !== '' && !file.startsWith('//')) return { kind: 'sqlite', path: file };
  } else if (scheme === 'postgres' || scheme === 'postgresql') {
    return { kind: 'postgres', options: parsePostgresAddress(address) };
  } else {
    throw expected('store', expectedAddress, `${scheme}:…`);
  }
  throw expected('store', expectedAddress, address);
}

/**
 * Opens the store at `address`, creating the file and its folder if they are missing. PostgreSQL is
 * connected at the first use.
 */
export function openStore(address: string): Store {
  const parsed = parseStoreAddress(address);
  switch (parsed.kind) {
    case 'memory':
      return memoryStore();
    case 'sqlite':
      makeDataFolder(path.dirname(parsed.path));
      return openSqliteStoreSync({ path: parsed.path });
    case 'postgres':
      return openPostgresStoreLater(parsed.options);
  }
}

/**
 * The address for people: the path, `memory:`, or the location of the database without credentials.
 */
export function storeLabel(address: string): string {
  const parsed = parseStoreAddress(address);
  switch (parsed.kind) {
    case 'memory':
      return 'memory:';
    case 'sqlite':
      return parsed.path;
    case 'postgres':
      return postgresLabel(parsed.options);
  }
}
