import { accessSync, constants, existsSync, statfsSync, statSync } from 'node:fs';
import path from 'node:path';
import { formatBytes } from '../core/byte-size.ts';
import { RaincheckError } from '../core/errors.ts';
import { refuseNetwork, requireSqliteVersion } from '../store-sqlite/database-file.ts';
import { inspectPostgres } from '../store-postgres/postgres-store.ts';
import { commandName } from './command-name.ts';
import { isLoopback, portHolder } from './listen.ts';
import { exampleConfigFile, findConfig, loadConfig } from './load-config.ts';
import { openStore, parseStoreAddress, storeLabel } from './open-store.ts';
import type { Settings } from './setting-table.ts';
import { readSettings } from './settings.ts';
import { nodeVersionMin, version } from './version.ts';

export type DoctorLine = {
  readonly ok: boolean;
  /** One word that names the thing checked. */
  readonly what: string;
  /** One sentence. */
  readonly detail: string;
};

/** With less free space than this, a busy server soon fills the disk. */
const freeBytesMin = 512 * 1_048_576;
const answerMsMax = 2_000;

/**
 * Checks everything that a server needs to run here, and describes each result in a sentence.
 * Changes nothing: an existing SQLite store is opened and closed again, a missing one is not
 * created. Never rejects.
 */
export async function doctor(
  p: {
    /**
     * Address of the store, as for --store. Default: from the config file or the settings'
     * defaults.
     */
    readonly store?: string;
    /** Address of the server to ask. Default: the one that the settings describe. */
    readonly url?: string;
    readonly config?: string;
    readonly folder?: string;
    readonly env?: NodeJS.ProcessEnv;
    /** Default: process.versions. */
    readonly versions?: { readonly node: string; readonly sqlite?: string };
  } = {},
): Promise<{ ok: boolean; lines: DoctorLine[] }> {
  const { node, sqlite } = p.versions ?? process.versions;
  const lines: DoctorLine[] = [nodeLine(node), sqliteLine(sqlite)];
  const { line, settings } = await configLine(p);
  lines.push(line);
  if (settings !== null) {
    lines.push(...(await storeLines(settings.store)), await serverLine(p.url, settings));
  }
  return { ok: lines.every(({ ok }) => ok), lines };
}

function nodeLine(node: string): DoctorLine {
  const ok = node.localeCompare(nodeVersionMin, 'en', { numeric: true }) >= 0;
  const need = ok ? '' : `; raincheck ${version} needs ${nodeVersionMin} or newer`;
  return { ok, what: 'node', detail: `v${node} at ${process.execPath}${need}` };
}

function sqliteLine(sqlite: string | undefined): DoctorLine {
  const what = 'sqlite';
  if (sqlite === undefined) return { ok: false, what, detail: 'this Node has none' };
  try {
    requireSqliteVersion(sqlite);
    return { ok: true, what, detail: sqlite };
  } catch (error) {
    return { ok: false, what, detail: textOf(error) };
  }
}

async function configLine(
  p: Parameters<typeof doctor>[0] & {},
): Promise<{ line: DoctorLine; settings: Settings | null }> {
  const what = 'config';
  try {
    const folder = p.folder ?? process.cwd();
    const file = findConfig({ given: p.config, folder });
    const { config } = await loadConfig(file ?? exampleConfigFile());
    const settings = readSettings({
      mode: file === null ? 'dev' : 'serve',
      flags: { store: p.store },
      env: p.env ?? process.env,
      config,
    });
    const tasks = config.tasks.map((task) => task.name).join(', ') || 'none';
    const from =
      file ?? `no raincheck.config.ts here; \`${commandName()} dev\` would serve the example`;
    const line = { ok: true, what, detail: `${from}; tasks: ${tasks}` };
    return { line: publicLine(settings) ?? line, settings };
  } catch (error) {
    return { line: { ok: false, what, detail: textOf(error) }, settings: null };
  }
}

function publicLine({ host, token, tokens }: Settings): DoctorLine | null {
  if (token !== undefined || tokens.length > 0 || isLoopback(host)) return null;
  return { ok: false, what: 'config', detail: `host ${host} needs a token: set RAINCHECK_TOKEN` };
}

