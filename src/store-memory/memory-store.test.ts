import { memoryStore } from './memory-store.ts';
import { exerciseStore } from '../testing/store-conformance.ts';
import { exerciseStoreCommands } from '../testing/store-commands.ts';
import type { OpenStore } from '../testing/store-bench.ts';

const open: OpenStore = async () => {
  const store = memoryStore();
  return { store, close: () => store.close() };
};

exerciseStore({ name: 'memory store', open });
exerciseStoreCommands({ name: 'memory store against another of its kind', open, runs: 50 });
