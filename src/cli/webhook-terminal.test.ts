import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { scriptedServer, type Scripted } from '../../test/support/scripted-server.ts';
import { hasTerminal, onTerminal } from '../../test/support/terminal.ts';
import {
  completed,
  sampleDeliveryId,
  sampleEndpointId,
  sampleId,
  wireDelivery,
  wireEndpoint,
} from '../../test/support/wire-samples.ts';

/** The clock of the server stands still, so that every word of time is known. */
const headers = { date: 'Thu, 01 Jan 2026 00:00:07 GMT' };
const ids = (n: number): string => sampleDeliveryId.slice(0, -1) + n;

const deliveries = [
  wireDelivery({ id: ids(5) }),
  wireDelivery({
    id: ids(4),
    state: 'held',
    last_status: 410,
    last_error: 'http_410',
    next_attempt_at: null,
    next_attempt_reason: 'endpoint disabled: it answered 410',
  }),
  wireDelivery({
    id: ids(3),
    event: 'operation.failed',
    created_at: '2025-12-31T18:00:00.000Z',
    last_status: null,
    last_error: 'connect_refused',
    next_attempt_at: '2026-01-01T02:10:00.000Z',
    attempts: 6,
  }),
  wireDelivery({
    id: ids(2),
    state: 'delivered',
    last_status: 204,
    last_error: null,
    next_attempt_at: null,
    next_attempt_reason: null,
  }),
  wireDelivery({ id: ids(1), event: 'webhook.test', state: 'sending', next_attempt_at: null }),
];

const endpoints = [
  wireEndpoint(),
  wireEndpoint({
    id: sampleEndpointId.slice(0, -1) + 1,
    url: 'https://a-name-that-is-rather-long.example.com/and/a/path/that/is/longer',
    next_attempt_at: '2026-01-01T00:02:07.000Z',
    next_attempt_reason: 'circuit open after 5 failures, probe 2',
  }),
  wireEndpoint({
    id: sampleEndpointId.slice(0, -1) + 2,
    kind: 'request',
    enabled: false,
    next_attempt_reason: 'endpoint disabled: it answered 410',
  }),
  wireEndpoint({
    id: sampleEndpointId.slice(0, -1) + 3,
    health: {
      ...wireEndpoint().health,
      failures: 7,
      failing_since: '2025-12-31T23:00:00.000Z',
    },
  }),
];

const attempts = [
  {
    number: 1,
    trigger: 'schedule',
    started_at: '2026-01-01T00:00:01.000Z',
    outcome: 'failed',
    status: 500,
    error: 'http_500',
    detail: null,
    timings: { dns_ms: 1, connect_ms: 1, tls_ms: 1, first_byte_ms: 1, total_ms: 12 },
    answer: { headers: {}, excerpt: { text: 'broken\u001b[2J\nreally' } },
    next_attempt_at: '2026-01-01T00:00:06.000Z',
    next_attempt_reason: 'schedule step 1 ±20 %',
  },
  {
    number: 2,
    trigger: 'manual',
    started_at: '2026-01-01T00:00:06.000Z',
    outcome: 'failed',
    status: 502,
    error: 'http_502',
    detail: null,
    timings: { dns_ms: 1, connect_ms: 1, tls_ms: 1, first_byte_ms: 1, total_ms: 12 },
    answer: { headers: {}, excerpt: { text: 'long '.repeat(20) } },
    next_attempt_at: null,
    next_attempt_reason: null,
  },
];

