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
 * Raincheck in a program, as raincheck() gives it: handlers to mount, and its start and end. A client of its own needs
 * no network: `createClient<typeof rc>({ baseUrl, fetch: (input, init) => rc.fetch(new Request(input, init)) })`.
 */
export type Raincheck<Tasks extends readonly Task[] = readonly Task[]> = {
  readonly tasks: Tasks;
  /** The HTTP API, free of any transport: for adapters of your own. Its first request starts the work as well. */
  readonly app: App;
  /** Web-standard handler: for Hono, Next, Bun, Deno. Never rejects. */
  readonly fetch: (request: Request) => Promise<Response>;
  /** node:http handler: `http.createServer(rc.handle)`, `app.use('/ops', rc.handle)`. */
  readonly handle: (req: IncomingMessage, res: ServerResponse) => void;
  /**
   * Recovers what a former process left and starts to work; the first request does it too. Rejects with
   * `store_unavailable` (call it again: the next request does too) and, after stop(), with `shutting_down`.
   */
  start(): Promise<void>;
  /**
   * Lets running attempts finish within `drain`, hands the others back uncounted, then closes the store if
   * raincheck() opened it. `now`: does not wait; it also cuts a stop() under way short. For good: nothing starts
   * again. Rejects only when the store cannot be closed.
   */
  stop(p?: { readonly now?: boolean }): Promise<void>;
};

/** A Raincheck with the engine that is in it: for the command line and the test kit, which are built around both. */
export type AssembledRaincheck<Tasks extends readonly Task[] = readonly Task[]> =
  Raincheck<Tasks> & { readonly engine: Engine };

/**
 * Raincheck inside your own program: opens the store and puts engine and HTTP API on top of it. Throws
 * `invalid_option`, `store_locked`, `store_incompatible` or `store_unavailable`. Call it once for a store, in a
 * module of its own: an isolated task imports its module in a worker thread, and there this throws.
 */
export function raincheck<const Tasks extends readonly Task[]>(
  options: RaincheckOptions<Tasks>,
): Raincheck<Tasks> {
  const { engine: _, ...rc } = assembledRaincheck(options, {});
  return rc;
}

/** What a test puts in the place of the outside world, and what only `raincheck dev` wants. */
export type Substitutes = {
  readonly webhooks?: Pick<WebhooksOptions, 'sender' | 'lookup' | 'random'>;
  readonly engine?: Pick<EngineOptions, 'poll' | 'workerReplaced'>;
  readonly app?: Pick<AppOptions, 'dev' | 'dashboard'>;
  /** false: nothing of it is served, so that it is no API to others on the store. */
  readonly isApi?: boolean;
};

/** As raincheck(), with parts that are no option. */
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
        // What ended meanwhile has its webhook in the store: whatever is not sent now, the next process sends.
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

/** Engine, webhooks and HTTP API put together: each needs a word of another, but none before the first request. */
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

/** By which endpoints know us; createApp() says what is wrong with one that cannot be read. */
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

/** One start at a time; one that failed may be repeated, by hand or by the next request. */
function starter(p: StarterParts) {
  const { engine, webhooks, store, logger } = p;
  let starting: Promise<void> | null = null;
  let stopped = false;
  const startAll = async (): Promise<void> => {
    // Its recovery makes operations final, whose deliveries are then there to be sent.
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
    /** A late request must not wake what was stopped; a late start() is told so by the engine. */
    forbidStart: (): void => {
      stopped = true;
      starting = null;
    },
  };
}

/** Of a former process that did send. */
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
  if (store === undefined) return openStore('sqlite:.raincheck/raincheck.db');
  if (typeof store === 'string') return openStore(store);
  if (typeof store === 'object' && store !== null && 'claimOperations' in store) {
    return store as Store;
  }
  throw expected('store', '`sqlite:path`, a path, `postgres://…`, `memory:` or a store', store);
}

/** Only the members that were given: an option set to undefined counts as left out. */
function given<Options extends object, Name extends keyof Options>(
  options: Options,
  names: readonly Name[],
): { [Key in Name]?: NonNullable<Options[Key]> } {
  const entries = names.map((name) => [name, options[name]] as const);
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined)) as {
    [Key in Name]?: NonNullable<Options[Key]>;
  };
}
