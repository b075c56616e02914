import { styleText } from 'node:util';
import type { Server } from 'node:http';
import { formatDuration } from '../core/duration.ts';
import { RaincheckError } from '../core/errors.ts';
import { systemClock } from '../engine/system-clock.ts';
import type { Store } from '../store/store.ts';
import { loopbackCidrs } from '../webhooks/address-policy.ts';
import type { WebhookSettings } from '../webhooks/webhook-settings.ts';
import { createHttpServer } from '../http/node-server.ts';
import { banner } from './banner.ts';
import { commandName } from './command-name.ts';
import type { ServerConfig } from './define-config.ts';
import { keepDevSecret } from './dev-secret.ts';
import { isBusy, isLoopback, listen, portHolder, type Listening } from './listen.ts';
import { exampleConfigFile, findConfig, loadConfig } from './load-config.ts';
import { jsonLogger } from './json-logger.ts';
import { prettyLogger, type FlushableLogger } from './logger.ts';
import { openStore, parseStoreAddress, storeLabel } from './open-store.ts';
import type { RaincheckOptions } from './raincheck-options.ts';
import { assembledRaincheck, type AssembledRaincheck, type Raincheck } from './raincheck.ts';
import type { Mode, Settings } from './setting-table.ts';
import { readSettings, type Flags } from './settings.ts';
import { exitOnCrash, stopOnSignal } from './stop-on-signal.ts';
import { version } from './version.ts';

