import type { IncomingMessage, ServerResponse } from 'node:http';
import { hostname } from 'node:os';
import type { Clock } from '../core/clock.ts';
import { RaincheckError } from '../core/errors.ts';
import { durationOption, expected, refuseUnknownKeys } from '../core/options.ts';
import { createEngine } from '../engine/create-engine.ts';
import type { Engine, EngineOptions } from '../engine/engine.ts';
import { systemClock } from '../engine/system-clock.ts';
import { isIsolateThread } from '../engine/isolate-thread-mark.ts';
import type { Logger } from '../engine/logger.ts';
import type { Task } from '../engine/task.ts';
import { createApp, type App, type AppOptions } from '../http/app.ts';
import { fetchHandler } from '../http/fetch-adapter.ts';
import { nodeHandler } from '../http/node-adapter.ts';
import type { Store } from '../store/store.ts';
import { createWebhooks, type WebhooksOptions } from '../webhooks/create-webhooks.ts';
import { redriveTask } from '../webhooks/redrive-input.ts';
import type { Webhooks } from '../webhooks/webhooks.ts';
import { dataFolder } from './data-folder.ts';
import { eventLoopLag } from './event-loop-lag.ts';
import { consoleLogger } from './logger.ts';
import { dashboardFiles } from './dashboard-files.ts';
import { Metrics } from './metrics.ts';
import { watchedMount } from './mount.ts';
import { openStore } from './open-store.ts';
import {
  appOptionNames,
  engineOptionNames,
  raincheckOptionNames,
  type RaincheckOptions,
} from './raincheck-options.ts';
import { logRequests } from './request-log.ts';
import { version } from './version.ts';

/**
 * The object that raincheck() returns: handlers to mount, and the start and stop of the work. A
 * client in the same process needs no network: `createClient<typeof rc>({ baseUrl, fetch: (input,
 * init) => rc.fetch(new Request(input, init)) })`.
 */
export type Raincheck<Tasks extends readonly Task[] = readonly Task[]> = {
  readonly tasks: Tasks;
  /**
   * The HTTP API without a transport, for adapters of your own. Its first request also starts the
   * work.
   */
  readonly app: App;
  /** Web-standard handler: for Hono, Next, Bun, Deno. Never rejects. */
  readonly fetch: (request: Request) => Promise<Response>;
  /** node:http handler: `http.createServer(rc.handle)`, `app.use('/ops', rc.handle)`. */
  readonly handle: (req: IncomingMessage, res: ServerResponse) => void;
  /**
   * Recovers what an earlier process left unfinished, and starts the work; the first request does
   * so too. Rejects with `store_unavailable` (call it again, as the next request does) or, after
   * stop(), with `shutting_down`.
   */
  start(): Promise<void>;
  /**
   * Lets running attempts finish within `drain`, hands the others back uncounted, then closes the
   * store if raincheck() opened it. With `now` it does not wait, and it cuts short a stop() that is
   * under way. A stopped Raincheck cannot be started again. Rejects only when the store cannot be
   * closed.
   */
  stop(p?: { readonly now?: boolean }): Promise<void>;
};

/** A Raincheck together with its engine, for the command line and the test kit, which need both. */
export type AssembledRaincheck<Tasks extends readonly Task[] = readonly Task[]> =
  Raincheck<Tasks> & { readonly engine: Engine };

/**
 * Opens the store and puts the engine and the HTTP API on top of it. Throws `invalid_option`,
 * `store_locked`, `store_incompatible` or `store_unavailable`. Call it once for each store, in a
 * module of its own: an isolated task imports its own module in a worker thread, and raincheck()
 * throws there.
 */
export function raincheck<const Tasks extends readonly Task[]>(
  options: RaincheckOptions<Tasks>,
): Raincheck<Tasks> {
  const { engine: _, ...rc } = assembledRaincheck(options, {});
  return rc;
}

/**
 * Parts that tests replace to stand for the outside world, and parts that only `raincheck dev`
 * sets.
 */
