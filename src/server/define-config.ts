import type { Task } from '../engine/task.ts';
import type { LogFormat, LogLevel } from './logger.ts';
import type { RaincheckOptions } from './raincheck-options.ts';
import type { Role } from './setting-table.ts';

/** Options of raincheck() that a config file may not set, because the command line sets them. */
export const programOptionNames = ['clock', 'logger', 'logRequests', 'work'] as const;

/**
 * The default export of a raincheck.config.ts. Flags and environment variables override its
 * settings.
 */
export type ServerConfig<Tasks extends readonly Task[] = readonly Task[]> = Omit<
  RaincheckOptions<Tasks>,
  (typeof programOptionNames)[number] | 'store'
> & {
  /**
   * Where operations live: `sqlite:path`, a plain path, `postgres://…` or `memory:`. The default is
   * in docs/config.md.
   */
  store?: string;
  /**
   * Address to listen on. Default 127.0.0.1. Any address that is not a loopback one needs a token.
   */
  host?: string;
  /** Port to listen on; 0 takes any free one. Default 7333. */
  port?: number;
  /** Port that answers only /livez, /readyz and /metrics. Default: none. */
  healthPort?: number;
  /**
   * `api`: this process runs no attempts and sends no webhooks, `raincheck worker` does both.
   * Default `all`.
   */
  role?: Role;
  /** The lowest level that is logged: debug, info, warn, error or silent. Default info. */
  logLevel?: LogLevel;
  /** Format of log lines: pretty or json. Default pretty for `dev`, json for `serve`. */
  logFormat?: LogFormat;
};

/**
 * Returns its argument. It gives editors the members of a config, and clients the types of its
 * tasks.
 */
export function defineConfig<const Tasks extends readonly Task[]>(
  config: ServerConfig<Tasks>,
): ServerConfig<Tasks> {
  return config;
}
