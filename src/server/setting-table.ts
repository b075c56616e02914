import path from 'node:path';
import { limits } from '../core/limits.ts';
import { checkedTokens, type AccessToken } from '../http/access.ts';
import { checkedOrigins } from '../http/app.ts';
import { dataFolder } from './data-folder.ts';
import { logFormats, logLevels, type LogFormat, type LogLevel } from './logger.ts';
import {
  duration,
  fitting,
  integer,
  list,
  oneOf,
  parsed,
  text,
  trueOrFalse,
} from './setting-values.ts';

/**
 * Every setting of `raincheck dev`, `serve` and `worker`, in one table from which the environment
 * is read and docs/config.md is printed. A flag overrides a variable, a variable overrides the
 * config file, the file overrides the default.
 */
export type Mode = 'dev' | 'serve' | 'worker';

const roles = ['all', 'api'] as const;
/** What a server does: `all`, or `api`, which accepts and answers only. */
export type Role = (typeof roles)[number];

export type Settings = {
  readonly store: string;
  readonly token: string | undefined;
  readonly tokens: readonly AccessToken[];
  readonly allowedOrigins: readonly string[];
  readonly metricsOpen: boolean;
  readonly host: string;
  readonly port: number;
  readonly healthPort: number | undefined;
  readonly role: Role;
  readonly basePath: string | undefined;
  readonly publicUrl: string | undefined;
  readonly concurrency: number;
  readonly pollsPerSecond: number;
  /** In ms. */
  readonly drain: number;
  readonly logLevel: LogLevel;
  readonly logFormat: LogFormat;
  readonly 'webhooks.secret': readonly string[] | undefined;
  readonly 'webhooks.httpAllowed': boolean;
  readonly 'webhooks.allowedCidrs': readonly string[];
  readonly 'webhooks.allowedHosts': readonly string[];
  readonly 'webhooks.concurrency': number;
  /** In ms. */
  readonly 'webhooks.attemptTimeout': number;
};

/** Name of a setting, which is also its dotted path in the config file. */
export type SettingName = keyof Settings;

export type Setting<Value> = {
  /** Environment variables; the first that is set counts. */
  readonly env: readonly string[];
  /**
   * The flag, or null for none: secrets have no flag, so that they do not show up in process lists.
   */
  readonly flag: string | null;
  readonly meaning: string;
  readonly expected: string;
  /**
   * Reads a value: a text from the environment, anything from a config file. null: the value does
   * not fit. Throws `invalid_option` where it can say why.
   */
  readonly read: (value: unknown) => Value | null;
  readonly fallback: Value | ((mode: Mode, env: NodeJS.ProcessEnv) => Value);
  /** The default in words, where the value alone does not say it. */
  readonly fallbackText?: string;
  readonly secret?: boolean;
  /** The value is in ms and is shown as a duration like '25s'. */
  readonly isDuration?: boolean;
};

