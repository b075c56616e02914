import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

const root = path.join(import.meta.dirname, '..', '..');

export type PackedPackage = {
  /** A temporary folder of the test. */
  readonly folder: string;
  /** The .tgz in it. */
  readonly tarball: string;
  /** The built copy that was packed. */
  readonly copy: string;
  /** Paths in it. */
  readonly files: readonly string[];
  remove(): void;
};

/**
 * Builds and packs a copy of the sources as for publishing; a copy, because a build here may be in
 * use.
 */
export function packedPackage(): PackedPackage {
  const folder = mkdtempSync(path.join(tmpdir(), 'raincheck-pack-'));
  const copy = path.join(folder, 'copy');
  cpSync(root, copy, {
    recursive: true,
    filter: (file) =>
      !/^(?:node_modules|dist|test|bench|\.git|\.raincheck)$/.test(path.relative(root, file)),
  });
  symlinkSync(path.join(root, 'node_modules'), path.join(copy, 'node_modules'));
  runIn(copy, 'node', ['scripts/build.ts']);
  const [packed] = JSON.parse(
    runIn(copy, 'npm', ['pack', '--json', '--pack-destination', folder]),
  ) as [{ filename: string; files: { path: string }[] }];
  return {
    folder,
    copy,
    tarball: path.join(folder, packed.filename),
    files: packed.files.map((file) => file.path),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** Returns what it printed; fails with all of that when the exit code is not 0. */
export function runIn(cwd: string, command: string, args: readonly string[]): string {
  const result = spawnSync(command, args, { cwd, encoding: 'utf8', env: packageEnvironment() });
  assert.equal(result.status, 0, `${command} ${args.join(' ')}\n${result.stdout}${result.stderr}`);
  return result.stdout;
}

/**
 * `npm test` passes its own settings down. The inner npm must not use them, except for the
 * registry.
 */
export function packageEnvironment(): NodeJS.ProcessEnv {
  const bin = [path.join(root, 'node_modules/.bin'), process.env['PATH']].join(path.delimiter);
  const inherited = Object.entries(process.env).filter(
    ([name]) =>
      /^npm_config_(?:registry|cache|userconfig)$/i.test(name) || !/^npm_|^NODE_/i.test(name),
  );
  return { ...Object.fromEntries(inherited), PATH: bin };
}
