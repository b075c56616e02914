import { RaincheckError } from '../core/errors.ts';
import { commandName } from './command-name.ts';
import type { ServerConfig } from './define-config.ts';
import { isLoopback } from './listen.ts';
import { exampleConfigFile, findConfig, loadConfig } from './load-config.ts';
import { parseStoreAddress } from './open-store.ts';
import type { Mode, Settings } from './setting-table.ts';
import { readSettings, type Flags } from './settings.ts';

export type ServerParams = {
  readonly mode: Mode;
  /** Path of the config file. Default: raincheck.config.{ts,mts,js,mjs} in `folder`. */
  readonly config?: string | undefined;
  /** `dev` only: the store is in memory and lost at the end. */
  readonly ephemeral?: boolean | undefined;
  readonly host?: string | undefined;
  readonly port?: number | string | undefined;
  readonly healthPort?: number | string | undefined;
  readonly role?: string | undefined;
  readonly store?: string | undefined;
  /** The token from the file named by --token-file. */
  readonly token?: string | undefined;
  readonly basePath?: string | undefined;
  readonly publicUrl?: string | undefined;
  readonly concurrency?: number | string | undefined;
  readonly drain?: number | string | undefined;
  readonly logLevel?: string | undefined;
  readonly logFormat?: string | undefined;
  /** Default process.cwd(). */
  readonly folder?: string | undefined;
  /** Default process.env. */
  readonly env?: NodeJS.ProcessEnv | undefined;
};

/** State that a server takes over from the one before it. */
export type Taking = {
  /**
   * The configured port and the port that came of it. A successor with the same setting gets the
   * same port. null: none yet.
   */
  readonly port: { readonly asked: number; readonly got: number } | null;
  /**
   * The changed files that caused the reload, as paths for people; null: it is the first server.
   */
  readonly changed: readonly string[] | null;
  /** Whether the one before was killed because it did not react to being replaced. */
  readonly wasKilled: boolean;
  /** When the person began to wait for this server, by Date.now(). */
  readonly since: number;
};

/** Connects a server that is reloaded with the one before it and the one after it. */
export type Succession = {
  /** Called when everything is read and checked. Nothing is opened before this resolves. */
  readonly turn: () => Promise<Taking>;
  readonly listening: (asked: number, port: number) => void;
  /** Resolves when another is to take over. */
  readonly replaced: Promise<unknown>;
};

/** Everything a server is started with, read and checked. */
export type Plan = {
  readonly mode: Mode;
  readonly folder: string;
  readonly config: ServerConfig;
  /** null: the tasks are those of the example. */
  readonly configFile: string | null;
  readonly settings: Settings;
  readonly ephemeral: boolean;
  readonly succession: Succession | null;
  readonly taking: Taking | null;
};

/**
 * Reads the config file, the variables and the flags, and refuses combinations that make no sense.
 * Throws `invalid_option`.
 */
export async function makePlan(p: ServerParams, succession?: Succession): Promise<Plan> {
  const folder = p.folder ?? process.cwd();
  const configFile = findConfig({ given: p.config, folder });
  if (configFile === null && p.mode !== 'dev') {
    throw new RaincheckError(
      'invalid_option',
      `There is no raincheck.config.ts in ${folder}. Name one with --config, or try \`${commandName()} dev\`.`,
    );
  }
  const { config } = await loadConfig(configFile ?? exampleConfigFile());
  if (p.ephemeral === true && p.store !== undefined) {
    throw new RaincheckError('invalid_option', '--ephemeral and --store exclude each other.');
  }
  const { mode, host, port, token, basePath, publicUrl, concurrency, drain, logLevel, logFormat } =
    p;
  const { healthPort, role } = p;
  const store = p.ephemeral === true ? 'memory:' : p.store;
  const network: Flags = { host, port, healthPort, token, basePath, publicUrl };
  const flags: Flags = { ...network, role, store, concurrency, drain, logLevel, logFormat };
  const settings = readSettings({ mode, flags, env: p.env ?? process.env, config });
  if (mode !== 'worker') refusePublicWithoutToken(settings);
  refuseLonely(mode, settings);
  const ephemeral = p.ephemeral === true;
  const taking = (await succession?.turn()) ?? null;
  const plan = { mode, folder, config, configFile, settings, ephemeral };
  return { ...plan, succession: succession ?? null, taking };
}

function refusePublicWithoutToken({ host, token, tokens }: Settings): void {
  if (token !== undefined || tokens.length > 0 || isLoopback(host)) return;
  throw new RaincheckError(
    'invalid_option',
    `Refusing to listen on ${host} without a token: whoever reaches it could submit and read. ` +
      'Set RAINCHECK_TOKEN (for example to the output of `openssl rand -hex 24`), or listen on 127.0.0.1.',
  );
}

/**
 * Refuses half a server (a worker, or role `api`) on a store that no other process can open for the
 * other half.
 */
function refuseLonely(mode: Mode, { role, store }: Settings): void {
  if (mode !== 'worker' && role === 'all') return;
  if (parseStoreAddress(store).kind === 'postgres') return;
  const what = mode === 'worker' ? '`raincheck worker`' : 'role `api`';
  throw new RaincheckError(
    'invalid_option',
    `${what} needs a store that several processes share: name a postgres://… with --store or RAINCHECK_STORE.`,
  );
}
