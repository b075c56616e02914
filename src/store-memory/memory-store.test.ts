import { memoryStore } from './memory-store.ts';
import { exerciseStore } from '../testing/store-conformance.ts';
import type { OpenStore } from '../testing/store-bench.ts';

const open: OpenStore = async () => {
  const store = memoryStore();
  return { store, close: () => store.close() };
};

exerciseStore({ name: 'memory store', open });
