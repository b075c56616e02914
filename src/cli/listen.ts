import { once } from 'node:events';
import type { Server } from 'node:http';
import { InvalidArgumentError, type Command } from 'commander';
import { importWebhookKey } from '../client/webhook-key.ts';
import { WebhookVerificationError } from '../client/webhook-error.ts';
import { collected, integerArgument, type GlobalOptions, type Shell } from './context.ts';
import { deliveryJson, deliveryText } from './delivery-text.ts';
import { exitCodes, UsageError } from './exit-codes.ts';
import { fileText } from './file-argument.ts';
import { openOutput, type Output } from './output.ts';
import { portArgument } from './server-options.ts';
import { createReceiver, type ReceivedDelivery } from './webhook-receiver.ts';

type ListenFlags = GlobalOptions & {
  readonly port: number;
  readonly secret?: readonly string[];
  readonly secretFile?: readonly string[];
  readonly forwardTo?: URL;
  readonly status?: number;
  readonly fail: number;
};

const host = '127.0.0.1';
const portDefault = 9000;

export function addListen(program: Command, shell: Shell): void {
  program
    .command('listen')
    .description('receive webhooks on this machine: verify, show and forward them')
    .option('-p, --port <n>', 'port to listen on, 0 for any', portArgument, portDefault)
    .option('--forward-to <address>', 'send each on, unchanged, and answer its answer', urlArgument)
    .option(
      '--secret <secret>',
      'verify with this whsec_… (or whpk_…); may be repeated; other processes here can read it, ' +
        'but not --secret-file and RAINCHECK_WEBHOOK_SECRET',
      collected,
    )
    .option('--secret-file <file>', 'the same from a file; may be repeated', collected)
    .option('--status <code>', 'answer this status (default 200)', statusArgument)
    .option('--fail <n>', 'answer 500 to the first n attempts of each id', integerArgument, 0)
    .addHelpText('after', listenHelp)
    .action(async (...args: unknown[]) => {
      const command = args.at(-1) as Command;
      shell.exitCode = await listenForWebhooks(command.optsWithGlobals<ListenFlags>());
    });
}

const listenHelp = `
Several secrets in RAINCHECK_WEBHOOK_SECRET or a file have spaces, commas or lines between. Without any, the one of \`raincheck dev\` in
the same folder verifies, and what it does not fit counts as not checked. Otherwise a signature that does not fit is
answered with 401, unless --forward-to decides.
With --json: one object a line, {"kind": "listening" | "delivery" | "summary", …}.`;

async function listenForWebhooks(flags: ListenFlags): Promise<number> {
  const { forwardTo = null, status, fail, port } = flags;
  if (forwardTo !== null && status !== undefined) {
    throw new UsageError('--forward-to and --status exclude each other: the target answers.');
  }
  if (fail < 0) throw new UsageError('Expected --fail to be 0 or more.');
  const { secrets, foundIn } = await checkedSecrets(flags);
  const output = openOutput(flags);
  const tally = new Tally();
  const server = createReceiver({
    secrets,
    foundIn,
    forwardTo,
    status: status ?? 200,
    fail,
    onDelivery(delivery) {
      tally.add(delivery);
      if (output.json) output.resultJson(deliveryJson(delivery));
      else output.report(deliveryText(delivery, output.styleResult));
    },
    onOther: (text) => output.note(text),
  });
  const url = await listening(server, { port, forwardTo });
  announce(output, { url, forwardTo, secrets, foundIn });
  await interrupted();
  server.close();
  server.closeAllConnections();
  if (output.json) output.resultJson({ kind: 'summary', ...tally.counts() });
  else output.note(tally.text());
  return exitCodes.ok.code;
}

type Secrets = {
  readonly secrets: readonly string[];
  /** The file they were found in; null: they were given. */
  readonly foundIn: string | null;
};

/**
 * Takes --secret and --secret-file, else RAINCHECK_WEBHOOK_SECRET, else what `dev` left here. A bad one is refused now, not at the
 * first delivery.
 */
async function checkedSecrets(flags: ListenFlags): Promise<Secrets> {
  const given = givenSecrets(flags);
  const { devSecretFile, readDevSecrets } = await import('../server/dev-secret.ts');
  const found = given.length > 0 ? [] : readDevSecrets(process.cwd());
  const foundIn = found.length === 0 ? null : devSecretFile;
  const all = [...given, ...found.map((secret) => ({ secret, name: devSecretFile }))];
  for (const { secret, name } of all) {
    try {
      await importWebhookKey(secret);
    } catch (error) {
      if (!(error instanceof WebhookVerificationError)) throw error;
      throw new UsageError(`${name}: ${error.message}`, { cause: error });
    }
  }
  return { secrets: all.map(({ secret }) => secret), foundIn };
}

/** A secret and where it was given, which an error about it may show. */
type GivenSecret = { readonly secret: string; readonly name: string };

