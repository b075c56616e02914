import { spawnSync } from 'node:child_process';

/**
 * `npm run check` runs all checks, for people and for CI. It prints one line a step, and a step's
 * output only when it fails. `--without tests` leaves a step out.
 */
const steps: Record<string, readonly string[]> = {
  format: ['oxfmt', '--check'],
  types: ['tsc', '-p', 'tsconfig.json'],
  browser: ['tsc', '-p', 'dashboard'],
  lint: ['oxlint', '--type-aware'],
  unused: ['knip'],
  tests: ['node', 'scripts/run-tests.ts'],
  build: ['node', 'scripts/build.ts'],
  package: ['publint', '--strict'],
};

const left = process.argv.indexOf('--without');
const without = left === -1 ? [] : process.argv.slice(left + 1);
const unknown = without.find((name) => !(name in steps));
if (unknown !== undefined) {
  console.error(`No step is called ${unknown}. Steps: ${Object.keys(steps).join(', ')}.`);
  process.exit(2);
}

const failed: string[] = [];
for (const [name, [command = '', ...args]] of Object.entries(steps)) {
  if (without.includes(name)) continue;
  const startedAt = performance.now();
  const step = spawnSync(command, args, { encoding: 'utf8', maxBuffer: 64 * 1_048_576 });
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  const good = step.status === 0;
  console.log(
    `${good ? '✔' : '✖'} ${name.padEnd(8)} ${seconds.padStart(6)} s  ${note(step.stdout)}`,
  );
  if (good) continue;
  failed.push(name);
  console.log(
    `\n${command} ${args.join(' ')}\n${step.stdout ?? ''}${step.stderr ?? ''}${step.error?.message ?? ''}\n`,
  );
}
if (failed.length > 0) {
  console.log(`Failed: ${failed.join(', ')}`);
  process.exitCode = 1;
}

/** The totals of the test step; other steps have none. */
function note(stdout: string | null): string {
  const totals = (stdout ?? '').match(/^# (?:tests|pass|fail|skipped) \d+$/gm) ?? [];
  return totals.map((line) => line.slice(2)).join(', ');
}
