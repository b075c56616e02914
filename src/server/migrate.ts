import { RaincheckError } from '../core/errors.ts';
import { migratePostgres } from '../store-postgres/postgres-store.ts';
import { findConfig, loadConfig } from './load-config.ts';
import { parseStoreAddress, storeLabel } from './open-store.ts';
import { readSettings } from './settings.ts';

export type Migrated = {
  /** The address for people, without credentials. */
  readonly store: string;
  /** Versions of the schema, before and after; 0: there was none. */
  readonly from: number;
  readonly to: number;
};

/**
 * Runs `raincheck migrate`, which creates the schema or brings it up to date before processes of a
 * new version start, so that their role need not own the tables. Throws `invalid_option` for a
 * store that is not PostgreSQL (its only process migrates it at the start), and
 * `store_incompatible` or `store_unavailable` as opening the store does.
 */
export async function migrate(
  p: {
    readonly store?: string;
    readonly config?: string;
    readonly folder?: string;
    readonly env?: NodeJS.ProcessEnv;
  } = {},
): Promise<Migrated> {
  const file = findConfig({ given: p.config, folder: p.folder ?? process.cwd() });
  const config = file === null ? {} : (await loadConfig(file)).config;
  const flags = { store: p.store };
  const { store } = readSettings({ mode: 'serve', flags, env: p.env ?? process.env, config });
  const parsed = parseStoreAddress(store);
  if (parsed.kind !== 'postgres') {
    const found = parsed.kind === 'memory' ? 'memory:' : `the file ${parsed.path}`;
    const detail = `Expected a postgres:// store to migrate, got ${found}: a start brings it up to date.`;
    throw new RaincheckError('invalid_option', detail);
  }
  return { store: storeLabel(store), ...(await migratePostgres(parsed.options)) };
}
