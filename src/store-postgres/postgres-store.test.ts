import { after } from 'node:test';
import type { Store } from '../store/store.ts';
import type { OpenedStore } from '../testing/store-bench.ts';
import { exerciseStoreCommands } from '../testing/store-commands.ts';
import { exerciseStore } from '../testing/store-conformance.ts';
import { dropSchema, newSchema } from './postgres-schema.fixture.ts';
import { startPostgres } from './postgres-server.fixture.ts';
import { openPostgresStore } from './postgres-store.ts';

const server = await startPostgres();
after(() => server.stop());

async function openTemporary(): Promise<OpenedStore> {
  const options = { url: server.url, schema: newSchema(), clock: 'caller', notify: false } as const;
  let store: Store = await openPostgresStore(options);
  return {
    store,
    reopen: async () => {
      await store.close();
      store = await openPostgresStore(options);
      return store;
    },
    close: async () => {
      await store.close();
      await dropSchema(options);
    },
  };
}

exerciseStore({ name: 'store-postgres', open: openTemporary });
exerciseStoreCommands({ name: 'store-postgres beside the model', open: openTemporary, runs: 25 });