function givenSecrets({ secret = [], secretFile = [] }: ListenFlags): readonly GivenSecret[] {
  const fromFlags = [
    ...secret.map((one) => ({ secret: one, name: '--secret' })),
    ...secretFile.flatMap((path) => secretsOfFile(path)),
  ];
  if (fromFlags.length > 0) return fromFlags;
  const name = 'RAINCHECK_WEBHOOK_SECRET';
  return secretsIn(process.env[name] ?? '').map((one) => ({ secret: one, name }));
}

/** Refuses an empty file: nothing would be checked, or something else than what was meant. */
function secretsOfFile(path: string): readonly GivenSecret[] {
  const secrets = secretsIn(fileText(path, '--secret-file'));
  if (secrets.length === 0) throw new UsageError(`--secret-file ${path} is empty.`);
  return secrets.map((secret) => ({ secret, name: `--secret-file ${path}` }));
}

function secretsIn(text: string): readonly string[] {
  return text.split(/[\s,]+/).filter((one) => one !== '');
}

/** Returns the address. Refuses a busy port: the address that a server was given would be somebody else's. */
async function listening(
  server: Server,
  p: { readonly port: number; readonly forwardTo: URL | null },
): Promise<string> {
  const { isBusy, isLoopback, listen, portHolder } = await import('../server/listen.ts');
  const { port } = await listen(server, { host, port: p.port, orNext: false }).catch(
    (error: unknown) => {
      if (!isBusy((error as Error).cause)) throw error;
      const holder = portHolder(p.port) ?? 'another process';
      throw new UsageError(`Port ${p.port} is taken by ${holder}. Choose another with --port.`);
    },
  );
  if (p.forwardTo !== null && isLoopback(p.forwardTo.hostname)) {
    if (p.forwardTo.port === String(port)) {
      server.close();
      throw new UsageError(`--forward-to ${p.forwardTo.href} is this listener itself.`);
    }
  }
  return `http://${host}:${port}`;
}

function announce(
  output: Output,
  p: Secrets & { readonly url: string; readonly forwardTo: URL | null },
): void {
  if (output.json) return output.resultJson({ kind: 'listening', url: p.url });
  output.note(`Listening on ${output.style('bold', p.url)}   (Ctrl-C ends)`);
  if (p.forwardTo !== null) output.note(`Forwarding to ${p.forwardTo.href}`);
  if (p.foundIn !== null) output.note(`Verifying with the secret of dev in ${p.foundIn}.`);
  if (p.secrets.length > 0) return;
  output.note('Signatures are not checked: set RAINCHECK_WEBHOOK_SECRET, or use --secret-file.');
}

/** Resolves at the first Ctrl-C. The listener stays: a terminal may deliver one twice. */
async function interrupted(): Promise<void> {
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => stop.abort());
  await once(stop.signal, 'abort');
}

/** Counts what came, for the summary. */
class Tally {
  #requests = 0;
  #first = 0;
  #duplicates = 0;
  #acknowledged = 0;
  readonly #signatures = { valid: 0, invalid: 0, unchecked: 0 };

  add({ seen, answer, signature }: ReceivedDelivery): void {
    this.#requests += 1;
    if (seen.attempt === 1) this.#first += 1;
    if (seen.duplicate) this.#duplicates += 1;
    else if (answer.status >= 200 && answer.status < 300) this.#acknowledged += 1;
    this.#signatures[signature.state] += 1;
  }

  counts() {
    return {
      requests: this.#requests,
      deliveries: this.#first,
      acknowledged: this.#acknowledged,
      duplicates: this.#duplicates,
      signatures: { ...this.#signatures },
    };
  }

  text(): string {
    const { requests, deliveries, acknowledged, duplicates, signatures } = this.counts();
    const { valid, invalid, unchecked } = signatures;
    return [
      `${counted(requests, 'request')} of ${counted(deliveries, 'delivery', 'deliveries')}`,
      `${acknowledged} acknowledged`,
      counted(duplicates, 'duplicate'),
      `signatures: ${valid} ✔ ${invalid} ✖ ${unchecked} not checked`,
    ].join(', ');
  }
}

function counted(n: number, one: string, many = `${one}s`): string {
  return `${n} ${n === 1 ? one : many}`;
}

function urlArgument(text: string): URL {
  const url = URL.parse(text);
  const usable = url !== null && (url.protocol === 'http:' || url.protocol === 'https:');
  if (usable && url.username === '' && url.password === '') return url;
  throw new InvalidArgumentError(
    'Expected an http or https address without a password, like http://127.0.0.1:8080/webhooks.',
  );
}

function statusArgument(text: string): number {
  if (/^[2-5]\d\d$/.test(text)) return Number(text);
  throw new InvalidArgumentError('Expected a status from 200 to 599.');
}
