import { after } from 'node:test';
import type { Store } from '../store/store.ts';
import type { OpenedStore } from '../testing/store-bench.ts';
import { exerciseStoreCommands } from '../testing/store-commands.ts';
import { exerciseStore } from '../testing/store-conformance.ts';
import { dropSchema, emptySchema, newSchema } from './postgres-schema.fixture.ts';
import { startPostgres } from './postgres-server.fixture.ts';
import { openPostgresStore } from './postgres-store.ts';

const server = await startPostgres();
const schemas: string[] = [];
/**
 * Schemas that are not in use: emptied and used again, since creating one takes 100 ms, emptying it
 * 8.
 */
const free: string[] = [];
after(async () => {
  for (const schema of schemas) await dropSchema({ url: server.url, schema });
  await server.stop();
});

async function openTemporary(): Promise<OpenedStore> {
  const schema = free.pop() ?? newSchema();
  if (!schemas.includes(schema)) schemas.push(schema);
  const options = { url: server.url, schema, clock: 'caller', notify: false } as const;
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
      await emptySchema(options);
      free.push(schema);
    },
  };
}

exerciseStore({ name: 'store-postgres', open: openTemporary });
exerciseStoreCommands({ name: 'store-postgres beside the model', open: openTemporary, runs: 25 });
