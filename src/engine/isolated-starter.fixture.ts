import { memoryStore } from '../store-memory/memory-store.ts';
import { createEngine } from './create-engine.ts';
import { defineTask } from './define-task.ts';

/** A forbidden case: a module that starts an engine where its isolated task is defined. */
const starter = defineTask('starter', { isolate: true, run: () => 1 });
createEngine({ store: memoryStore(), tasks: [starter] });
