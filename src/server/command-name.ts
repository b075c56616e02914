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
 * `raincheck` where the shell of the person finds that, else `npx raincheck`, which finds what is installed in a
 * project or globally. Below npm it is always the latter: npm (npx, npm start, …) gives its children a PATH with
 * the project's commands on it, which the shell of the person does not have.
 */
export function commandNameIn(env: NodeJS.ProcessEnv, platform: NodeJS.Platform): string {
  return env['npm_execpath'] === undefined && isOnPath(env, platform)
    ? 'raincheck'
    : 'npx raincheck';
}

function isOnPath(env: NodeJS.ProcessEnv, platform: NodeJS.Platform): boolean {
  const isWindows = platform === 'win32';
  // process.env of Windows knows no case, a copy of it does.
  const folders = (env['PATH'] ?? env['Path'] ?? '').split(isWindows ? ';' : ':');
  const file = isWindows ? 'raincheck.cmd' : 'raincheck';
  return folders.some((folder) => folder !== '' && existsSync(path.join(folder, file)));
}
