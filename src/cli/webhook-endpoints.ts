import { Option, type Command } from 'commander';
import { NetworkError, ProblemError } from '../client/problem.ts';
import type { EndpointMembers } from '../client/webhooks.ts';
import { webhookEvents, type WebhookEvent } from '../core/delivery.ts';
import { isEndpointId } from '../core/id.ts';
import { limits } from '../core/limits.ts';
import type { WireEndpoint, WireSecretList } from '../core/wire-webhook.ts';
import {
  acting,
  collected,
  durationArgument,
  integerArgument,
  type Context,
  type Shell,
} from './context.ts';
import { attemptText } from './webhook-text.ts';
import { endpointListing, printEndpoint } from './endpoint-text.ts';
import { exitCodes, UsageError } from './exit-codes.ts';
import { fileLine } from './file-argument.ts';
import { paged, printListing } from './listing.ts';
import { noSuchId } from './webhook-deliveries.ts';

/** The commands of `raincheck webhooks` that are about endpoints and their secrets. */
export function addEndpointCommands(webhooks: Command, shell: Shell): void {
  addList(webhooks, shell);
  addCreate(webhooks, shell);
  addUpdate(webhooks, shell);
  addEnable(webhooks, shell, { name: 'enable', enabled: true });
  addEnable(webhooks, shell, { name: 'disable', enabled: false });
  addValidate(webhooks, shell);
  addRemove(webhooks, shell);
  addTest(webhooks, shell);
  addSecret(webhooks, shell);
}

const kinds = ['registered', 'request'] as const;

/** Endpoints of requests come last: they are many, and their ids tell no time. */
async function* endpointsOf(
  { client }: Context,
  wanted: readonly WireEndpoint['kind'][],
  limit: number,
): AsyncGenerator<WireEndpoint> {
  let left = limit;
  for (const kind of wanted) {
    if (left < 1 && left < limit) return;
    const found = paged(left, async (part) => {
      const page = await client.webhooks.endpoints({ kind, ...part });
      return { items: page.endpoints, next: page.next_cursor };
    });
    for await (const endpoint of found) {
      left -= 1;
      yield endpoint;
    }
  }
}

function addList(webhooks: Command, shell: Shell): void {
  webhooks
    .command('list')
    .description('list endpoints, the registered ones first, and what holds them up')
    .addOption(new Option('--kind <kind>', 'only these').choices(kinds))
    .option('-n, --limit <n>', 'at most so many', integerArgument, 20)
    .addHelpText(
      'after',
      '\nIn a pipe: one endpoint a line, tab-separated: id, kind, state, created,\n' +
        'what it waits for, address, events, tasks (none: all).',
    )
    .action(
      acting(shell, async (context, command) => {
        const { kind, limit } = command.opts<{ kind?: WireEndpoint['kind']; limit: number }>();
        const found = endpointsOf(context, kind === undefined ? kinds : [kind], limit);
        await printListing(context, found, endpointListing);
        return exitCodes.ok.code;
      }),
    );
}

type EndpointFlags = {
  /** Not --url, which names the server. */
  readonly to?: string;
  readonly event?: readonly WebhookEvent[];
  readonly task?: readonly string[];
  readonly allTasks?: boolean;
  readonly header?: readonly string[];
  readonly description?: string;
  readonly handshake?: boolean;
};

/** Adds the options that `create` and `update` share. */
function withEndpointOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--event <event>', 'tell of this; may be repeated')
        .choices(webhookEvents)
        .argParser((text, before: readonly string[] | undefined) =>
          collected(eventOf(text), before),
        ),
    )
    .option('--task <name>', 'only of this task; may be repeated', collected)
    .option(
      '--header <name=value>',
      'send this too; name=@file reads it; may be repeated',
      collected,
    )
    .option('--description <text>', 'for people')
    .option('--handshake', 'ask it for its consent first (OPTIONS, CloudEvents web hooks)');
}

function eventOf(text: string): string {
  // `completed` is what everyone calls it.
  const event = webhookEvents.find((one) => one === text || one === `operation.${text}`);
  if (event !== undefined) return event;
  throw new UsageError(`Expected --event to be one of ${webhookEvents.join(', ')}, got '${text}'.`);
}

/** The members that were given. */
function membersFrom(flags: EndpointFlags): EndpointMembers {
  const { to, event, task, allTasks, header, description, handshake } = flags;
  if (allTasks === true && task !== undefined) {
    throw new UsageError('Give --task or --all-tasks, not both.');
  }
  return {
    url: to,
    events: event,
    tasks: allTasks === true ? null : task,
    headers: header === undefined ? undefined : Object.fromEntries(header.map(headerFrom)),
    description,
    handshake,
  };
}