export type Substitutes = {
  readonly webhooks?: Pick<WebhooksOptions, 'sender' | 'lookup' | 'random'>;
  readonly engine?: Pick<EngineOptions, 'poll' | 'workerReplaced'>;
  readonly app?: Pick<AppOptions, 'dev' | 'dashboard'>;
  /** false: its API is not served, so other nodes on the store must not count it as one. */
  readonly isApi?: boolean;
};

/** Does what raincheck() does, with parts that are not public options. */
export function assembledRaincheck<const Tasks extends readonly Task[]>(
  options: RaincheckOptions<Tasks>,
  substitutes: Substitutes,
): AssembledRaincheck<Tasks> {
  checkOptions(options);
  const drainMs = durationOption('drain', options.drain, {
    minMs: 0,
    maxMs: 3_600_000,
    fallback: 25_000,
  });
  const logger = options.logger ?? consoleLogger();
  const ownStore = typeof options.store !== 'object';
  const store = openedStore(options.store);
  try {
    const clock = options.clock ?? systemClock;
    const {
      engine,
      webhooks,
      app: idleApp,
    } = composed(options, {
      store,
      clock,
      logger,
      substitutes,
    });
    const { start, startSoon, forbidStart } = starter({ engine, webhooks, store, logger });
    const app: App = {
      ...idleApp,
      handle: (request) => {
        if (options.work !== false) startSoon();
        else engine.listen();
        return idleApp.handle(request);
      },
    };
    return {
      tasks: options.tasks,
      engine,
      app,
      fetch: fetchHandler(app),
      handle: watchedMount(nodeHandler(app), { basePath: app.basePath, logger }),
      start,
      async stop(p = {}) {
        forbidStart();
        const drainedBy = clock.now() + drainMs;
        await engine.stop(p.now === true ? { now: true } : { drainMs });
        // Operations that ended meanwhile have their deliveries in the store, so the next process
        // sends those that are not sent now.
        const leftMs = Math.max(0, drainedBy - clock.now());
        await webhooks?.stop(p.now === true ? { now: true } : { drainMs: leftMs });
        if (ownStore) await store.close();
      },
    };
  } catch (error) {
    if (ownStore) void store.close();
    throw error;
  }
}

type Parts = {
  readonly store: Store;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly substitutes: Substitutes;
};

/**
 * Puts engine, webhooks and HTTP API together. Each of them refers to another, but none does so
 * before the first request.
 */
function composed(options: RaincheckOptions, { store, clock, logger, substitutes }: Parts) {
  const taskNames = options.tasks.flatMap((task) => task?.name ?? []);
  const metrics = new Metrics([...taskNames, redriveTask.name]);
  const webhooks =
    options.webhooks === false
      ? null
      : createWebhooks({
          store,
          clock,
          logger,
          settings: options.webhooks ?? {},
          describe: (operation) => plainApp.describe(operation),
          userAgent: `raincheck/${version} (+webhooks)`,
          taskNames,
          ...(metrics.deliveryObserver !== null && { observer: metrics.deliveryObserver }),
          ...nameOf(options.publicUrl),
          ...substitutes.webhooks,
        });
  const engine = createEngine({
    store,
    clock,
    logger,
    tasks: options.tasks,
    ...(metrics.observer !== null && { observer: metrics.observer }),
    node: {
      host: hostname(),
      pid: process.pid,
      version,
      isApi: substitutes.isApi ?? true,
      eventLoopLag: eventLoopLag(),
    },
    ...(webhooks !== null && {
      outbox: webhooks.outbox,
      tell: webhooks.tell,
      builtInTasks: webhooks.tasks,
    }),
    ...given(options, engineOptionNames),
    ...substitutes.engine,
  });
  const plainApp = createApp({
    engine,
    logger,
    version,
    metrics: {
      contentType: metrics.contentType,
      text: () => metrics.text({ engine, webhooks }),
      isOpen: metricsOpenOption(options.metricsOpen),
    },
    ...(webhooks !== null && { webhooks }),
    ...(options.dashboard !== false && { dashboard: dashboardFiles() }),
    ...substitutes.app,
    ...given(options, appOptionNames),
  });
  const { logRequests: wanted = 'none' } = options;
  const app =
    wanted === 'none' ? plainApp : logRequests(plainApp, { logger, reads: wanted === 'all' });
  return { engine, webhooks, app };
}

