import type { WireEndpoint } from '../core/wire-webhook.ts';
import type { Context } from './context.ts';
import { ageText, briefly, eventName, nextText, shortUrl, waitText } from './webhook-text.ts';
import { printRows, type Listing } from './listing.ts';

/** How a list shows endpoints. */
export const endpointListing: Listing<WireEndpoint> = {
  cells: (one) => [
    one.id,
    one.kind,
    stateName(one),
    one.created_at,
    [one.next_attempt_at, one.next_attempt_reason ?? failingText(one)]
      .filter((part) => part !== null)
      .join(' '),
    one.url,
    one.events.join(','),
    (one.tasks ?? []).join(','),
  ],
  columns: [
    { title: 'ID' },
    { title: 'KIND' },
    { title: 'STATE' },
    { title: 'NEXT' },
    { title: 'EVENTS', from: 120 },
    { title: 'TASKS', from: 120 },
    { title: 'URL' },
  ],
  row: (one, now) => [
    one.id,
    one.kind,
    // The pipe has a column that says why.
    stateName(one) === 'enabled' && failingText(one) !== null ? 'failing' : stateName(one),
    briefly(nextText(one, now)),
    one.kind === 'request' ? 'as asked' : one.events.map(eventName).join(' '),
    one.tasks === null ? 'all' : one.tasks.join(' '),
    shortUrl(one.url),
  ],
  none: 'No endpoints.',
};

/** 'enabled', 'disabled', or 'waiting' where something holds up what is due. */
function stateName(endpoint: WireEndpoint): string {
  if (!endpoint.enabled) return 'disabled';
  return endpoint.next_attempt_reason === null ? 'enabled' : 'waiting';
}

/** 'failing: 7 in a row'; null: the latest attempt did not fail by its fault, or it is disabled. */
function failingText({ enabled, health }: WireEndpoint): string | null {
  return enabled && health.failures > 0 ? `failing: ${health.failures} in a row` : null;
}

/** An endpoint in a few lines; with --json as one object. */
export async function showEndpoint(context: Context, id: string): Promise<void> {
  printEndpoint(context, await context.client.webhooks.endpoint(id));
  context.output.note(
    `What was sent: ${context.command} webhooks deliveries --endpoint ${id}${context.flags}`,
  );
}

export function printEndpoint(context: Context, endpoint: WireEndpoint): void {
  const { output, transport } = context;
  if (output.json) return output.resultJson(endpoint);
  const now = transport.serverNow();
  const { counts, header_names: headers } = endpoint;
  const ago = (instant: string | null): string =>
    instant === null ? 'never' : `${ageText(instant, now)} ago`;
  printRows(context, [
    ['endpoint', endpoint.id],
    ['kind', endpoint.kind],
    ['url', endpoint.url],
    ['about', endpoint.description],
    ['state', stateText(endpoint, now)],
    ['events', endpoint.kind === 'request' ? 'as each request asks' : endpoint.events.join(' ')],
    ['tasks', endpoint.tasks === null ? 'all' : endpoint.tasks.join(' ')],
    ['headers', headers.length === 0 ? null : `${headers.join(', ')} (values are never shown)`],
    ['consent', consentText(endpoint, ago)],
    ['health', healthText(endpoint, ago)],
    [
      'waiting',
      counts === undefined
        ? null
        : `${counts.waiting} pending, ${counts.held} held, ${counts.dead} dead letter${counts.dead === 1 ? '' : 's'}`,
    ],
    ['created', `${endpoint.created_at} (${ago(endpoint.created_at)})`],
  ]);
}

/** 'enabled', 'waiting: next attempt in 28 s: circuit open …', 'disabled: it answered 410'. */
function stateText(endpoint: WireEndpoint, now: number): string {
  const why = waitText(endpoint, now).replace(/^endpoint disabled: /, '');
  return why === '' ? stateName(endpoint) : `${stateName(endpoint)}: ${why}`;
}

/** Whether the endpoint has consented; null: it is not asked. */
function consentText(
  { handshake }: WireEndpoint,
  ago: (instant: string | null) => string,
): string | null {
  if (handshake === null) return null;
  const { state, asked_at: asked, detail, per_minute: rate } = handshake;
  const pace = rate === null ? '' : `, ${rate} a minute`;
  return `${state}${state === 'given' ? pace : ''}, asked ${ago(asked)}${detail === null ? '' : `: ${detail}`}`;
}

function healthText({ health }: WireEndpoint, ago: (instant: string | null) => string): string {
  const ramp = health.in_flight_max === null ? '' : `, at most ${health.in_flight_max} at once`;
  const failing =
    health.failing_since === null
      ? ''
      : `, failing since ${ago(health.failing_since)} (${health.failures} in a row)`;
  return (
    `circuit ${health.circuit}, last success ${ago(health.last_success_at)}, ` +
    `last failure ${ago(health.last_failure_at)}${failing}${ramp}`
  );
}
