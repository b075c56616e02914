import type { WebhookEvent } from '../core/delivery.ts';
import type {
  Endpoint,
  EndpointDisabled,
  EndpointHandshake,
  EndpointHealth,
} from '../core/endpoint.ts';
import { jsonOrNull, membersOf, membersText, parsed } from '../store/json-columns.ts';
import { booleanArray, numberArray, textArray } from './array-literal.ts';
import type { Row } from './connection.ts';

/**
 * Rows to records and back, by position, as in store/operation-rows.ts. Text that people wrote is
 * stored as JSON, because it may hold a U+0000.
 */
export const endpointColumns = `
  id, kind, version, created_at, disabled_at, disabled_reason, circuit, failures,
  first_failed_delivery, several_failed, probes, gate_at, gate_reason, in_flight_max, failing_since,
  last_success_at, last_failure_at, tenant, origin, url, events, tasks, headers, description,
  handshake`;

/** The index of the first column that follows endpointColumns in a SELECT. */
export const endpointColumnCount = 25;

type Nullable<Kind> = Kind | null;

export function endpointOf(row: Row): Endpoint {
  return {
    id: row[0] as string,
    tenant: row[17] as string,
    kind: row[1] as Endpoint['kind'],
    url: row[19] as string,
    origin: row[18] as string,
    events: parsed(row[20] ?? null) as WebhookEvent[],
    tasks: parsed(row[21] ?? null) as Nullable<string[]>,
    headers: membersOf(row[22] ?? null),
    description: parsed(row[23] ?? null) as Nullable<string>,
    handshake: parsed(row[24] ?? null) as Nullable<EndpointHandshake>,
    disabled:
      row[4] === null
        ? null
        : { reason: row[5] as EndpointDisabled['reason'], at: row[4] as number },
    health: healthOf(row),
    version: row[2] as number,
    createdAt: row[3] as number,
  };
}

function healthOf(row: Row): EndpointHealth {
  return {
    circuit: row[6] as EndpointHealth['circuit'],
    failures: row[7] as number,
    firstFailedDelivery: row[8] as Nullable<string>,
    severalFailed: row[9] as boolean,
    probes: row[10] as number,
    gateAt: row[11] as Nullable<number>,
    gateReason: row[12] as EndpointHealth['gateReason'],
    inFlightMax: row[13] as number,
    failingSince: row[14] as Nullable<number>,
    lastSuccessAt: row[15] as Nullable<number>,
    lastFailureAt: row[16] as Nullable<number>,
  };
}

/** A batch of endpoints as arrays, in the order and with the types of endpointColumns. */
export function endpointArrays(endpoints: readonly Endpoint[]): string[] {
  const health = endpoints.map((endpoint) => endpoint.health);
  const disabled = endpoints.map((endpoint) => endpoint.disabled);
  return [
    textArray(endpoints.map(({ id }) => id)),
    textArray(endpoints.map(({ kind }) => kind)),
    numberArray(endpoints.map(({ version }) => version)),
    numberArray(endpoints.map(({ createdAt }) => createdAt)),
    numberArray(disabled.map((one) => one && one.at)),
    textArray(disabled.map((one) => one && one.reason)),
    textArray(health.map(({ circuit }) => circuit)),
    numberArray(health.map(({ failures }) => failures)),
    textArray(health.map(({ firstFailedDelivery }) => firstFailedDelivery)),
    booleanArray(health.map(({ severalFailed }) => severalFailed)),
    numberArray(health.map(({ probes }) => probes)),
    numberArray(health.map(({ gateAt }) => gateAt)),
    textArray(health.map(({ gateReason }) => gateReason)),
    numberArray(health.map(({ inFlightMax }) => inFlightMax)),
    numberArray(health.map(({ failingSince }) => failingSince)),
    numberArray(health.map(({ lastSuccessAt }) => lastSuccessAt)),
    numberArray(health.map(({ lastFailureAt }) => lastFailureAt)),
    textArray(endpoints.map(({ tenant }) => tenant)),
    textArray(endpoints.map(({ origin }) => origin)),
    textArray(endpoints.map(({ url }) => url)),
    textArray(endpoints.map(({ events }) => JSON.stringify(events))),
    textArray(endpoints.map(({ tasks }) => jsonOrNull(tasks))),
    textArray(endpoints.map(({ headers }) => membersText(headers))),
    textArray(
      endpoints.map(({ description }) =>
        description === null ? null : JSON.stringify(description),
      ),
    ),
    textArray(endpoints.map(({ handshake }) => jsonOrNull(handshake))),
  ];
}

export const endpointArrayTypes = `
  $1::text[], $2::text[], $3::integer[], $4::bigint[], $5::bigint[], $6::text[], $7::text[],
  $8::integer[], $9::text[], $10::boolean[], $11::integer[], $12::bigint[], $13::text[], $14::integer[],
  $15::bigint[], $16::bigint[], $17::bigint[], $18::text[], $19::text[], $20::text[], $21::text[],
  $22::text[], $23::text[], $24::text[], $25::text[]`;
