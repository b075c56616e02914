import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chromium, type Browser } from 'playwright-core';

const places = [
  process.env['RAINCHECK_TEST_CHROMIUM'],
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
];

/** Nothing that a browser does unasked: no updates, no downloads, no QUIC. */
const args = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/**
 * Where a Chromium is: as RAINCHECK_TEST_CHROMIUM says or where systems have it. Debian's is installed where it is
 * missing and we are root (CI). null: there is none.
 */
export function chromiumPath(): string | null {
  const found = (): string | undefined =>
    places.find((place) => place !== undefined && existsSync(place));
  return found() ?? (installed() ? (found() ?? null) : null);
}

function installed(): boolean {
  if (process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) return false;
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  // Two test files may come here at once: the second waits for the lock of the first.
  const install = ['-o', 'DPkg::Lock::Timeout=120', 'install', '-y', '-q', 'chromium'];
  const run = (list: readonly string[]): boolean =>
    spawnSync('apt-get', list, { env, stdio: 'ignore' }).status === 0;
  return run(install) || (run(['update', '-q']) && run(install));
}

export const noChromium =
  'There is no Chromium: install one (apt-get install chromium) or name one in RAINCHECK_TEST_CHROMIUM.';

export function launchChromium(executablePath: string): Promise<Browser> {
  return chromium.launch({ executablePath, args, headless: true });
}
