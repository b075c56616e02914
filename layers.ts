/**
 * Who may import whom: the layer table of ARCHITECTURE.md as data. oxlint.config.ts turns it into lint
 * rules and test/package/layers.test.ts plants violations to prove that they bite.
 *
 * `layers` are folders of src/ (a layer may always import itself); `packages` are npm packages and
 * `node:` built-ins. Tests (*.test.ts) and what they share (*.fixture.ts) may import any layer: they are
 * held to the public behaviour, not to the table.
 */
export type Layer = {
  readonly layers: readonly string[];
  /** 'any' where the layer is a place of composition. */
  readonly packages: readonly string[] | 'any';
  /** Globals the layer may not touch: what would make it impure. */
  readonly forbiddenGlobals?: readonly string[];
};

export const layers: Readonly<Record<string, Layer>> = {
  core: {
    layers: [],
    packages: [],
    forbiddenGlobals: [
      'Date',
      'performance',
      'process',
      'setTimeout',
      'setInterval',
      'setImmediate',
      'queueMicrotask',
      'crypto',
      'Buffer',
      'console',
      'fetch',
    ],
  },
  store: { layers: ['core'], packages: [] },
  'store-memory': { layers: ['core', 'store'], packages: [] },
  'store-sqlite': {
    layers: ['core', 'store'],
    packages: ['node:sqlite', 'node:fs', 'node:path'],
  },
  'store-postgres': {
    layers: ['core', 'store'],
    packages: ['node:crypto', 'pg'],
  },
  engine: {
    layers: ['core', 'store'],
    packages: ['node:crypto', 'node:timers/promises', 'node:worker_threads', 'node:url', 'piscina'],
  },
  // Of the engine what its loops are made of (service, alarm, claim-loop, repeat-write, under-way …), defineTask and
  // BodyReading for the redrive, the names of our own tasks, and the type Tell; nothing that runs operations.
  webhooks: {
    layers: ['core', 'store', 'engine'],
    packages: ['node:crypto', 'node:dns/promises', 'node:net', 'node:tls', 'undici'],
  },
  http: {
    layers: ['core', 'engine', 'webhooks'],
    packages: ['node:http', 'node:stream', 'node:crypto', 'node:buffer'],
  },
  client: {
    layers: ['core'],
    packages: [],
    forbiddenGlobals: ['process', 'Buffer', 'setImmediate'],
  },
  // Beside the client, so that this one has no dependency.
  react: {
    layers: ['core', 'client'],
    packages: ['react'],
    forbiddenGlobals: ['process', 'Buffer', 'setImmediate'],
  },
  // The commands `dev`, `serve`, `listen` and `doctor` load server/ lazily; all but its version.ts and command-name.ts is out of others' reach.
  cli: { layers: ['core', 'client', 'server'], packages: 'any' },
  server: {
    layers: [
      'core',
      'store',
      'store-memory',
      'store-sqlite',
      'store-postgres',
      'engine',
      'webhooks',
      'http',
    ],
    packages: 'any',
  },
  // The stores' suite needs the first three; the rest is for test-kit.ts, which is the whole on a clock of the test's.
  testing: {
    layers: ['core', 'store', 'store-memory', 'engine', 'webhooks', 'server', 'client'],
    packages: ['node:test', 'node:assert/strict', 'node:timers/promises', 'fast-check'],
  },
};

/** The same for the entries of the package, src/*.ts: what each may hand on. */
export const entries: Readonly<Record<string, Layer>> = {
  'index.ts': { layers: ['core', 'store', 'engine', 'webhooks', 'http', 'server'], packages: [] },
  // Bundled for browsers: nothing of Node may come along.
  'client.ts': { layers: ['core', 'client'], packages: [] },
  'react.ts': { layers: ['react'], packages: [] },
  'store.ts': { layers: ['core', 'store'], packages: [] },
  'testing.ts': { layers: ['core', 'store', 'store-memory', 'testing'], packages: [] },
};
