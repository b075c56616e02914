import type { WebhookEvent } from '../core/delivery.ts';
import type {
  Endpoint,
  EndpointDisabled,
  EndpointHandshake,
  EndpointHealth,
} from '../core/endpoint.ts';
import { jsonOrNull, membersOf, membersText, parsed } from '../store/json-columns.ts';
import type { Row, Value } from './connection.ts';

/** Rows to records and back, by position, as in store/operation-rows.ts. */
export const endpointColumns = `
  seq, id, kind, version, created_at, disabled_at, disabled_reason, circuit, failures,
  first_failed_delivery, several_failed, probes, gate_at, gate_reason, in_flight_max, failing_since,
  last_success_at, last_failure_at, tenant, origin, url, events, tasks, headers, description,
  handshake`;

/** The index of the first column that follows endpointColumns in a SELECT. */
export const endpointColumnCount = 26;

type Nullable<Kind> = Kind | null;

export function endpointOf(row: Row): Endpoint {
  return {
    id: row[1] as string,
    tenant: row[18] as string,
    kind: row[2] as Endpoint['kind'],
    url: row[20] as string,
    origin: row[19] as string,
    events: parsed(row[21] ?? null) as WebhookEvent[],
    tasks: parsed(row[22] ?? null) as Nullable<string[]>,
    headers: membersOf(row[23] ?? null),
    description: row[24] as Nullable<string>,
    handshake: parsed(row[25] ?? null) as Nullable<EndpointHandshake>,
    disabled:
      row[5] === null
        ? null
        : { reason: row[6] as EndpointDisabled['reason'], at: row[5] as number },
    health: healthOf(row),
    version: row[3] as number,
    createdAt: row[4] as number,
  };
}

function healthOf(row: Row): EndpointHealth {
  return {
    circuit: row[7] as EndpointHealth['circuit'],
    failures: row[8] as number,
    firstFailedDelivery: row[9] as Nullable<string>,
    severalFailed: row[10] === 1,
    probes: row[11] as number,
    gateAt: row[12] as Nullable<number>,
    gateReason: row[13] as EndpointHealth['gateReason'],
    inFlightMax: row[14] as number,
    failingSince: row[15] as Nullable<number>,
    lastSuccessAt: row[16] as Nullable<number>,
    lastFailureAt: row[17] as Nullable<number>,
  };
}

/** The values that may change, in the order of the statements of endpoint-ledger.ts. */
export function endpointValues({ health, disabled, ...endpoint }: Endpoint): Value[] {
  return [
    endpoint.version,
    disabled && disabled.at,
    disabled && disabled.reason,
    ...healthValues(health),
    endpoint.origin,
    endpoint.url,
    JSON.stringify(endpoint.events),
    jsonOrNull(endpoint.tasks),
    membersText(endpoint.headers),
    endpoint.description,
    jsonOrNull(endpoint.handshake),
  ];
}

export function healthValues(health: EndpointHealth): Value[] {
  return [
    health.circuit,
    health.failures,
    health.firstFailedDelivery,
    health.severalFailed ? 1 : 0,
    health.probes,
    health.gateAt,
    health.gateReason,
    health.inFlightMax,
    health.failingSince,
    health.lastSuccessAt,
    health.lastFailureAt,
  ];
}
