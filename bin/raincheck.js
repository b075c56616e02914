#!/usr/bin/env node
// Plain JavaScript that Node 18 can parse: it only finds the right Node and the built program.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';

// Node 24.14 has an SQLite that can corrupt its log.
const nodeMin = [24, 15, 0];
const program = new URL('../dist/cli/main.js', import.meta.url);
/** How long a server may outlive the npx that was told to stop. */
const parentLookMs = 250;

endWithNpx();
if (!isNewEnough(process.versions.node)) {
  const node = newerNode();
  if (node === null) {
    fail(
      `raincheck needs Node ${nodeMin.join('.')} or newer; this is ${process.versions.node} (${process.execPath}). ` +
        'Install a newer Node, or put one beside it with: npm install node@24',
    );
  } else {
    runUnder(node);
  }
} else if (existsSync(program)) {
  await import(program.href);
} else {
  fail('raincheck is not built yet. Run: npm run build');
}

function isNewEnough(version) {
  const parts = version.split('.').map((part) => Number.parseInt(part, 10));
  const differing = nodeMin.findIndex((least, i) => parts[i] !== least);
  return differing === -1 || parts[differing] > nodeMin[differing];
}

/** The Node that npm installed beside us or in this project (the package `node`), or null. */
function newerNode() {
  for (const from of [import.meta.url, `${process.cwd()}/package.json`]) {
    try {
      const require = createRequire(from);
      const { version } = require('node/package.json');
      if (isNewEnough(version)) return require.resolve('node/bin/node');
    } catch {
      // Not installed there.
    }
  }
  return null;
}

function runUnder(node) {
  const args = [...process.execArgv, fileURLToPath(import.meta.url), ...process.argv.slice(2)];
  const child = spawn(node, args, { stdio: 'inherit' });
  // A terminal sends Ctrl-C to both of us; the server takes two signals at once for one.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(signal, () => child.kill(signal));
  }
  child.on('error', (error) => fail(`raincheck could not start ${node}: ${error.message}`));
  child.on('exit', (code, signal) => {
    process.exitCode = code ?? 128 + (constants.signals[signal ?? ''] ?? 0);
  });
}

/**
 * npx puts a shell between itself and us and tells only the shell to stop: `kill $!` would leave a server behind that
 * nobody knows of and that holds its port. So we stop as by SIGTERM when the shell is gone. Only below npx: whoever
 * starts us otherwise may mean us to stay.
 */
function endWithNpx() {
  const { ppid } = process;
  if (process.env['npm_lifecycle_event'] !== 'npx' || process.platform === 'win32') return;
  const look = setInterval(() => {
    if (process.ppid === ppid) return;
    clearInterval(look);
    process.kill(process.pid, 'SIGTERM');
  }, parentLookMs);
  look.unref();
}

function fail(message) {
  process.stderr.write(`${message}\n`);
  process.exitCode = 1;
}