export const settingTable: { readonly [Key in SettingName]: Setting<Settings[Key]> } = {
  store: {
    env: ['RAINCHECK_STORE'],
    flag: '--store',
    meaning: 'Where operations live.',
    expected: '`sqlite:path`, a path, `postgres://…` or `memory:`',
    read: text,
    fallback: (mode, env) => (mode === 'dev' ? null : databaseUrl(env)) ?? fileOf(mode),
    fallbackText:
      '.raincheck/dev.db for `dev`; else `DATABASE_URL` when it is a PostgreSQL, or .raincheck/raincheck.db',
  },
  token: {
    env: ['RAINCHECK_TOKEN'],
    flag: null,
    meaning: 'Bearer token with all scopes. With this or `tokens`, requests must bring one.',
    expected: '8 to 500 printable ASCII characters without spaces',
    read: (value) => (typeof value === 'string' && /^[!-~]{8,500}$/.test(value) ? value : null),
    fallback: undefined,
    fallbackText: 'none: only this machine can connect',
    secret: true,
  },
  tokens: {
    env: ['RAINCHECK_TOKENS'],
    flag: null,
    meaning:
      'Bearer tokens with scopes of their own: a list of `{ name, token, scopes }`, or `sha256` in place of `token`. The variable holds it as JSON.',
    expected: "a list like [{ name: 'ci', sha256: '…', scopes: ['submit', 'read'] }]",
    read: (value) => checkedTokens(typeof value === 'string' ? parsed(value) : value),
    fallback: [],
    fallbackText: 'none',
    secret: true,
  },
  allowedOrigins: {
    env: ['RAINCHECK_ALLOWED_ORIGINS'],
    flag: null,
    meaning:
      'Origins, beside our own, whose pages may submit and change operations without a token. The program or proxy around us must allow them by CORS.',
    expected: "origins like 'https://app.example.com', with commas between",
    read: (value) => {
      const origins = list(value);
      return origins === null ? null : checkedOrigins(origins);
    },
    fallback: [],
    fallbackText: 'none',
  },
  metricsOpen: {
    env: ['RAINCHECK_METRICS_OPEN'],
    flag: null,
    meaning: 'Whether GET /metrics is answered without the token.',
    expected: 'true or false',
    read: trueOrFalse,
    fallback: false,
  },
  host: {
    env: ['RAINCHECK_HOST', 'HOST'],
    flag: '--host',
    meaning: 'Address to listen on. Any address that is not a loopback one needs a token.',
    expected: 'an address like 127.0.0.1 or 0.0.0.0',
    read: (value) => (typeof value === 'string' && /^[\w.:%-]+$/.test(value) ? value : null),
    fallback: '127.0.0.1',
  },
  port: {
    env: ['RAINCHECK_PORT', 'PORT'],
    flag: '--port',
    meaning: 'Port to listen on; 0 takes any free one.',
    expected: 'a port from 0 to 65535',
    read: integer(0, 65_535),
    fallback: 7333,
  },
  healthPort: {
    env: ['RAINCHECK_HEALTH_PORT'],
    flag: '--health-port',
    meaning:
      'Port that answers /livez, /readyz and /metrics and nothing else, beside the API or without one.',
    expected: 'a port from 0 to 65535',
    read: integer(0, 65_535),
    fallback: undefined,
    fallbackText: 'none',
  },
  role: {
    env: ['RAINCHECK_ROLE'],
    flag: '--role',
    meaning:
      '`api`: accepts and answers only; `raincheck worker` on the same PostgreSQL runs the attempts and sends the webhooks.',
    expected: `one of ${roles.join(', ')}`,
    read: oneOf(roles),
    fallback: 'all',
  },
  basePath: {
    env: ['RAINCHECK_BASE_PATH'],
    flag: '--base-path',
    meaning: 'Prefix of every address, when mounted below one.',
    expected: "a path like '/ops'",
    read: (value) =>
      typeof value === 'string' && /^(?:\/[\w.~-]+)*\/?$/.test(value) ? value : null,
    fallback: undefined,
    fallbackText: 'the path of the public address',
  },
  publicUrl: {
    env: ['RAINCHECK_PUBLIC_URL'],
    flag: '--public-url',
    meaning: 'How clients reach this server.',
    expected: "an address like 'https://api.example.com/ops'",
    read: (value) =>
      typeof value === 'string' && URL.canParse(value) && /^https?:/.test(value) ? value : null,
    fallback: undefined,
    fallbackText: 'unknown: addresses in answers are root-relative either way',
  },
  concurrency: {
    env: ['RAINCHECK_CONCURRENCY'],
    flag: '--concurrency',
    meaning: 'Attempts that run at once in this process.',
    expected: `a whole number from 1 to ${limits.concurrencyMax}`,
    read: integer(1, limits.concurrencyMax),
    fallback: limits.concurrencyDefault,
  },
  pollsPerSecond: {
    env: ['RAINCHECK_POLLS_PER_SECOND'],
    flag: null,
    meaning:
      'How many polls a second all clients together should make to all nodes on the store. Retry-After spreads polls that are due at the same time.',
    expected: `a whole number from 1 to ${limits.pollsPerSecondMax}`,
    read: integer(1, limits.pollsPerSecondMax),
    fallback: limits.pollsPerSecondDefault,
  },
  drain: {
    env: ['RAINCHECK_DRAIN'],
    flag: '--drain',
    meaning: 'How long a stop waits for running attempts before it hands them back.',
    expected: "a duration like '25s', at most an hour",
    read: duration(3_600_000),
    fallback: 25_000,
    fallbackText: '25s',
    isDuration: true,
  },
  logLevel: {
    env: ['RAINCHECK_LOG_LEVEL'],
    flag: '--log-level',
    meaning: 'The lowest level that is logged.',
    expected: `one of ${logLevels.join(', ')}`,
    read: oneOf(logLevels),
    fallback: 'info',
  },
  logFormat: {
    env: ['RAINCHECK_LOG_FORMAT'],
    flag: '--log-format',
    meaning: 'Lines for a person, or JSON lines for a machine.',
    expected: `one of ${logFormats.join(', ')}`,
    read: oneOf(logFormats),
    fallback: (mode) => (mode === 'dev' ? 'pretty' : 'json'),
    fallbackText: 'pretty for `dev`, json for `serve`',
  },
  'webhooks.secret': {
    env: ['RAINCHECK_WEBHOOK_SECRET'],
    flag: null,
    meaning:
      'Signs webhooks to addresses that requests name. If there are several, all of them sign, the newest first.',
    expected: '`whsec_` and base64 of 24 to 64 bytes, or several with commas between',
    read: fitting('secret', list),
    fallback: undefined,
    fallbackText: 'one is made and kept in the store',
    secret: true,
  },
  'webhooks.httpAllowed': {
    env: ['RAINCHECK_WEBHOOK_HTTP'],
    flag: null,
    meaning: 'Whether webhooks may go over plain http.',
    expected: 'true or false',
    read: trueOrFalse,
    fallback: (mode) => mode === 'dev',
    fallbackText: 'true for `dev`, false for `serve`',
  },
  'webhooks.allowedCidrs': {
    env: ['RAINCHECK_WEBHOOK_CIDRS'],
    flag: null,
    meaning: 'Addresses that webhooks may go to although they are not public.',
    expected: "ranges like '10.20.0.0/16', with commas between",
    read: fitting('allowedCidrs', list),
    fallback: [],
    fallbackText: 'none; `dev` always allows those of this machine',
  },
  'webhooks.allowedHosts': {
    env: ['RAINCHECK_WEBHOOK_HOSTS'],
    flag: null,
    meaning: 'Names that webhooks may go to, whatever addresses they resolve to.',
    expected: "names like 'hooks.corp.example' or '*.corp.example', with commas between",
    read: fitting('allowedHosts', list),
    fallback: [],
    fallbackText: 'none',
  },
  'webhooks.concurrency': {
    env: ['RAINCHECK_WEBHOOK_CONCURRENCY'],
    flag: null,
    meaning: 'Webhook attempts at once in this process.',
    expected: `a whole number from 1 to ${limits.concurrencyMax}`,
    read: integer(1, limits.concurrencyMax),
    fallback: limits.deliveriesInFlightDefault,
  },
  'webhooks.attemptTimeout': {
    env: ['RAINCHECK_WEBHOOK_TIMEOUT'],
    flag: null,
    meaning: 'How long one webhook attempt may take in all.',
    expected: "a duration like '15s', from 10 ms to 10 minutes",
    read: fitting('attemptTimeout', duration(600_000)),
    fallback: limits.deliveryAttemptMsDefault,
    fallbackText: '15s',
    isDuration: true,
  },
};

