import type { Task } from '../engine/task.ts';
import type { LogFormat, LogLevel } from './logger.ts';
import type { RaincheckOptions } from './raincheck-options.ts';
import type { Role } from './setting-table.ts';

/** Options of raincheck() that are none of a config's: the command line sees to them. */
export const programOptionNames = ['clock', 'logger', 'logRequests', 'work'] as const;

/** What a raincheck.config.ts exports as its default. Flags and environment variables go before its settings. */
export type ServerConfig<Tasks extends readonly Task[] = readonly Task[]> = Omit<
  RaincheckOptions<Tasks>,
  (typeof programOptionNames)[number] | 'store'
> & {
  /** `sqlite:path`, a plain path, `postgres://…` or `memory:`. Default: docs/config.md. */
  store?: string;
  /** Address to listen on. Default 127.0.0.1. Any address but a loopback one needs a token. */
  host?: string;
  /** Default 7333. */
  port?: number;
  /** Answers /livez, /readyz and /metrics and nothing else. Default: none. */
  healthPort?: number;
  /** `api`: runs no attempts and sends no webhooks; `raincheck worker` does. Default `all`. */
  role?: Role;
  /** debug, info, warn, error or silent. Default info. */
  logLevel?: LogLevel;
  /** pretty or json. Default pretty for `dev`, json for `serve`. */
  logFormat?: LogFormat;
};

/** Returns its argument: it is there so that an editor knows the members, and a client the tasks' types. */
export function defineConfig<const Tasks extends readonly Task[]>(
  config: ServerConfig<Tasks>,
): ServerConfig<Tasks> {
  return config;
}
