import { limits } from '../core/limits.ts';
import { suggestion } from '../core/suggest.ts';
import type { EndpointChange } from '../store/delivery-store.ts';
import { BodyReading, type Members } from '../engine/body-reading.ts';
import { checkSecret, type SignatureVersion } from './secrets.ts';
import { readEvents, readHeaders, type CheckUrl } from './target.ts';
import type { EndpointInput } from './webhooks.ts';

type EndpointChecks = {
  readonly checkUrl: CheckUrl;
  /** Names that `tasks` may hold; null: any. */
  readonly taskNames: readonly string[] | null;
  /** The name by which this system asks for consent; null: it has none. */
  readonly origin: string | null;
};

const changeMembers = [
  'url',
  'events',
  'tasks',
  'headers',
  'description',
  'enabled',
  'handshake',
] as const;
const inputMembers = [...changeMembers, 'secret', 'signature'] as const;
const rotationMembers = ['secret', 'grace_seconds'] as const;

/**
 * Reads the body of a new endpoint. Throws `validation_failed` or `webhook_url_blocked` for
 * everything that is wrong.
 */
export async function readEndpointInput(
  body: unknown,
  checks: EndpointChecks,
): Promise<EndpointInput> {
  const reading = new BodyReading();
  const given = reading.object([], body, inputMembers) ?? {};
  const signature =
    given['signature'] === undefined
      ? 'v1'
      : (reading.oneOf(['signature'], given['signature'], ['v1', 'v1a'] as const) ?? 'v1');
  const rest = {
    events: readEvents(reading, ['events'], given['events']),
    tasks: readTasks(reading, given['tasks'], checks.taskNames),
    headers: readHeaders(reading, ['headers'], given['headers']),
    description: readDescription(reading, given['description']),
    enabled: reading.boolean(['enabled'], given['enabled'] ?? true),
    handshake: readHandshake(reading, given['handshake'] ?? false, checks.origin),
    secret: readSecret(reading, given['secret'], signature),
    signature,
  } as const;
  if (reading.misfits.length === 0 || given['url'] !== undefined) {
    await reading.checkedSoon(() => checks.checkUrl(given['url'], '/url'));
  }
  reading.finish();
  return { url: String(given['url']), ...rest };
}

/** Reads the body of a change; members that are not given stay. Throws as readEndpointInput. */
export async function readEndpointChange(
  body: unknown,
  checks: EndpointChecks,
): Promise<EndpointChange> {
  const reading = new BodyReading();
  const given = reading.object([], withoutSecret(reading, body), changeMembers) ?? {};
  const has = (member: (typeof changeMembers)[number]): boolean => given[member] !== undefined;
  const change: EndpointChange = {
    ...(has('events') && { events: readEvents(reading, ['events'], given['events']) }),
    ...(has('tasks') && { tasks: readTasks(reading, given['tasks'], checks.taskNames) }),
    ...(has('headers') && { headers: readHeaders(reading, ['headers'], given['headers']) }),
    ...(has('description') && { description: readDescription(reading, given['description']) }),
    ...(has('enabled') && { enabled: reading.boolean(['enabled'], given['enabled']) }),
    ...(has('handshake') && {
      handshake: readHandshake(reading, given['handshake'], checks.origin) ? 'asked' : null,
    }),
  };
  const url = has('url')
    ? await reading.checkedSoon(() => checks.checkUrl(given['url'], '/url'))
    : undefined;
  reading.finish();
  if (url === undefined) return change;
  return { ...change, url: { url: String(given['url']), origin: url.origin } };
}

/**
 * Reads the body of a rotation: an optional secret, and how long the secrets before it go on
 * signing.
 */
export function readRotation(
  body: unknown,
  signature: SignatureVersion,
): { readonly secret: string | null; readonly graceMs: number } {
  const reading = new BodyReading();
  const given = reading.object([], body ?? {}, rotationMembers) ?? {};
  const secret = readSecret(reading, given['secret'], signature);
  const graceSeconds = reading.integer(['grace_seconds'], given['grace_seconds'], {
    min: 0,
    max: limits.secretGraceMsMax / 1_000,
    fallback: limits.secretGraceMsDefault / 1_000,
  });
  reading.finish();
  return { secret, graceMs: graceSeconds * 1_000 };
}

/**
 * A secret is rotated, not changed, so that the receiver need not change it in the same instant.
 */
function withoutSecret(reading: BodyReading, body: unknown): unknown {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return body;
  const { secret, signature, ...rest } = body as Members;
  for (const [name, value] of Object.entries({ secret, signature })) {
    if (value === undefined) continue;
    reading.fail([name], 'Cannot be changed here: rotate the secret at …/secret.');
  }
  return rest;
}

function readHandshake(reading: BodyReading, value: unknown, origin: string | null): boolean {
  const isAsked = reading.boolean(['handshake'], value);
  if (isAsked && origin === null) {
    reading.fail(
      ['handshake'],
      'This server has no name to ask by: set `publicUrl` (RAINCHECK_PUBLIC_URL) or `webhooks.origin`.',
    );
  }
  return isAsked;
}

function readTasks(
  reading: BodyReading,
  value: unknown,
  names: readonly string[] | null,
): readonly string[] | null {
  if (value === undefined || value === null) return null;
  if (!Array.isArray(value) || value.length === 0 || value.length > limits.endpointTasks) {
    reading.fail(
      ['tasks'],
      `Expected a list of 1 to ${limits.endpointTasks} names, or null for all.`,
    );
    return null;
  }
  const tasks = value.map((task: unknown, i) =>
    readTask(reading, ['tasks', String(i)], { task, names }),
  );
  return [...new Set(tasks.filter((task) => task !== null))];
}

/** An endpoint with the name of a task that does not exist would silently get nothing for ever. */
function readTask(
  reading: BodyReading,
  path: readonly string[],
  { task, names }: { readonly task: unknown; readonly names: readonly string[] | null },
): string | null {
  if (typeof task !== 'string' || task === '' || task.length > limits.taskNameChars) {
    return reading.fail(path, 'Expected the name of a task.');
  }
  if (names === null || names.includes(task)) return task;
  const meant = suggestion(task, names);
  return reading.fail(
    path,
    `There is no such task.${meant === null ? '' : ` Did you mean \`${meant}\`?`}`,
  );
}

function readDescription(reading: BodyReading, value: unknown): string | null {
  if (value === undefined || value === null) return null;
  const charsMax = limits.endpointDescriptionChars;
  const fits = typeof value === 'string' && value.length <= charsMax && isStorable(value);
  return fits ? value : reading.fail(['description'], `Expected a text of at most ${charsMax}.`);
}

/** Databases refuse NUL and lone surrogates. */
function isStorable(text: string): boolean {
  return text.isWellFormed() && !text.includes('\0');
}

function readSecret(
  reading: BodyReading,
  value: unknown,
  version: SignatureVersion,
): string | null {
  if (value === undefined || value === null) return null;
  return reading.checked(() => checkSecret(value, { version, pointer: '/secret' })) ?? null;
}
