import { globSync } from 'node:fs';
import { run } from 'node:test';
import { findChromium, installChromium, noChromium } from '../test/browser/find-chromium.ts';
import { quietReporter } from './quiet-reporter.ts';

/**
 * `npm test [part-of-a-path …]` runs every test file, from source, two processes at a time (the
 * suite starts real servers, and more would only compete for the same cores). Quiet unless
 * something fails. The last lines are Node's own: `# tests`, `# pass`, `# fail` …
 */
const patterns = [
  'src/**/*.test.ts',
  'test/**/*.test.ts',
  'examples/**/*.test.ts',
  'dashboard/**/*.test.ts',
];
const wanted = process.argv.slice(2);
const files = globSync(patterns)
  .filter((file) => wanted.length === 0 || wanted.some((part) => file.includes(part)))
  .sort();

if (files.length === 0) {
  console.error(`No test file matches ${wanted.join(' ') || patterns.join(' ')}.`);
  process.exit(1);
}

if (files.some((file) => file.startsWith('test/browser/'))) {
  installChromium();
  if (findChromium() === null) console.log(`test/browser is skipped. ${noChromium}`);
}

const stream = run({
  files,
  concurrency: 2,
  // Limits a test file that hangs. The slowest healthy one, test/clients, takes half a minute on
  // two idle cores.
  timeout: 300_000,
  execArgv: ['--conditions=raincheck-source', '--disable-warning=ExperimentalWarning'],
});
stream.on('test:summary', ({ file, success }) => {
  if (file === undefined && !success) process.exitCode = 1;
});
stream.on('test:fail', (event) => {
  if (event.todo === undefined || event.todo === false) process.exitCode = 1;
});
stream.compose(quietReporter).pipe(process.stdout);
