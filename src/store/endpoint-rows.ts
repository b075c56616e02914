import type { WebhookEvent } from '../core/delivery.ts';
import type {
  Endpoint,
  EndpointDisabled,
  EndpointHandshake,
  EndpointHealth,
} from '../core/endpoint.ts';
import { membersOf, parsed, type TextOf } from './json-columns.ts';

/**
 * The columns of an endpoint in the stores that keep tables, read by position as in
 * operation-rows.ts. The names are those of both schemas.
 */
export const endpointColumns = `
  id, kind, version, created_at, disabled_at, disabled_reason, circuit, failures,
  first_failed_delivery, several_failed, probes, gate_at, gate_reason, in_flight_max, failing_since,
  last_success_at, last_failure_at, tenant, origin, url, events, tasks, headers, description,
  handshake`;

/** The index of the first column that follows endpointColumns in a SELECT. */
export const endpointColumnCount = endpointColumns.split(',').length;

/** A row as an array of its column values. */
type Row = readonly unknown[];
type Nullable<Kind> = Kind | null;

/** Makes the record from a row of endpointColumns; columns that follow them are ignored. */
export type EndpointOf = (row: Row) => Endpoint;

/** Returns a store's mapping of endpoints; its `textOf` reads the text of a person. */
export function endpointReader(textOf: TextOf): EndpointOf {
  return (row) => ({
    id: row[0] as string,
    tenant: row[17] as string,
    kind: row[1] as Endpoint['kind'],
    url: row[19] as string,
    origin: row[18] as string,
    events: parsed(row[20] ?? null) as WebhookEvent[],
    tasks: parsed(row[21] ?? null) as Nullable<string[]>,
    headers: membersOf(row[22] ?? null),
    description: textOf(row[23] ?? null),
    handshake: parsed(row[24] ?? null) as Nullable<EndpointHandshake>,
    disabled:
      row[4] === null
        ? null
        : { reason: row[5] as EndpointDisabled['reason'], at: row[4] as number },
    health: healthOf(row),
    version: row[2] as number,
    createdAt: row[3] as number,
  });
}

function healthOf(row: Row): EndpointHealth {
  return {
    circuit: row[6] as EndpointHealth['circuit'],
    failures: row[7] as number,
    firstFailedDelivery: row[8] as Nullable<string>,
    // SQLite has no booleans, but 0 and 1.
    severalFailed: Boolean(row[9]),
    probes: row[10] as number,
    gateAt: row[11] as Nullable<number>,
    gateReason: row[12] as EndpointHealth['gateReason'],
    inFlightMax: row[13] as number,
    failingSince: row[14] as Nullable<number>,
    lastSuccessAt: row[15] as Nullable<number>,
    lastFailureAt: row[16] as Nullable<number>,
  };
}
