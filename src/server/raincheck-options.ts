import type { Clock } from '../core/clock.ts';
import type { Duration } from '../core/duration.ts';
import type { EngineOptions } from '../engine/engine.ts';
import type { Logger } from '../engine/logger.ts';
import type { Task } from '../engine/task.ts';
import type { AccessToken } from '../http/access.ts';
import type { AppOptions } from '../http/app.ts';
import type { Store } from '../store/store.ts';
import type { WebhookSettings } from '../webhooks/webhook-settings.ts';

/** What raincheck() takes. Everything but `tasks` is optional. */
export type RaincheckOptions<Tasks extends readonly Task[] = readonly Task[]> = {
  /** Made by defineTask; names and paths must differ. */
  tasks: Tasks;
  /**
   * Where operations live: `sqlite:path`, a plain path, `postgres://…` (many processes, see docs/postgres.md) or
   * `memory:` (forgets everything at the end), or a store opened elsewhere, which stop() then leaves open. Default `sqlite:.raincheck/raincheck.db`.
   */
  store?: string | Store;
  /** Bearer token with all scopes, 8 characters or more. With this or `tokens`, requests must bring one. Default: none. */
  token?: string;
  /** Bearer tokens with scopes of their own. Default: none. */
  tokens?: readonly AccessToken[];
  /** Origins like 'https://app.example.com' whose pages may submit and steer without a token, where CORS lets them. Default: only our own. */
  allowedOrigins?: readonly string[];
  /** GET /metrics is answered without the token too. Default false. */
  metricsOpen?: boolean;
  /** Prefix of every address, like '/ops', when mounted below one. Default: the path of `publicUrl`, else ''. */
  basePath?: string;
  /** How clients reach this server, like 'https://api.example.com/ops'. Default: unknown. */
  publicUrl?: string;
  /** Largest request body in bytes. Default 1 MiB. */
  bodyBytesMax?: number;
  /** Attempts that run at once in this process. Default 64. */
  concurrency?: number;
  /** Attempts of tasks with `isolate` that run at once, each in a worker thread. Default: the number of cores, at most `concurrency`. */
  threads?: number;
  /** Pending operations over all tasks at which submits are refused with 503. Default 1,000,000. */
  pendingMax?: number;
  /**
   * false: this process accepts and answers, and other processes on the same store do the work; no request starts
   * it here, only start() would. Default true.
   */
  work?: boolean;
  /**
   * Polls a second that clients are asked to make of all nodes on the store together: Retry-After spreads those that
   * are due at once. Default 1,000.
   */
  pollsPerSecond?: number;
  /** How long a worker's hold lasts without a heartbeat. Default 15 s. */
  lease?: Duration;
  /** How long an aborted handler may take to return. Default 5 s. */
  grace?: Duration;
  /** How long stop() waits for running attempts before it hands them back. Default 25 s. */
  drain?: Duration;
  /** How webhooks are sent; false: they are not, and a submit that asks for one is refused. Default: to public addresses over https. */
  webhooks?: WebhookSettings | false;
  /** Whether the dashboard is served, at /dashboard. Default true. */
  dashboard?: boolean;
  /** Gets the log lines: a pino logger, or anything shaped like one. Default: warnings and errors to stderr. */
  logger?: Logger;
  /** Log a line for every request, or for those that change or fail. Default 'none': the app around usually does. */
  logRequests?: 'all' | 'changes' | 'none';
  /** Where every instant comes from. Default: the machine's clock. For tests: ManualClock of `raincheck/testing`. */
  clock?: Clock;
};

/** Options that are the engine's: handed on as they are. */
export const engineOptionNames = [
  'concurrency',
  'threads',
  'pendingMax',
  'pollsPerSecond',
  'lease',
  'grace',
] as const satisfies readonly (keyof EngineOptions & keyof RaincheckOptions)[];

/** Options that are the HTTP API's: handed on as they are. */
export const appOptionNames = [
  'token',
  'tokens',
  'allowedOrigins',
  'basePath',
  'publicUrl',
  'bodyBytesMax',
] as const satisfies readonly (keyof AppOptions & keyof RaincheckOptions)[];

type HandedOn = (typeof engineOptionNames)[number] | (typeof appOptionNames)[number];

/** Every option has to stand here, or this is no record of them all. */
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