function answer(path: string): Scripted {
  if (path === '/webhooks/endpoints') {
    return { status: 200, headers, body: { endpoints, next_cursor: null } };
  }
  if (path === '/webhooks/deliveries' || path === '/webhooks/dead-letters') {
    return { status: 200, headers, body: { deliveries, next_cursor: null } };
  }
  if (path === '/operations') {
    return { status: 200, headers, body: { operations: [completed(1)], next_cursor: null } };
  }
  if (path.endsWith('/attempts')) return { status: 200, headers, body: { attempts } };
  if (path.startsWith('/webhooks/deliveries/')) {
    const request = {
      method: 'POST',
      headers: {},
      header_names: ['x-team'],
      body: '{"a":1}'.repeat(40),
    };
    return { status: 200, headers, body: { ...wireDelivery(), request } };
  }
  if (path.startsWith('/webhooks/endpoints/')) {
    const counts = { waiting: 2, held: 0, dead: 1 };
    return { status: 200, headers, body: { ...endpoints[1], counts } };
  }
  const { url, delivery_url, ...webhook } = wireDelivery();
  return {
    status: 200,
    headers,
    body: completed(1, {
      created_at: '2026-01-01T00:00:00.000Z',
      webhook: {
        url,
        events: ['operation.completed'],
        state: webhook.state,
        delivery_id: webhook.id,
        attempts: webhook.attempts,
        last_status: webhook.last_status,
        last_error: webhook.last_error,
        next_attempt_at: webhook.next_attempt_at,
        next_attempt_reason: webhook.next_attempt_reason,
        delivery_url,
      },
    }),
  };
}

const shown = (...args: string[]): Promise<string[]> => shownAt(80, ...args);

async function shownAt(columns: number, ...args: string[]): Promise<string[]> {
  await using server = await scriptedServer(({ path }) => answer(path));
  const text = await onTerminal(args, { url: server.url, env: { NO_COLOR: '1' }, columns });
  return text.trimEnd().split('\r\n');
}