function metricsOpenOption(given: unknown): boolean {
  if (given === undefined || typeof given === 'boolean') return given ?? false;
  throw expected('metricsOpen', 'true or false', given);
}

/**
 * The host name that endpoints know us by. createApp() reports a `publicUrl` that cannot be parsed.
 */
function nameOf(publicUrl: string | undefined): { readonly origin?: string } {
  const url = publicUrl === undefined ? null : URL.parse(publicUrl);
  return url === null ? {} : { origin: url.hostname };
}

type StarterParts = {
  readonly engine: Engine;
  readonly webhooks: Webhooks | null;
  readonly store: Store;
  readonly logger: Logger;
};

/**
 * Runs one start at a time. A start that failed may be repeated, by a call or by the next request.
 */
function starter(p: StarterParts) {
  const { engine, webhooks, store, logger } = p;
  let starting: Promise<void> | null = null;
  let stopped = false;
  const startAll = async (): Promise<void> => {
    // First, since the recovery makes operations final, and their deliveries must be there when the
    // webhooks start.
    await engine.start();
    if (stopped) return;
    if (webhooks === null) await warnOfUnsent(store, logger);
    else await webhooks.start();
  };
  const start = (): Promise<void> => {
    if (starting !== null) return starting;
    const started = startAll();
    starting = started;
    started.catch(() => (starting = null));
    return started;
  };
  return {
    start,
    startSoon: (): void => {
      if (starting !== null || stopped) return;
      start().catch((error: unknown) => logger.error({ err: error }, 'Raincheck could not start'));
    },
    /** A late request must not wake what was stopped. For a late start() the engine rejects. */
    forbidStart: (): void => {
      stopped = true;
      starting = null;
    },
  };
}

/** Warns of deliveries left by an earlier process that did send webhooks. */
async function warnOfUnsent(store: Store, logger: Logger): Promise<void> {
  const waiting = await store.countDeliveries({ filter: { states: ['pending', 'sending'] } });
  if (waiting === 0) return;
  logger.warn({ waiting }, 'Webhooks wait to be sent, and this process sends none.');
}

function checkOptions(options: RaincheckOptions): void {
  if (isIsolateThread()) {
    throw new RaincheckError(
      'invalid_option',
      'raincheck() was called in the worker thread of an isolated task. Keep tasks with `isolate` in a module that only defines tasks.',
    );
  }
  if (typeof options !== 'object' || options === null) {
    throw expected('options of raincheck()', 'an object', options);
  }
  refuseUnknownKeys('raincheck()', options, raincheckOptionNames);
  if (!Array.isArray(options.tasks)) throw expected('tasks', 'an array of tasks', options.tasks);
}

function openedStore(store: unknown): Store {
  if (store === undefined) return openStore(`sqlite:${dataFolder}/raincheck.db`);
  if (typeof store === 'string') return openStore(store);
  if (typeof store === 'object' && store !== null && 'claimOperations' in store) {
    return store as Store;
  }
  throw expected('store', '`sqlite:path`, a path, `postgres://…`, `memory:` or a store', store);
}

/** Only the members that were given; an option set to undefined counts as left out. */
function given<Options extends object, Name extends keyof Options>(
  options: Options,
  names: readonly Name[],
): { [Key in Name]?: NonNullable<Options[Key]> } {
  const entries = names.map((name) => [name, options[name]] as const);
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined)) as {
    [Key in Name]?: NonNullable<Options[Key]>;
  };
}
