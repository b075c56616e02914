import { existsSync, readFileSync } from 'node:fs';
import { findPackageJSON } from 'node:module';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { RaincheckError } from '../core/errors.ts';
import { refuseUnknownKeys } from '../core/options.ts';
import { isIsolateThread } from '../engine/isolate-thread-mark.ts';
import { programOptionNames, type ServerConfig } from './define-config.ts';
import { raincheckOptionNames } from './raincheck-options.ts';
import { settingMembers } from './setting-table.ts';

export const configFileNames = [
  'raincheck.config.ts',
  'raincheck.config.mts',
  'raincheck.config.js',
  'raincheck.config.mjs',
];

/**
 * The members a config may have: every setting, and the options of raincheck() that have neither
 * flag nor variable.
 */
const memberNames = [
  ...new Set([
    ...settingMembers,
    ...raincheckOptionNames.filter((name) => !programOptionNames.some((not) => not === name)),
  ]),
];

export type LoadedConfig = {
  readonly config: ServerConfig;
  /** Absolute path of the file. */
  readonly file: string;
};

/** The config file to use: `given`, or the first of configFileNames in `folder`; null when there is none. */
export function findConfig(p: {
  readonly given?: string | undefined;
  readonly folder: string;
}): string | null {
  if (p.given !== undefined) {
    const file = path.resolve(p.folder, p.given);
    if (existsSync(file)) return file;
    throw new RaincheckError('invalid_option', `There is no config file at ${file}.`);
  }
  const files = configFileNames.map((name) => path.join(p.folder, name));
  return files.find((file) => existsSync(file)) ?? null;
}

/**
 * Imports a config file and returns its default export. Throws `invalid_option` that names the
 * file; its cause is the error of the import.
 */
export async function loadConfig(file: string): Promise<LoadedConfig> {
  if (isIsolateThread()) {
    throw new RaincheckError('invalid_option', 'A worker thread of a task must not load a config.');
  }
  let module: { default?: unknown };
  try {
    module = await withoutTypelessWarning(
      async () => (await import(pathToFileURL(file).href)) as { default?: unknown },
    );
  } catch (error) {
    throw new RaincheckError(
      'invalid_option',
      `${file} could not be loaded: ${textOf(error)}${placeOf(error)}${commonJsHint(error, file)}`,
      { cause: error },
    );
  }
  return { config: checkedConfig(module.default, file), file };
}

/**
 * Hides one warning. A config works without "type": "module" in package.json, but Node parses the
 * file twice and warns, which is not worth four lines at every start. Other warnings are printed.
 */
async function withoutTypelessWarning<T>(load: () => Promise<T>): Promise<T> {
  const { emitWarning } = process; // oxlint-disable-line typescript/unbound-method -- put back as it was
  process.emitWarning = (...parameters: unknown[]): void => {
    const [warning, options, code] = parameters;
    const codes = [code, codeOf(warning), codeOf(options)];
    if (codes.includes('MODULE_TYPELESS_PACKAGE_JSON')) return;
    Reflect.apply(emitWarning, process, parameters);
  };
  try {
    return await load();
  } finally {
    process.emitWarning = emitWarning;
  }
}

function codeOf(value: unknown): unknown {
  return typeof value === 'object' && value !== null && 'code' in value ? value.code : undefined;
}

/** The example that comes with the package, as source or as built beside us. */
export function exampleConfigFile(): string {
  const built = fileURLToPath(new URL('../examples/reports/raincheck.config.js', import.meta.url));
  const source = new URL('../../examples/reports/raincheck.config.ts', import.meta.url);
  return existsSync(built) ? built : fileURLToPath(source);
}

function checkedConfig(config: unknown, file: string): ServerConfig {
  if (typeof config !== 'object' || config === null || Array.isArray(config)) {
    throw new RaincheckError(
      'invalid_option',
      `${file} has no config as its default export. Expected: export default defineConfig({ tasks: [...] });`,
    );
  }
  refuseUnknownKeys(file, config, memberNames);
  if (!Array.isArray((config as { tasks?: unknown }).tasks)) {
    throw new RaincheckError(
      'invalid_option',
      `${file}: expected \`tasks\` to be an array of tasks.`,
    );
  }
  return config as ServerConfig;
}

/**
 * ' (at file:line:column)' for the first place in the stack outside of node_modules, Node and
 * Raincheck; '' when there is none.
 */
function placeOf(error: unknown): string {
  if (!(error instanceof Error)) return '';
  // The stack of a syntax error begins with the place instead: 'file:///app/raincheck.config.ts:3'.
  const places = [...(error.stack ?? '').matchAll(/(file:\/\/\S+?:\d+(?::\d+)?)(?=[)\s]|$)/gm)];
  const own = new URL('../', import.meta.url).href;
  const place = places
    .map(([, text = '']) => text)
    .find((text) => !text.includes('/node_modules/') && !text.startsWith(own));
  return place === undefined ? '' : ` (at ${place.replace('file://', '')})`;
}

/**
 * Advice for a config that Node reads as CommonJS, since `npm init` writes "type": "commonjs".
 * Node's own advice is .mjs, even for TypeScript.
 */
function commonJsHint(error: unknown, file: string): string {
  if (!(error instanceof SyntaxError)) return '';
  if (!/import statement outside a module|Unexpected token 'export'/.test(error.message)) return '';
  const manifest = findPackageJSON(pathToFileURL(file).href);
  if (manifest === undefined) return '';
  const { type } = JSON.parse(readFileSync(manifest, 'utf8')) as { type?: unknown };
  if (type !== 'commonjs') return '';
  const renamed = path.basename(file).replace(/\.([jt]s)$/, '.m$1');
  return `. ${manifest} says "type": "commonjs": change that with \`npm pkg set type=module\`, or name the file ${renamed}.`;
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