async function storeLines(address: string): Promise<DoctorLine[]> {
  const what = 'store';
  try {
    const parsed = parseStoreAddress(address);
    if (parsed.kind === 'memory') {
      return [{ ok: true, what, detail: 'memory: operations are forgotten when the server ends' }];
    }
    if (parsed.kind === 'postgres') {
      return [await postgresLine(address), ...(await inspectPostgres(parsed.options))];
    }
    const file = path.resolve(parsed.path);
    const folder = nearestFolder(file);
    accessSync(folder, constants.W_OK);
    refuseNetwork(path.join(folder, path.basename(file)));
    if (existsSync(file) && statSync(file).isDirectory()) throw new Error(`${file} is a folder`);
    const line = existsSync(file) ? await openedLine(address, file) : newFileLine(file);
    return [line, diskLine(folder)];
  } catch (error) {
    return [{ ok: false, what, detail: textOf(error) }];
  }
}

/** Connects, and makes or migrates the schema as a server would. */
async function postgresLine(address: string): Promise<DoctorLine> {
  const store = openStore(address);
  try {
    await store.ping();
    return { ok: true, what: 'store', detail: `${storeLabel(address)} takes writes` };
  } finally {
    await store.close();
  }
}

function newFileLine(file: string): DoctorLine {
  return { ok: true, what: 'store', detail: `${file} is not there yet and can be made` };
}

/** A store in use by a running server is fine, because that server is checked too. */
async function openedLine(address: string, file: string): Promise<DoctorLine> {
  try {
    await openStore(address).close();
    return { ok: true, what: 'store', detail: `${file} opens` };
  } catch (error) {
    const text = textOf(error);
    const inUse = error instanceof RaincheckError && error.code === 'store_locked';
    if (!inUse) return { ok: false, what: 'store', detail: text };
    // The error advises to stop that process, which is meant for a second server. Here we only
    // inspect the first.
    const pid = /\bpid (\d+)/.exec(text)?.[1];
    const holder = pid === undefined ? 'a running server' : `the running server (pid ${pid})`;
    return { ok: true, what: 'store', detail: `${file} is in use by ${holder}` };
  }
}

function diskLine(folder: string): DoctorLine {
  const { bavail, bsize } = statfsSync(folder);
  const free = bavail * bsize;
  const ok = free >= freeBytesMin;
  const need = ok ? '' : `; less than ${formatBytes(freeBytesMin)} is soon used up`;
  return { ok, what: 'disk', detail: `${formatBytes(free)} free at ${folder}${need}` };
}

/** The folder of the file, or the nearest existing one above it. */
function nearestFolder(file: string): string {
  let folder = path.dirname(file);
  while (!existsSync(folder)) folder = path.dirname(folder);
  if (statSync(folder).isDirectory()) return folder;
  throw new Error(`${folder} is a file, so ${file} cannot be made`);
}

async function serverLine(given: string | undefined, settings: Settings): Promise<DoctorLine> {
  const { host, port } = settings;
  const url = given ?? `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
  try {
    const response = await fetch(new URL('livez', url.endsWith('/') ? url : `${url}/`), {
      signal: AbortSignal.timeout(answerMsMax),
    });
    await response.arrayBuffer();
    const detail = `${url} answers ${response.status}`;
    if (response.ok) return { ok: true, what: 'server', detail };
    return { ok: false, what: 'server', detail: `${detail} to /livez: not a raincheck server?` };
  } catch (error) {
    const reason = `${url} does not answer (${causeOf(error)})`;
    if (given !== undefined) return { ok: false, what: 'server', detail: reason };
    const holder = portHolder(port);
    if (holder === null)
      return { ok: true, what: 'server', detail: `none yet; port ${port} is free` };
    return { ok: false, what: 'server', detail: `${reason}; port ${port} is taken by ${holder}` };
  }
}

/** The reason of a failed fetch, which says "fetch failed" and keeps the reason in its cause. */
function causeOf(error: unknown): string {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  const { code } = cause as { code?: unknown };
  return typeof code === 'string' ? code : textOf(cause);
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
