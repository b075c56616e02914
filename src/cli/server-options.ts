import { InvalidArgumentError, Option, type Command } from 'commander';
import { integerArgument, readToken, type GlobalOptions, type Shell } from './context.ts';

type ServerFlags = GlobalOptions & {
  readonly config?: string;
  readonly host?: string;
  readonly port?: number;
  readonly store?: string;
  readonly ephemeral?: boolean;
  readonly concurrency?: number;
  readonly logFormat?: 'pretty' | 'json';
};

/** What `dev` and `serve` share. What is not given is left to the environment and the config file. */
export function withServerOptions(command: Command): Command {
  return command
    .option('-c, --config <file>', 'default: raincheck.config.ts (or .js, .mjs) here')
    .option('--host <address>', 'address to listen on (RAINCHECK_HOST)')
    .option('-p, --port <n>', 'port to listen on (RAINCHECK_PORT)', portArgument)
    .option('--store <store>', 'sqlite:path or memory: (RAINCHECK_STORE)')
    .option(
      '--concurrency <n>',
      'attempts that run at once (RAINCHECK_CONCURRENCY)',
      integerArgument,
    )
    .addOption(new Option('--log-format <format>').choices(['pretty', 'json']));
}

/** Runs the server until it is stopped. server/ is loaded here and not before: no other command needs it. */
export function serving(shell: Shell, mode: 'dev' | 'serve') {
  return async (...args: unknown[]): Promise<void> => {
    const command = args.at(-1) as Command;
    const flags = command.optsWithGlobals<ServerFlags>();
    const { config, host, port, store, ephemeral, concurrency, logFormat } = flags;
    // RAINCHECK_TOKEN is read by the server itself, with its other settings.
    const token = flags.tokenFile === undefined ? undefined : readToken(flags);
    const { runServer } = await import('../server/main.ts');
    const given = { config, host, port, store, ephemeral, concurrency, logFormat, token };
    shell.exitCode = await runServer({ mode, ...withoutUndefined(given) });
  };
}

type Defined<T> = { [key in keyof T]?: Exclude<T[key], undefined> };

/** Members that are not given must be absent, so that they do not hide the environment. */
export function withoutUndefined<T extends object>(members: T): Defined<T> {
  const given = Object.entries(members).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given) as Defined<T>;
}

function portArgument(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (port <= 65_535) return port;
  throw new InvalidArgumentError('Expected a port from 0 to 65535.');
}