export type ServerParams = {
  readonly mode: Mode;
  /** Path of the config file. Default: raincheck.config.{ts,mts,js,mjs} in `folder`. */
  readonly config?: string | undefined;
  /** `dev` only: the store is memory, forgotten at the end. */
  readonly ephemeral?: boolean | undefined;
  readonly host?: string | undefined;
  readonly port?: number | string | undefined;
  readonly healthPort?: number | string | undefined;
  readonly role?: string | undefined;
  readonly store?: string | undefined;
  /** From a file that --token-file names. */
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

/** What a server takes over from the one before it. */
export type Taking = {
  /** The setting and the port that came of it: whoever asks for the same gets the same. null: there was none. */
  readonly port: { readonly asked: number; readonly got: number } | null;
  /** Why it takes over, as paths for people; null: it is the first. */
  readonly changed: readonly string[] | null;
  /** The one before was killed, since it did not hear that it should make way. */
  readonly wasKilled: boolean;
  /** When whoever waits for it began to, by Date.now(). */
  readonly since: number;
};

/** How a server that is reloaded goes along with those before and after it. */
export type Succession = {
  /** Everything is read and checked; nothing is opened before this resolves. */
  readonly turn: () => Promise<Taking>;
  readonly listening: (asked: number, port: number) => void;
  /** Resolves when another is to take over. */
  readonly replaced: Promise<unknown>;
};

/**
 * `raincheck dev`, `serve` and `worker`: runs until SIGTERM or SIGINT and resolves with the exit code. 0: asked
 * to stop and did; 1: could not start, or ended by an error; 2: what it was told is wrong (flags, variables, the config
 * file); 128 + n: a second signal n cut the stop short. What went wrong at start is
 * one sentence on stderr. An uncaught exception in user code is logged and
 * ends the process with 1; an unhandled rejection is only logged.
 */
export async function runServer(p: ServerParams, succession?: Succession): Promise<number> {
  try {
    const plan = await makePlan(p, succession);
    const logger = makeLogger(plan.settings);
    exitOnCrash(logger);
    return await serve(plan, logger);
  } catch (error) {
    if (!(error instanceof RaincheckError)) throw error;
    process.stderr.write(`raincheck ${p.mode}: ${error.message}\n`);
    return error.code === 'invalid_option' && !(error instanceof PortTaken) ? 2 : 1;
  }
}

type Plan = {
  readonly mode: Mode;
  readonly folder: string;
  readonly config: ServerConfig;
  /** null: the example's tasks. */
  readonly configFile: string | null;
  readonly settings: Settings;
  readonly ephemeral: boolean;
  readonly succession: Succession | null;
  readonly taking: Taking | null;
};

async function makePlan(p: ServerParams, succession?: Succession): Promise<Plan> {
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

/** Of a store that no other process can have open the other half would be nobody's. */
function refuseLonely(mode: Mode, { role, store }: Settings): void {
  if (mode !== 'worker' && role === 'all') return;
  if (parseStoreAddress(store).kind === 'postgres') return;
  const what = mode === 'worker' ? '`raincheck worker`' : 'role `api`';
  throw new RaincheckError(
    'invalid_option',
    `${what} needs a store that several processes share: name a postgres://… with --store or RAINCHECK_STORE.`,
  );
}

function makeLogger(settings: Settings): FlushableLogger {
  const level = settings.logLevel;
  if (settings.logFormat === 'json') return jsonLogger({ level });
  return prettyLogger({ level, write: (line) => process.stdout.write(line) });
}

async function serve(plan: Plan, logger: FlushableLogger): Promise<number> {
  const ownStore = keepsSecret(plan) ? openStore(plan.settings.store) : null;
  try {
    return await serveOver(ownStore, { plan, logger });
  } finally {
    await ownStore?.close();
  }
}

type Serving = { readonly plan: Plan; readonly logger: FlushableLogger };

/** null: raincheck() opens the store. */
async function serveOver(ownStore: Store | null, { plan, logger }: Serving): Promise<number> {
  const { config, settings } = plan;
  const options: RaincheckOptions = {
    ...membersGiven(config),
    tasks: config.tasks,
    store: ownStore ?? settings.store,
    concurrency: settings.concurrency,
    pollsPerSecond: settings.pollsPerSecond,
    work: settings.role === 'all',
    drain: settings.drain,
    metricsOpen: settings.metricsOpen,
    webhooks: webhooksOf(plan),
    logger,
    // Status reads that worked are `debug`: they are most of the traffic and tell least, and their lines cost a
    // fifth of the polls a second (bench, poll: 0.57 of a bare GET with them, 0.68 without).
    logRequests: 'changes',
    tokens: settings.tokens,
    allowedOrigins: settings.allowedOrigins,
    ...(settings.token === undefined ? {} : { token: settings.token }),
    ...(settings.basePath === undefined ? {} : { basePath: settings.basePath }),
    ...(settings.publicUrl === undefined ? {} : { publicUrl: settings.publicUrl }),
  };
  const isWorker = plan.mode === 'worker';
  const rc = assembledRaincheck(options, {
    isApi: !isWorker,
    app: { dev: plan.mode === 'dev' },
    engine: { workerReplaced: plan.taking?.wasKilled === true },
  });
  const servers: Server[] = [];
  const open = async (app: Raincheck['app'], port: number, orNext: boolean): Promise<Listening> => {
    const server = createHttpServer(app);
    servers.push(server);
    return listenOrSay(server, { host: settings.host, port, orNext });
  };
  try {
    const kept = plan.taking?.port?.asked === settings.port ? plan.taking.port.got : null;
    const orNext = plan.mode === 'dev' && kept === null;
    const listening = isWorker ? null : await open(rc.app, kept ?? settings.port, orNext);
    if (settings.healthPort !== undefined) {
      await open(healthOnly(rc.app, settings), settings.healthPort, false);
    }
    await startOrWait(rc, { plan, logger });
    if (ownStore !== null) await keepSecret(ownStore, { plan, logger });
    announce(plan, { rc, logger, listening });
    if (listening !== null) plan.succession?.listening(settings.port, listening.port);
    return await stopOnSignal({ rc, servers, logger, replaced: plan.succession?.replaced });
  } catch (error) {
    for (const server of servers) server.close();
    await rc.stop({ now: true });
    throw error;
  }
}

/**
 * What a process tells whose API is not for everybody who may ask after its health, or that has none. Its metrics it
 * tells as its API does: for the token, to this machine, or to all where the settings say so.
 */
function healthOnly(app: Raincheck['app'], settings: Settings): Raincheck['app'] {
  const tellsMetrics =
    settings.token !== undefined || settings.metricsOpen || isLoopback(settings.host);
  const answered = ['/livez', '/readyz', ...(tellsMetrics ? ['/metrics'] : [])];
  const missing = tellsMetrics
    ? 'Only /livez, /readyz and /metrics are answered here.'
    : 'Only /livez and /readyz are answered here; /metrics too, with a token (RAINCHECK_TOKEN) or RAINCHECK_METRICS_OPEN=true.';
  const problem = new RaincheckError('not_found', missing);
  return {
    ...app,
    handle: async (request) =>
      answered.includes(request.path) ? app.handle(request) : app.problem(problem),
  };
}

const startAgainMs = 1_000;

/**
 * A database server may come up after us: until it answers, requests get 503 and this tries again. A file
 * that cannot be used will not get better by itself.
 */
async function startOrWait(
  rc: AssembledRaincheck,
  { plan, logger }: { plan: Plan; logger: FlushableLogger },
): Promise<void> {
  const waits = parseStoreAddress(plan.settings.store).kind === 'postgres';
  for (let tries = 0; ; tries += 1) {
    try {
      if (plan.settings.role === 'all') await rc.start();
      else await rc.engine.ready();
      rc.engine.listen();
      return;
    } catch (error) {
      const away = error instanceof RaincheckError && error.code === 'store_unavailable';
      if (!waits || !away) throw error;
      if (tries === 0) logger.error({ err: error }, 'The store cannot be reached; trying again.');
    }
    await new Promise((resolve) => setTimeout(resolve, startAgainMs));
  }
}

/** Only in `dev`, and not what the person has said already. */
function keepsSecret({ mode, config, settings }: Plan): boolean {
  return mode === 'dev' && config.webhooks !== false && settings['webhooks.secret'] === undefined;
}

/** A comfort: `dev` works without. */
async function keepSecret(store: Store, { plan, logger }: Serving): Promise<void> {
  try {
    await keepDevSecret({ store, folder: plan.folder, now: systemClock.now() });
  } catch (error) {
    logger.debug({ err: error }, 'The webhook secret could not be kept for `raincheck listen`.');
  }
}

/** Members of the config that are not settings. */
function membersGiven(config: ServerConfig) {
  const { bodyBytesMax, pendingMax, lease, grace, threads, dashboard } = config;
  return {
    ...(dashboard === undefined ? {} : { dashboard }),
    ...(threads === undefined ? {} : { threads }),
    ...(bodyBytesMax === undefined ? {} : { bodyBytesMax }),
    ...(pendingMax === undefined ? {} : { pendingMax }),
    ...(lease === undefined ? {} : { lease }),
    ...(grace === undefined ? {} : { grace }),
  };
}

/** What the file says, with the settings over it. `dev` is for one machine, whose receivers have no certificates. */
function webhooksOf({ mode, config, settings }: Plan): WebhookSettings | false {
  if (config.webhooks === false) return false;
  const secret = settings['webhooks.secret'];
  const allowedCidrs = settings['webhooks.allowedCidrs'];
  return {
    ...config.webhooks,
    ...(secret === undefined ? {} : { secret }),
    httpAllowed: settings['webhooks.httpAllowed'],
    allowedCidrs: mode === 'dev' ? [...allowedCidrs, ...loopbackCidrs] : allowedCidrs,
    allowedHosts: settings['webhooks.allowedHosts'],
    concurrency: settings['webhooks.concurrency'],
    attemptTimeout: settings['webhooks.attemptTimeout'],
  };
}

/** Nothing that was told is wrong, but the port is not to be had now. */
class PortTaken extends RaincheckError {}

async function listenOrSay(
  server: Server,
  p: { readonly host: string; readonly port: number; readonly orNext: boolean },
): Promise<Listening> {
  const { host, port } = p;
  try {
    return await listen(server, p);
  } catch (error) {
    const reason = isBusy(error)
      ? `taken by ${portHolder(port) ?? 'another process'}. Choose another with --port or RAINCHECK_PORT.`
      : `not to be had: ${error instanceof Error ? error.message : String(error)}`;
    throw new PortTaken('invalid_option', `Port ${port} on ${host} is ${reason}`, { cause: error });
  }
}

function announce(
  plan: Plan,
  p: { rc: Raincheck; logger: FlushableLogger; listening: Listening | null },
): void {
  const { mode, settings, configFile, folder, ephemeral } = plan;
  const { tasks } = p.rc;
  const names = tasks.map((task) => task.name);
  const store = storeLabel(settings.store);
  if (p.listening === null) {
    p.logger.info(
      { version, node: process.version, pid: process.pid, store, tasks: names },
      'working',
    );
    return;
  }
  const { port, busyPort } = p.listening;
  const { taking } = plan;
  const changed = taking?.changed ?? null;
  if (taking !== null && changed !== null) {
    announceReload({ ...taking, changed }, { plan, logger: p.logger, names });
    return;
  }
  const url = `http://${hostForUrl(settings.host)}:${port}${p.rc.app.basePath}`;
  const busy =
    busyPort === null
      ? null
      : `Port ${busyPort} is taken by ${portHolder(busyPort) ?? 'another process'}; using ${port}.`;
  if (settings.logFormat === 'json') {
    if (busy !== null) p.logger.warn({ port }, busy);
    p.logger.info(
      { version, node: process.version, pid: process.pid, url, store, tasks: names },
      'listening',
    );
    return;
  }
  if (busy !== null) process.stdout.write(`\n  ${styleText('yellow', busy)}\n`);
  const readyMs = plan.taking === null ? performance.now() : Date.now() - plan.taking.since;
  const webhooks = plan.config.webhooks !== false;
  const dashboard = plan.config.dashboard !== false;
  const plain = { mode, settings, tasks, url, configFile, folder, readyMs, ephemeral };
  const facts = { ...plain, webhooks, dashboard };
  process.stdout.write(banner(facts));
}

function announceReload(
  { changed, since }: { readonly changed: readonly string[]; readonly since: number },
  p: { plan: Plan; logger: FlushableLogger; names: readonly string[] },
): void {
  const { settings } = p.plan;
  const { kind } = parseStoreAddress(settings.store);
  const lost = kind === 'memory' ? '; the store in memory begins anew' : '';
  if (settings.logFormat === 'json') {
    p.logger.info({ changed, tasks: p.names }, `reloaded${lost}`);
    return;
  }
  const took = styleText('gray', `in ${formatDuration(Date.now() - since)}`);
  const tasks = `tasks: ${p.names.join(', ') || 'none'}`;
  process.stdout.write(
    `${styleText('green', 'Reloaded')} ${took}, ${changed.join(', ')} changed; ${tasks}${lost}\n`,
  );
}

/** An address that means "all of them" cannot be typed into a browser. */
function hostForUrl(host: string): string {
  if (host === '0.0.0.0' || host === '::') return '127.0.0.1';
  return host.includes(':') ? `[${host}]` : host;
}
