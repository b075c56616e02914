import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { OpenedStore } from '../testing/store-bench.ts';
import { exerciseStoreCommands } from '../testing/store-commands.ts';
import type { Store } from '../store/store.ts';
import { exerciseStore } from '../testing/store-conformance.ts';
import { openSqliteStore } from './sqlite-store.ts';

// `normal` saves the fsync of each commit; nothing here cuts the power.
async function openTemporary(): Promise<OpenedStore> {
  const folder = mkdtempSync(path.join(tmpdir(), 'raincheck-sqlite-'));
  const file = path.join(folder, 'raincheck.db');
  let store: Store = await openSqliteStore({ path: file, synchronous: 'normal' });
  return {
    store,
    reopen: async () => {
      await store.close();
      store = await openSqliteStore({ path: file, synchronous: 'normal' });
      return store;
    },
    close: async () => {
      await store.close();
      rmSync(folder, { recursive: true });
    },
  };
}

exerciseStore({ name: 'store-sqlite', open: openTemporary });
exerciseStoreCommands({ name: 'store-sqlite beside the model', open: openTemporary, runs: 40 });
