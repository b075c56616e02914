import type { Server } from 'node:http';
import { RaincheckError } from '../core/errors.ts';
import { systemClock } from '../engine/system-clock.ts';
import type { Store } from '../store/store.ts';
import { loopbackCidrs } from '../webhooks/address-policy.ts';
import type { WebhookSettings } from '../webhooks/webhook-settings.ts';
import { createHttpServer } from '../http/node-server.ts';
import { announce } from './announce.ts';
import type { ServerConfig } from './define-config.ts';
import { keepDevSecret } from './dev-secret.ts';
import { healthOnly } from './health-only.ts';
import { listen, type Listening } from './listen.ts';
import { jsonLogger } from './json-logger.ts';
import { prettyLogger, type FlushableLogger } from './logger.ts';
import { openStore, parseStoreAddress } from './open-store.ts';
import type { RaincheckOptions } from './raincheck-options.ts';
import { assembledRaincheck, type AssembledRaincheck, type Raincheck } from './raincheck.ts';
import type { Settings } from './setting-table.ts';
import { exitOnCrash, stopOnSignal } from './stop-on-signal.ts';
import { makePlan, type Plan, type ServerParams, type Succession } from './server-plan.ts';

/**
 * Runs `raincheck dev`, `serve` or `worker` until SIGTERM or SIGINT, and resolves to the exit code.
 * 0: it was asked to stop and did. 1: it could not start, or ended by an error. 2: a flag, a
 * variable or the config file is wrong. 128 + n: a second signal n cut the stop short.
 *
 * An error at the start is one sentence on stderr. An uncaught exception in user code is logged and
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
    return error.code === 'invalid_option' ? 2 : 1;
  }
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

/** Serves over `ownStore`; null: raincheck() opens the store. */
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
    // Successful status reads are logged at `debug`: they are most of the traffic and say the
    // least, and their lines cost a fifth of the polls a second (bench, poll: 0.57 of a bare GET
    // with them, 0.68 without).
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
    return listen(server, { host: settings.host, port, orNext });
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

const startAgainMs = 1_000;

/**
 * Starts, and tries again while PostgreSQL cannot be reached, since a database server may come up
 * after us; requests get 503 until then. With a file it does not try again, because an unusable
 * file stays unusable.
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

/**
 * Whether to keep the webhook secret in a file: only in `dev`, and only when no secret is
 * configured.
 */
function keepsSecret({ mode, config, settings }: Plan): boolean {
  return mode === 'dev' && config.webhooks !== false && settings['webhooks.secret'] === undefined;
}

/** Keeps the secret for `raincheck listen`. `dev` works without it, so a failure is only logged. */
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

/**
 * The webhook options of the config file, overridden by the settings. `dev` also allows addresses
 * of this machine and plain http, since local receivers have no certificates.
 */
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