/** A secret value comes from a file: every process here can read the arguments. */
function headerFrom(word: string): readonly [string, string] {
  const equals = word.indexOf('=');
  if (equals < 1) throw new UsageError(`Expected --header name=value, got '${word}'.`);
  const text = word.slice(equals + 1);
  return [word.slice(0, equals), text.startsWith('@') ? fileLine(text.slice(1), '--header') : text];
}

type CreateFlags = EndpointFlags & {
  readonly secretFile?: string;
  readonly signature?: 'v1' | 'v1a';
  readonly disabled?: boolean;
};

function addCreate(webhooks: Command, shell: Shell): void {
  withEndpointOptions(webhooks.command('create'))
    .description('register an endpoint; prints its id and, only this once, its signing secret')
    .argument('<url>', 'where to send')
    .option('--secret-file <file>', 'sign with the whsec_… in it instead of a new one')
    .addOption(
      new Option('--signature <version>', 'v1a: a key pair instead of a secret').choices([
        'v1',
        'v1a',
      ]),
    )
    .option('--disabled', 'hold what would be sent until it is enabled')
    .action(
      acting(shell, async (context, command) => {
        const flags = command.opts<CreateFlags>();
        const { secretFile } = flags;
        const created = await context.client.webhooks.createEndpoint({
          ...membersFrom(flags),
          url: command.args[0] ?? '',
          enabled: flags.disabled === true ? false : undefined,
          signature: flags.signature,
          secret: secretFile === undefined ? undefined : fileLine(secretFile, '--secret-file'),
        });
        const { output } = context;
        if (output.json) output.resultJson(created);
        else {
          output.result(created.id);
          output.result(created.secret);
        }
        output.note(
          flags.signature === 'v1a'
            ? 'The second line is the public key that verifies the signatures.'
            : 'The second line is the signing secret. It is not shown again: keep it.',
        );
        const { state, detail } = created.handshake ?? {};
        if (state === 'awaited') {
          output.note(
            `It has not consented yet, so nothing is sent: ${detail ?? 'it was not asked'}`,
          );
        }
        for (const text of await twinTexts(context, created)) output.note(text);
        output.note(`Try it: ${context.command} webhooks test ${created.id}${context.flags}`);
        return exitCodes.ok.code;
      }),
    );
}

/** A sentence for each other endpoint at the same address, of the newest, that is sent events of this one too. */
async function twinTexts(
  { client, output }: Context,
  created: WireEndpoint,
): Promise<readonly string[]> {
  if (output.json || output.quiet || !created.enabled) return [];
  try {
    const page = await client.webhooks.endpoints({
      kind: 'registered',
      limit: limits.pageSizeMax,
    });
    return page.endpoints
      .filter((one) => one.id !== created.id && one.enabled && one.url === created.url)
      .filter((one) => sharesEvents(one, created))
      .map(({ id }) => `${id} has the same address: both will get each event that both ask for.`);
  } catch (error) {
    // It is made and its secret told: a hint that cannot be had is no error.
    if (error instanceof ProblemError || error instanceof NetworkError) return [];
    throw error;
  }
}

function sharesEvents(a: WireEndpoint, b: WireEndpoint): boolean {
  const sharesTasks =
    a.tasks === null || b.tasks === null || a.tasks.some((task) => b.tasks?.includes(task));
  return sharesTasks && a.events.some((event) => b.events.includes(event));
}

function addUpdate(webhooks: Command, shell: Shell): void {
  withEndpointOptions(webhooks.command('update'))
    .description('change an endpoint; what is given replaces what was')
    .argument('<endpoint>', 'id (ep_…)')
    .option('--to <url>', 'where to send')
    .option('--all-tasks', 'of all tasks again')
    .option('--no-handshake', 'send without its consent')
    .action(
      acting(shell, async (context, command) => {
        const members = membersFrom(command.opts<EndpointFlags>());
        if (Object.values(members).every((value) => value === undefined)) {
          throw new UsageError(
            `Say what to change; see: ${context.command} webhooks update --help`,
          );
        }
        const id = endpointNamed(command.args[0]);
        printChanged(context, await context.client.webhooks.updateEndpoint(id, members));
        return exitCodes.ok.code;
      }),
    );
}

/** Prints the endpoint after a change; as output.done, nothing when quiet. */
function printChanged(context: Context, endpoint: WireEndpoint): void {
  const { json, quiet } = context.output;
  if (json || !quiet) printEndpoint(context, endpoint);
}

function addEnable(
  webhooks: Command,
  shell: Shell,
  p: { readonly name: string; readonly enabled: boolean },
): void {
  const what = p.enabled
    ? 'send again, what was held first'
    : 'send nothing more; hold what is due';
  webhooks
    .command(p.name)
    .description(what)
    .argument('<endpoint>', 'id (ep_…)')
    .action(
      acting(shell, async (context, command) => {
        const id = endpointNamed(command.args[0]);
        const { enabled } = p;
        printChanged(context, await context.client.webhooks.updateEndpoint(id, { enabled }));
        return exitCodes.ok.code;
      }),
    );
}

