import { existsSync } from 'node:fs';
import path from 'node:path';

let found: string | undefined;

/**
 * How we are named in what a person is told to type, as commandNameIn() says of this process. It asks the disk
 * for each folder on the PATH, so it is computed at the first call, and once.
 */
export function commandName(): string {
  found ??= commandNameIn(process.env, process.platform);
  return found;
}

/**
 * The command to show when a person is told what to type: `raincheck` if their shell finds it, else
 * `npx raincheck`, which finds what is installed in the project or globally. Under npm (npx, npm
 * start, …) it is always the latter, because npm puts the project's commands on the PATH of its
 * children, and the person's own shell lacks them.
 */
export function commandNameIn(env: NodeJS.ProcessEnv, platform: NodeJS.Platform): string {
  return env['npm_execpath'] === undefined && isOnPath(env, platform)
    ? 'raincheck'
    : 'npx raincheck';
}

function isOnPath(env: NodeJS.ProcessEnv, platform: NodeJS.Platform): boolean {
  const isWindows = platform === 'win32';
  // process.env ignores case on Windows, but a copy of it does not.
  const folders = (env['PATH'] ?? env['Path'] ?? '').split(isWindows ? ';' : ':');
  const file = isWindows ? 'raincheck.cmd' : 'raincheck';
  return folders.some((folder) => folder !== '' && existsSync(path.join(folder, file)));
}
