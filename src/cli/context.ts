import { InvalidArgumentError, type Command } from 'commander';
import { clientOver, type Client } from '../client/client.ts';
import type { OperationHandle } from '../client/operation.ts';
import { NetworkError } from '../client/problem.ts';
import { Transport, type RetryNotice } from '../client/transport.ts';
import { isOperationId } from '../core/id.ts';
import { formatDuration, parseDuration } from '../core/duration.ts';
import { commandName } from '../server/command-name.ts';
import { UsageError } from './exit-codes.ts';
import { fileText } from './file-argument.ts';
import { openOutput, type Output } from './output.ts';
import { safeLine, shellWord } from './terminal-text.ts';

/** The options that every command takes. */
export type GlobalOptions = {
  readonly url?: string;
  readonly tokenFile?: string;
  readonly json?: boolean;
  readonly quiet?: boolean;
};

/** The process ends with this exit code; a command's action sets it. */
export type Shell = { exitCode: number };

export type Context = {
  readonly output: Output;
  readonly client: Client;
  readonly transport: Transport;
  /** `tell` hears of retries; follow() replaces it while its line is on the screen. */
  readonly retries: { tell: (notice: RetryNotice) => void };
  /** The beginning of a command that is suggested: commandName(). */
  readonly command: string;
  /** Flags that it needs to reach the same server: '', ' --url …', ' --token-file …' or both. */
  readonly flags: string;
};

export const urlDefault = 'http://127.0.0.1:7333';
/** How long a person waits: enough for a restart, short enough to believe the message that follows. */
const patienceMs = 15_000;

export function openContext(options: GlobalOptions): Context {
  const output = openOutput(options);
  const retries = {
    tell: (notice: RetryNotice): void => output.note(retryText(notice)),
  };
  const baseUrl = serverUrl(options);
  refuseBadUrl(baseUrl, options);
  const transport = new Transport({
    baseUrl,
    token: readToken(options),
    fetch: failingFastUntilHeard(),
    patience: patienceMs,
    onRetry: (notice) => retries.tell(notice),
  });
  const flags = flagsFor(options);
  const client = clientOver(transport);
  return {
    output,
    transport,
    client,
    retries,
    get command() {
      return commandName();
    },
    flags,
  };
}

function flagsFor({ url, tokenFile }: GlobalOptions): string {
  const given = { '--url': url, '--token-file': tokenFile };
  return Object.entries(given)
    .map(([flag, value]) => (value === undefined ? '' : ` ${flag} ${shellWord(value)}`))
    .join('');
}

function refuseBadUrl(text: string, { url }: GlobalOptions): void {
  const parsed = URL.parse(text);
  const isHttp = parsed?.protocol === 'http:' || parsed?.protocol === 'https:';
  if (isHttp && parsed.username === '' && parsed.password === '') return;
  const name = url === undefined ? 'RAINCHECK_URL' : '--url';
  throw new UsageError(
    `Expected ${name} to be an http or https address without a password, like ${urlDefault}.`,
  );
}

/** The operation that an argument names: an id, or any of its addresses. */
export function operationNamed({ client }: Context, text = ''): OperationHandle {
  if (!text.includes('/') && !isOperationId(text)) {
    throw new UsageError(
      `'${text}' is not an operation id (op_ and 26 letters and digits) nor the address of an operation.`,
    );
  }
  return client.operation(text);
}

export function retryText({ error, delayMs }: RetryNotice): string {
  const reason = safeLine(error.message).replace(/\.$/, '');
  return `${reason}. Trying again in ${formatDuration(delayMs)}.`;
}

export function serverUrl(options: GlobalOptions): string {
  const url = options.url ?? process.env['RAINCHECK_URL'];
  return url === undefined || url === '' ? urlDefault : url;
}

/** Reads --token-file, else RAINCHECK_TOKEN; never the command line, which every process can read. */
export function readToken(options: GlobalOptions): string | undefined {
  const { tokenFile } = options;
  const text =
    tokenFile === undefined ? process.env['RAINCHECK_TOKEN'] : fileText(tokenFile, '--token-file');
  const token = text?.trim() ?? '';
  if (token === '') {
    if (tokenFile !== undefined) throw new UsageError(`--token-file ${tokenFile} is empty.`);
    return undefined;
  }
  if (/^[\u0021-\u007e]+$/.test(token)) return token;
  throw new UsageError('The token has characters that cannot stand in a header.');
}

/**
 * A server that never answered is most likely not there, and the person should hear so at once; one that
 * has answered is most likely restarting, and the retries see it through.
 */
function failingFastUntilHeard(): typeof fetch {
  let heard = false;
  return async (input, init) => {
    try {
      const response = await fetch(input, init);
      heard = true;
      return response;
    } catch (error) {
      if (heard || !(error instanceof TypeError)) throw error;
      throw new Unreachable(error);
    }
  };
}

/** No server answered. Not a TypeError on purpose: the transport tries those again. */
export class Unreachable extends Error {
  constructor(cause: TypeError) {
    const { message } = new NetworkError('', cause);
    super(message.slice(message.indexOf(': ') + 2), { cause });
  }
}

/** Runs a command's action: its code becomes the exit code. */
export function acting(
  shell: Shell,
  act: (context: Context, command: Command) => Promise<number>,
): (...args: unknown[]) => Promise<void> {
  return async (...args) => {
    const command = args.at(-1) as Command;
    shell.exitCode = await act(openContext(command.optsWithGlobals<GlobalOptions>()), command);
  };
}

/** Parses an option: a duration as '30s', '10m'; milliseconds as a bare number. */
export function durationArgument(text: string): number {
  const ms = parseDuration(/^\d+$/.test(text) ? Number(text) : text);
  if (ms !== null) return ms;
  throw new InvalidArgumentError('Expected a duration like 500ms, 30s, 10m, 1h or 7d.');
}

export function integerArgument(text: string): number {
  if (/^-?\d{1,9}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('Expected a whole number.');
}

/** Collects the values of an option that may be given several times. */
export function collected(text: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), text];
}