/** The members of a config file that hold settings. */
export const settingMembers: readonly string[] = [
  ...new Set(Object.keys(settingTable).map((name) => name.split('.')[0] ?? name)),
];

/** The table of docs/config.md. */
export function settingsDocs(): string {
  const rows = Object.entries(settingTable).map(([name, setting]) => {
    const variables = setting.env.map((variable) => `\`${variable}\``).join(', ');
    const flag = setting.flag === null ? '' : `\`${setting.flag}\``;
    const { fallback: value } = setting;
    const fallback = setting.fallbackText ?? (typeof value === 'object' ? 'none' : String(value));
    return `| \`${name}\` | ${variables} | ${flag} | ${setting.meaning} | ${fallback} |`;
  });
  return [
    '| in the config file | variable | flag | meaning | default |',
    '|---|---|---|---|---|',
    ...rows,
    '',
  ].join('\n');
}

function fileOf(mode: Mode): string {
  return `sqlite:${path.join(dataFolder, mode === 'dev' ? 'dev.db' : 'raincheck.db')}`;
}

/**
 * `DATABASE_URL`, where hosting platforms put the address of an app's database; null when it names
 * another kind of database than PostgreSQL.
 */
function databaseUrl({ DATABASE_URL: url }: NodeJS.ProcessEnv): string | null {
  return url !== undefined && /^postgres(ql)?:/i.test(url) ? url : null;
}
