import { InvalidArgumentError, type Command } from 'commander';
import { integerArgument, readToken, type GlobalOptions, type Shell } from './context.ts';

type ServerFlags = GlobalOptions & {
  readonly config?: string;
  readonly host?: string;
  readonly port?: number;
  readonly healthPort?: number;
  readonly role?: string;
  readonly store?: string;
  readonly ephemeral?: boolean;
  readonly reload?: boolean;
  readonly concurrency?: number;
  readonly basePath?: string;
  readonly publicUrl?: string;
  readonly drain?: string;
  readonly logLevel?: string;
  readonly logFormat?: string;
};

/** Adds the options of `dev` and `serve`. Environment and config file decide what is not given. */
export function withServerOptions(command: Command): Command {
  return withWorkerOptions(command)
    .option('-p, --port <n>', 'port to listen on (RAINCHECK_PORT, PORT)', portArgument)
    .option('--role <role>', 'all, or api: runs no attempts (RAINCHECK_ROLE)')
    .option('--base-path <path>', 'prefix of every address, like /ops (RAINCHECK_BASE_PATH)')
    .option('--public-url <address>', 'how clients reach the server (RAINCHECK_PUBLIC_URL)');
}

/** Adds the options that `worker` has as well. */
export function withWorkerOptions(command: Command): Command {
  return command
    .option('-c, --config <file>', 'default: raincheck.config.ts (or .mts, .js, .mjs) here')
    .option('--store <store>', 'sqlite:path, postgres://… or memory: (RAINCHECK_STORE)')
    .option(
      '--concurrency <n>',
      'attempts that run at once (RAINCHECK_CONCURRENCY)',
      integerArgument,
    )
    .option('--host <address>', 'address to listen on (RAINCHECK_HOST, HOST)')
    .option(
      '--health-port <n>',
      'port for /livez, /readyz and /metrics only (RAINCHECK_HEALTH_PORT)',
      portArgument,
    )
    .option('--drain <time>', 'how long a stop waits for running attempts (RAINCHECK_DRAIN)')
    .option('--log-level <level>', 'least severe lines to log (RAINCHECK_LOG_LEVEL)')
    .option('--log-format <format>', 'pretty or json (RAINCHECK_LOG_FORMAT)')
    .addHelpText('after', accessVariables)
    .addHelpText('after', pollVariable)
    .addHelpText('after', webhookVariables);
}

const accessVariables = `
Who may do what, by environment or config file (docs/config.md):
  RAINCHECK_TOKEN                bearer token with all scopes
  RAINCHECK_TOKENS               tokens with scopes, as JSON: [{"name":…,"token":…,"scopes":[…]}]
  RAINCHECK_ALLOWED_ORIGINS      origins whose pages may act without a token`;

const pollVariable = `
Polling, by environment or config file (docs/estimates.md):
  RAINCHECK_POLLS_PER_SECOND     polls a second that clients are asked to make
  RAINCHECK_METRICS_OPEN         true: GET /metrics without the token`;

/** These have no flags: a secret must not stand there, and what is allowed is the same from start to start. */
const webhookVariables = `
Webhooks, by environment or config file (docs/config.md):
  RAINCHECK_WEBHOOK_SECRET       signs what goes to addresses that requests name
  RAINCHECK_WEBHOOK_HTTP         true: also over plain http
  RAINCHECK_WEBHOOK_CIDRS        addresses allowed although they are not public
  RAINCHECK_WEBHOOK_HOSTS        names allowed whatever their address is
  RAINCHECK_WEBHOOK_CONCURRENCY  attempts at once
  RAINCHECK_WEBHOOK_TIMEOUT      how long one attempt may take in all`;

/** Runs the server until it is stopped. server/ is loaded here and not before: no other command needs it. */
export function serving(shell: Shell, mode: 'dev' | 'serve' | 'worker') {
  return async (...args: unknown[]): Promise<void> => {
    const command = args.at(-1) as Command;
    const flags = command.optsWithGlobals<ServerFlags>();
    const { config, host, port, store, ephemeral, concurrency } = flags;
    const { basePath, publicUrl, drain, logLevel, logFormat, healthPort, role } = flags;
    // RAINCHECK_TOKEN is read by the server itself, with its other settings.
    const token = flags.tokenFile === undefined ? undefined : readToken(flags);
    const running = { config, host, port, store, ephemeral, concurrency, token, drain };
    const given = { ...running, basePath, publicUrl, logLevel, logFormat, healthPort, role };
    const params = { mode, ...withoutUndefined(given) };
    const found = mode === 'dev' && flags.reload !== false ? await foundConfig(config) : null;
    if (found !== null) {
      const { runReloading } = await import('../server/dev-reload.ts');
      // It is named from now on: while an editor replaces the file, the example's tasks must not be served.
      shell.exitCode = await runReloading({ ...params, config: found });
      return;
    }
    const { runServer } = await import('../server/main.ts');
    shell.exitCode = await runServer(params);
  };
}

/** The config to reload, or null: the example's tasks do not change, and the server reports a wrong name. */
async function foundConfig(given: string | undefined): Promise<string | null> {
  const { findConfig } = await import('../server/load-config.ts');
  try {
    return findConfig({ given, folder: process.cwd() });
  } catch {
    return null;
  }
}

type Defined<T> = { [key in keyof T]?: Exclude<T[key], undefined> };

/** Drops members that are not given, so that they do not hide the environment. */
export function withoutUndefined<T extends object>(members: T): Defined<T> {
  const given = Object.entries(members).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given) as Defined<T>;
}

/** Parses an option: a TCP port, 0 for any. */
export function portArgument(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (port <= 65_535) return port;
  throw new InvalidArgumentError('Expected a port from 0 to 65535.');
}