function addValidate(webhooks: Command, shell: Shell): void {
  webhooks
    .command('validate')
    .description('ask an endpoint for its consent again (exit code 3 when it gives none)')
    .argument('<endpoint>', 'id (ep_…)')
    .action(
      acting(shell, async (context, command) => {
        const id = endpointNamed(command.args[0]);
        const endpoint = await context.client.webhooks.validateEndpoint(id);
        printEndpoint(context, endpoint);
        const consents =
          endpoint.handshake?.state === 'given' && endpoint.handshake.detail === null;
        return consents ? exitCodes.ok.code : exitCodes.failed.code;
      }),
    );
}

function addRemove(webhooks: Command, shell: Shell): void {
  webhooks
    .command('remove')
    .description('remove an endpoint; what waits for it is cancelled')
    .argument('<endpoint>', 'id (ep_…)')
    .action(
      acting(shell, async (context, command) => {
        const id = endpointNamed(command.args[0]);
        const { client, output } = context;
        // The answer to DELETE is empty: --json gives the endpoint as it was, as `remove` gives the operation.
        const endpoint = output.json ? await client.webhooks.endpoint(id) : null;
        await client.webhooks.removeEndpoint(id);
        output.done(`${id} removed`, endpoint);
        return exitCodes.ok.code;
      }),
    );
}

function addTest(webhooks: Command, shell: Shell): void {
  webhooks
    .command('test')
    .description('send a test event now and show what came of it (exit code 3 when it failed)')
    .argument('<endpoint>', 'id (ep_…)')
    .action(
      acting(shell, async (context, command) => {
        const { client, output } = context;
        const tested = await client.webhooks.testEndpoint(endpointNamed(command.args[0]));
        const { delivery, attempt, reason } = tested;
        const isDelivered = attempt?.outcome === 'delivered';
        if (output.json) output.resultJson(tested);
        else if (attempt === null) {
          output.problem(output.style('red', `✖ ${delivery.id} was not sent: ${reason}`));
        } else {
          const sign = isDelivered ? '✔' : '✖';
          const text = `${sign} ${delivery.id} ${attemptText(attempt)}`;
          if (isDelivered) output.result(output.styleResult('green', text));
          else output.problem(output.style('red', text));
        }
        return isDelivered ? exitCodes.ok.code : exitCodes.failed.code;
      }),
    );
}

function addSecret(webhooks: Command, shell: Shell): void {
  webhooks
    .command('secret')
    .description('show since when the secrets sign, or replace one and print it, only this once')
    .argument('[endpoint]', 'id (ep_…); default: the secret for addresses that requests name')
    .option('--rotate', 'make a new one; those before it go on to sign for a while')
    .option('--secret-file <file>', 'with --rotate: the new one, whsec_…')
    .option(
      '--grace <time>',
      'with --rotate: how long those before it sign on, default 24h',
      durationArgument,
    )
    .action(
      acting(shell, async (context, command) => {
        const flags = command.opts<SecretFlags>();
        const id = command.args[0] === undefined ? null : endpointNamed(command.args[0]);
        if (flags.rotate === true) await rotateSecret(context, id, flags);
        else await showSecrets(context, id, flags);
        return exitCodes.ok.code;
      }),
    );
}

type SecretFlags = {
  readonly rotate?: boolean;
  readonly secretFile?: string;
  readonly grace?: number;
};

async function showSecrets(context: Context, id: string | null, flags: SecretFlags): Promise<void> {
  if (flags.grace !== undefined || flags.secretFile !== undefined) {
    throw new UsageError('--grace and --secret-file go with --rotate.');
  }
  const list = await context.client.webhooks.secrets(id);
  if (context.output.json) return context.output.resultJson(list);
  printSecrets(context, list);
}

async function rotateSecret(
  context: Context,
  id: string | null,
  { secretFile, grace }: SecretFlags,
): Promise<void> {
  const { client, output } = context;
  const rotated = await client.webhooks.rotateSecret(id, {
    secret: secretFile === undefined ? undefined : fileLine(secretFile, '--secret-file'),
    graceSeconds: grace === undefined ? undefined : Math.round(grace / 1000),
  });
  if (output.json) return output.resultJson(rotated);
  output.result(rotated.secret);
  output.note('This is the new signing secret. It is not shown again: keep it.');
}

function printSecrets({ output }: Context, { secrets }: WireSecretList): void {
  if (secrets.length === 0) output.note('There is no secret yet; the first delivery makes one.');
  for (const { created_at: created, expires_at: expires } of secrets) {
    const until = expires === null ? 'until it is replaced' : `until ${expires}`;
    output.result(`signs since ${created}, ${until}`);
  }
}

function endpointNamed(text = ''): string {
  if (isEndpointId(text)) return text;
  throw noSuchId(text, 'an endpoint id (ep_ and 26 letters and digits)');
}