describe('On a terminal of 80 columns', { skip: !hasTerminal && 'no util-linux script' }, () => {
  it('deliveries are a table of what became of them and when they are sent next', async () => {
    assert.deepEqual(await shown('webhooks', 'deliveries'), [
      'ID                              EVENT      STATE      AGE  NEXT  LAST',
      'msg_01M8A4E8X49JM2HXDQY4JRYS45  completed  pending    7 s  28 s  http_500',
      'msg_01M8A4E8X49JM2HXDQY4JRYS44  completed  held       7 s        http_410',
      'msg_01M8A4E8X49JM2HXDQY4JRYS43  failed     pending    6 h  2 h   connect_refused',
      'msg_01M8A4E8X49JM2HXDQY4JRYS42  completed  delivered  7 s        204',
      'msg_01M8A4E8X49JM2HXDQY4JRYS41  test       sending    7 s        http_500',
    ]);
  });

  it('dead letters are a table of how they failed, and where', async () => {
    const lines = await shown('dlq', 'list');
    assert.deepEqual(lines.slice(0, 4), [
      'ID                              EVENT      TRIES  AGE  ERROR            URL',
      'msg_01M8A4E8X49JM2HXDQY4JRYS45  completed      1  7 s  http_500         hooks.e…',
      'msg_01M8A4E8X49JM2HXDQY4JRYS44  completed      1  7 s  http_410         hooks.e…',
      'msg_01M8A4E8X49JM2HXDQY4JRYS43  failed         6  6 h  connect_refused  hooks.e…',
    ]);
  });

  it('endpoints are a table of what holds them up', async () => {
    assert.deepEqual(await shown('webhooks', 'list', '--kind', 'registered'), [
      'ID                             KIND        STATE     NEXT  URL',
      'ep_01M8A4E996B3WN28N5KDPPT7E8  registered  enabled         hooks.example.com/ra…',
      'ep_01M8A4E996B3WN28N5KDPPT7E1  registered  waiting   2 m   a-name-that-is-rathe…',
      'ep_01M8A4E996B3WN28N5KDPPT7E2  request     disabled        hooks.example.com/ra…',
      'ep_01M8A4E996B3WN28N5KDPPT7E3  registered  failing         hooks.example.com/ra…',
    ]);
  });

  it('a wider one shows more of them: of what and where', async () => {
    assert.deepEqual((await shownAt(160, 'webhooks', 'deliveries')).slice(0, 2), [
      'ID                              EVENT      STATE      AGE  NEXT  LAST             ' +
        'OPERATION                      URL',
      'msg_01M8A4E8X49JM2HXDQY4JRYS45  completed  pending    7 s  28 s  http_500         ' +
        'op_01M833QKVJTQ91318PAAN2267W  hooks.example.com/raincheck',
    ]);
    const [head, , last] = await shownAt(110, 'webhooks', 'deliveries');
    assert.match(head ?? '', /  LAST +URL$/);
    assert.match(last ?? '', /  http_410 +hooks\.example\.com\/r/);
    assert.deepEqual((await shownAt(120, 'webhooks', 'list', '--kind', 'registered')).slice(0, 2), [
      'ID                             KIND        STATE     NEXT  EVENTS            TASKS  URL',
      'ep_01M8A4E996B3WN28N5KDPPT7E8  registered  enabled         completed failed  all    hooks.example.com/raincheck',
    ]);
  });

  it('a delivery is its story, with the beginning of what it sends', async () => {
    assert.deepEqual(await shown('webhooks', 'show', sampleDeliveryId), [
      'delivery   msg_01M8A4E8X49JM2HXDQY4JRYS45',
      'event      operation.completed',
      'state      pending after 1 attempt (http_500), next attempt in 28 s: schedule step 1 ±20 %',
      'operation  op_01M833QKVJTQ91318PAAN2267W',
      'endpoint   ep_01M8A4E996B3WN28N5KDPPT7E8',
      'sent to    https://hooks.example.com/raincheck',
      'created    2026-01-01T00:00:00.000Z (7 s ago)',
      'expires    2026-01-06T00:00:00.000Z',
      'attempt 1  failed: http_500 in 12 ms',
      '  began    2026-01-01T00:00:01.000Z (6 s ago)',
      '  answer   broken really',
      '  next     2026-01-01T00:00:06.000Z: schedule step 1 ±20 %',
      'attempt 2  failed: http_502 in 12 ms (manual)',
      '  began    2026-01-01T00:00:06.000Z (1 s ago)',
      `  answer   ${'long '.repeat(20).slice(0, 68)}…`,
      'headers    x-team (values are never shown)',
      `body       ${'{"a":1}'.repeat(40).slice(0, 68)}…`,
    ]);
  });

  it('an endpoint is why nothing is sent to it now', async () => {
    const lines = await shown('webhooks', 'show', sampleEndpointId);
    assert.deepEqual(lines.slice(0, 9), [
      'endpoint   ep_01M8A4E996B3WN28N5KDPPT7E1',
      'kind       registered',
      'url        https://a-name-that-is-rather-long.example.com/and/a/path/that/is/longer',
      'state      waiting: next attempt in 2 m 00 s: circuit open after 5 failures, probe 2',
      'events     operation.completed operation.failed',
      'tasks      all',
      'health     circuit closed, last success never, last failure never',
      'waiting    2 pending, 0 held, 1 dead letter',
      'created    2026-01-01T00:00:00.000Z (7 s ago)',
    ]);
  });

  it('the age of an operation goes by the clock of the server', async () => {
    const [, line] = await shown('list');
    assert.match(line ?? '', /^op_01M833QKVJTQ91318PAAN2267W  countdown  completed  7 s$/);
  });

  it('a status tells how its webhook fares', async () => {
    const lines = await shown('status', sampleId);
    const about = lines.filter((line) => /^(?:webhook|sent to|delivery)/.test(line));
    assert.deepEqual(about, [
      `webhook    pending after 1 attempt (http_500), next attempt in 28 s: schedule step 1 ±20 %`,
      'sent to    https://hooks.example.com/raincheck',
      `delivery   ${sampleDeliveryId}`,
    ]);
  });
});
