import type { Clock } from '../core/clock.ts';
import type { Duration } from '../core/duration.ts';
import type { EngineOptions } from '../engine/engine.ts';
import type { Logger } from '../engine/logger.ts';
import type { Task } from '../engine/task.ts';
import type { AccessToken } from '../http/access.ts';
import type { AppOptions } from '../http/app.ts';
import type { Store } from '../store/store.ts';
import type { WebhookSettings } from '../webhooks/webhook-settings.ts';

/** The options of raincheck(). Everything but `tasks` is optional. */
export type RaincheckOptions<Tasks extends readonly Task[] = readonly Task[]> = {
  /** Tasks made by defineTask(). No two may have the same name or path. */
  tasks: Tasks;
  /**
   * Where operations live: `sqlite:path`, a plain path, `postgres://…` (for many processes, see
   * docs/postgres.md) or `memory:` (which forgets everything at the end). It may also be a store
   * that you opened; stop() then leaves it open. Default `sqlite:.raincheck/raincheck.db`.
   */
  store?: string | Store;
  /**
   * Bearer token with all scopes, 8 to 500 characters. When this or `tokens` is set, every request
   * must bring a token. Default: none.
   */
  token?: string;
  /** Bearer tokens that each have their own scopes. Default: none. */
  tokens?: readonly AccessToken[];
  /**
   * Origins, like 'https://app.example.com', whose pages may submit and change operations without a
   * token, provided that CORS lets them. Default: only our own origin.
   */
  allowedOrigins?: readonly string[];
  /** Whether GET /metrics is answered without a token. Default false. */
  metricsOpen?: boolean;
  /**
   * Prefix of every path, like '/ops', when the API is mounted below one. Default: the path of
   * `publicUrl`, else ''.
   */
  basePath?: string;
  /**
   * The address by which clients reach this server, like 'https://api.example.com/ops'. Default:
   * unknown.
   */
  publicUrl?: string;
  /** Largest request body in bytes. Default 1 MiB. */
  bodyBytesMax?: number;
  /** Attempts that may run at once in this process. Default 64. */
  concurrency?: number;
  /**
   * Attempts of tasks with `isolate` that may run at once, each in a worker thread. Default: the
   * number of cores, but at most `concurrency`.
   */
  threads?: number;
  /**
   * Number of pending operations, over all tasks, from which submits are refused with 503. Default
   * 1,000,000.
   */
  pendingMax?: number;
  /**
   * false: this process only accepts and answers, and other processes on the same store run the
   * attempts. Requests then do not start the work here; only start() would. Default true.
   */
  work?: boolean;
  /**
   * How many polls a second all clients together should make to all nodes on the store. Retry-After
   * spreads polls that are due at the same time. Default 1,000.
   */
  pollsPerSecond?: number;
  /** How long a lease lasts without a heartbeat. Default 15 s. */
  lease?: Duration;
  /** How long an aborted handler may take to return. Default 5 s. */
  grace?: Duration;
  /** How long stop() waits for running attempts before it hands them back. Default 25 s. */
  drain?: Duration;
  /**
   * How webhooks are sent. false: none are sent, and a submit that asks for one is refused.
   * Default: to public addresses over https.
   */
  webhooks?: WebhookSettings | false;
  /** Whether the dashboard is served at /dashboard. Default true. */
  dashboard?: boolean;
  /**
   * Receives the log lines: a pino logger, or any object with the same methods. Default: warnings
   * and errors go to stderr.
   */
  logger?: Logger;
  /**
   * Which requests get a log line: all, or those that change something or fail. Default 'none',
   * because the app around usually logs requests.
   */
  logRequests?: 'all' | 'changes' | 'none';
  /**
   * Source of every instant. Default: the machine's clock. Tests use ManualClock of
   * `raincheck/testing`.
   */
  clock?: Clock;
};

/** Options that are passed to the engine as they are. */
export const engineOptionNames = [
  'concurrency',
  'threads',
  'pendingMax',
  'pollsPerSecond',
  'lease',
  'grace',
] as const satisfies readonly (keyof EngineOptions & keyof RaincheckOptions)[];

/** Options that are passed to the HTTP API as they are. */
export const appOptionNames = [
  'token',
  'tokens',
  'allowedOrigins',
  'basePath',
  'publicUrl',
  'bodyBytesMax',
] as const satisfies readonly (keyof AppOptions & keyof RaincheckOptions)[];

type HandedOn = (typeof engineOptionNames)[number] | (typeof appOptionNames)[number];

/** All remaining options. The type makes a missing one a compile error. */
const ownOptions: Readonly<Record<Exclude<keyof RaincheckOptions, HandedOn>, true>> = {
  tasks: true,
  store: true,
  metricsOpen: true,
  work: true,
  drain: true,
  webhooks: true,
  dashboard: true,
  logger: true,
  logRequests: true,
  clock: true,
};

/** The names of all options. */
export const raincheckOptionNames: readonly string[] = [
  ...Object.keys(ownOptions),
  ...appOptionNames,
  ...engineOptionNames,
];
