import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

const places = [
  process.env['RAINCHECK_TEST_CHROMIUM'],
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
];

/**
 * The path of a Chromium: from RAINCHECK_TEST_CHROMIUM, or where systems have it. null: there is
 * none.
 */
export function findChromium(): string | null {
  return places.find((place) => place !== undefined && existsSync(place)) ?? null;
}

/** Without a Chromium the tests are skipped and say so. */
export const noChromium =
  'There is no Chromium: install one (apt-get install chromium) or name one in RAINCHECK_TEST_CHROMIUM.';

/**
 * Installs Debian's Chromium where there is none and we are root (CI). Runs before the tests,
 * because it takes longer than one of them may.
 */
export function installChromium(): void {
  if (findChromium() !== null) return;
  if (process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) return;
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const run = (...args: readonly string[]): boolean =>
    spawnSync('apt-get', args, { env, stdio: 'ignore' }).status === 0;
  const install = (): boolean => run('install', '-y', '-q', 'chromium');
  if (!install() && run('update', '-q')) install();
}
