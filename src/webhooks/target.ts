import { finalWebhookEvents, webhookEvents, type WebhookTarget } from '../core/delivery.ts';
import { BodyReading } from '../engine/body-reading.ts';
import { checkSecret } from './secrets.ts';
import { checkStaticHeaders } from './static-headers.ts';

/** Checks shape and address; throws as AddressGuard.resolveAndCheck does. */
export type CheckUrl = (text: unknown, pointer: string) => Promise<URL>;

const targetMembers = ['url', 'events', 'headers', 'secret'] as const;

/**
 * Reads which webhook a submitted body asks for: `"webhook_url": "…"`, or `"webhook": {url, events,
 * headers, secret}` for more; null for neither. Throws `validation_failed` or `webhook_url_blocked`
 * that name every member that is wrong.
 */
export async function readTarget(
  p: { readonly webhookUrl: unknown; readonly webhook: unknown },
  checkUrl: CheckUrl,
): Promise<WebhookTarget | null> {
  const { webhookUrl, webhook } = p;
  if (webhookUrl === undefined && webhook === undefined) return null;
  const reading = new BodyReading();
  if (webhookUrl !== undefined && webhook !== undefined) {
    reading.fail(['webhook_url'], 'Stands beside `webhook`, whose `url` says the same: give one.');
  }
  const target =
    webhook === undefined
      ? await plainTarget(reading, webhookUrl, checkUrl)
      : await fullTarget(reading, webhook, checkUrl);
  reading.finish();
  return target;
}

async function plainTarget(
  reading: BodyReading,
  url: unknown,
  checkUrl: CheckUrl,
): Promise<WebhookTarget> {
  await reading.checkedSoon(() => checkUrl(url, '/webhook_url'));
  return { url: String(url), events: finalWebhookEvents, headers: {}, secret: null };
}

async function fullTarget(
  reading: BodyReading,
  webhook: unknown,
  checkUrl: CheckUrl,
): Promise<WebhookTarget | null> {
  const given = reading.object(['webhook'], webhook, targetMembers);
  if (given === null) return null;
  const { url, events, headers, secret } = given;
  // The address is checked last, because only that may take a while; its error is reported with the
  // others.
  const rest = {
    events: readEvents(reading, ['webhook', 'events'], events),
    headers: readHeaders(reading, ['webhook', 'headers'], headers),
    secret: readSecret(reading, ['webhook', 'secret'], secret),
  };
  await reading.checkedSoon(() => checkUrl(url, '/webhook/url'));
  return { url: String(url), ...rest };
}

type Path = readonly string[];

/** Each event once; both final ones when nothing is given. */
export function readEvents(
  reading: BodyReading,
  path: Path,
  value: unknown,
): WebhookTarget['events'] {
  if (value === undefined) return finalWebhookEvents;
  if (!Array.isArray(value) || value.length === 0) {
    reading.fail(path, `Expected a list of ${webhookEvents.join(', ')}.`);
    return [];
  }
  // A list of a million is refused as soon as it is longer than the list of all events.
  if (value.length > webhookEvents.length) {
    reading.fail(path, `Expected at most ${webhookEvents.length} events.`);
    return [];
  }
  const events = value.map((event, i) => reading.oneOf([...path, String(i)], event, webhookEvents));
  return [...new Set(events.filter((event) => event !== null))];
}

export function readHeaders(
  reading: BodyReading,
  path: Path,
  value: unknown,
): WebhookTarget['headers'] {
  if (value === undefined) return {};
  return reading.checked(() => checkStaticHeaders(value, `/${path.join('/')}`)) ?? {};
}

function readSecret(reading: BodyReading, path: Path, value: unknown): string | null {
  if (value === undefined || value === null) return null;
  const pointer = `/${path.join('/')}`;
  // The secret of a request is shared by both sides: a key pair belongs to a registered endpoint.
  return reading.checked(() => checkSecret(value, { version: 'v1', pointer })) ?? null;
}
