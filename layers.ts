/**
 * The layer table of ARCHITECTURE.md as data: who may import whom. oxlint.config.ts turns it into
 * lint rules, and test/package/layers.test.ts plants violations to prove that they bite.
 *
 * `layers` are folders of src/ (a layer may always import itself); `packages` are npm packages and
 * `node:` built-ins. Tests (*.test.ts) and what they share (*.fixture.ts) may import any layer:
 * they are held to the public behaviour, not to the table.
 */
export type Layer = {
  readonly layers: readonly string[];
  /** 'any' where the layer puts parts together. */
  readonly packages: readonly string[] | 'any';
  /** Globals that the layer may not use, because they would make it impure. */
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
    packages: ['node:sqlite', 'node:fs', 'node:path', 'node:worker_threads'],
  },
  'store-postgres': {
    layers: ['core', 'store'],
    packages: ['node:crypto', 'pg'],
  },
  engine: {
    layers: ['core', 'store'],
    packages: ['node:crypto', 'node:timers/promises', 'node:worker_threads', 'node:url', 'piscina'],
  },
  // From the engine it imports parts of loops and services (alarm, service, claim-loop,
  // end-recorder, under-way, outage), define-task, body-reading and own-tasks for the redrive,
  // error texts (handler-error), the logger, and types; nothing that runs operations.
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
  // The hook has a layer of its own, so that the client has no dependency.
  react: {
    layers: ['core', 'client'],
    packages: ['react'],
    forbiddenGlobals: ['process', 'Buffer', 'setImmediate'],
  },
  // Commands that run or inspect a server load server/ with `import()`. Only version.ts and
  // command-name.ts may be imported statically.
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
  // The stores' suite needs the first three. The rest is for test-kit.ts, which runs a whole server
  // on a test's clock.
  testing: {
    layers: ['core', 'store', 'store-memory', 'engine', 'webhooks', 'server', 'client'],
    packages: ['node:test', 'node:assert/strict', 'node:timers/promises', 'fast-check'],
  },
};

/**
 * The same table for the entries of the package, src/*.ts: the layers whose exports each may pass
 * on.
 */
export const entries: Readonly<Record<string, Layer>> = {
  'index.ts': { layers: ['core', 'store', 'engine', 'webhooks', 'http', 'server'], packages: [] },
  // Bundled for browsers, so it must contain nothing of Node.
  'client.ts': { layers: ['core', 'client'], packages: [] },
  'react.ts': { layers: ['react'], packages: [] },
  'store.ts': { layers: ['core', 'store'], packages: [] },
  'testing.ts': { layers: ['core', 'store', 'store-memory', 'testing'], packages: [] },
};
