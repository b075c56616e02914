/**
 * `raincheck/testing`: tools for tests of a store, or of a program that uses Raincheck.
 * exerciseStoreCommands needs fast-check; nothing else here does.
 */
export { ManualClock } from './testing/manual-clock.ts';
export { testKit, type TestKit, type TestKitOptions } from './testing/test-kit.ts';
export type {
  CapturedWebhook,
  CapturedWebhooks,
  WebhookAnswer,
  WebhookAnswering,
} from './testing/captured-webhooks.ts';
export { exerciseStore } from './testing/store-conformance.ts';
export { exerciseStoreCommands } from './testing/store-commands.ts';
export type { OpenedStore, OpenStore } from './testing/store-bench.ts';
export { faultyStore } from './testing/faulty-store.ts';
export type { Fault, FaultyStore, StoreVerb } from './testing/faulty-store.ts';
export { memoryStore } from './store-memory/memory-store.ts';
