import type { WireEndpoint } from '../core/wire.ts';
import type { Context } from './context.ts';
import { ageText, waitText } from './webhook-text.ts';
import { printRows, type Listing } from './listing.ts';

/** Words for endpoints. */
export function endpointListing({ transport }: Context): Listing<WireEndpoint> {
  const now = transport.serverNow();
  return {
    cells: (one) => [
      one.id,
      one.kind,
      stateName(one),
      one.created_at,
      [one.next_attempt_at, one.next_attempt_reason].filter((part) => part !== null).join(' '),
      one.url,
    ],
    columns: ['ID', 'KIND', 'STATE', 'URL'].map((title) => ({ title })),
    row: (one) => {
      const wait = waitText(one, now);
      return [one.id, one.kind, stateName(one), wait === '' ? one.url : `${one.url}   ${wait}`];
    },
    none: 'No endpoints.',
  };
}

/** enabled, disabled, or waiting: something holds up what is due. */
function stateName(endpoint: WireEndpoint): string {
  if (!endpoint.enabled) return 'disabled';
  return endpoint.next_attempt_reason === null ? 'enabled' : 'waiting';
}

/** An endpoint in a few lines; with --json as one object. */
export async function showEndpoint(context: Context, id: string): Promise<void> {
  printEndpoint(context, await context.client.webhooks.endpoint(id));
  context.output.note(
    `What was sent: raincheck webhooks deliveries --endpoint ${id}${context.flags}`,
  );
}

export function printEndpoint(context: Context, endpoint: WireEndpoint): void {
  const { output, transport } = context;
  if (output.json) return output.resultJson(endpoint);
  const now = transport.serverNow();
  const { counts, header_names: headers } = endpoint;
  const wait = waitText(endpoint, now);
  const ago = (instant: string | null): string =>
    instant === null ? 'never' : `${ageText(instant, now)} ago`;
  printRows(context, [
    ['endpoint', endpoint.id],
    ['kind', endpoint.kind],
    ['url', endpoint.url],
    ['about', endpoint.description],
    ['state', `${stateName(endpoint)}${wait === '' ? '' : `: ${wait}`}`],
    ['events', endpoint.kind === 'request' ? 'as each request asks' : endpoint.events.join(' ')],
    ['tasks', endpoint.tasks === null ? 'all' : endpoint.tasks.join(' ')],
    ['headers', headers.length === 0 ? null : `${headers.join(', ')} (values are never shown)`],
    ['health', healthText(endpoint, ago)],
    [
      'waiting',
      counts === undefined
        ? null
        : `${counts.waiting} pending, ${counts.held} held, ${counts.dead} dead letters`,
    ],
    ['created', `${endpoint.created_at} (${ago(endpoint.created_at)})`],
  ]);
}

function healthText({ health }: WireEndpoint, ago: (instant: string | null) => string): string {
  const failing =
    health.failing_since === null ? '' : `, failing since ${ago(health.failing_since)}`;
  return (
    `circuit ${health.circuit}, last success ${ago(health.last_success_at)}, ` +
    `last failure ${ago(health.last_failure_at)}${failing}`
  );
}
