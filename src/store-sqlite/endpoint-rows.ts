import type { Endpoint, EndpointHealth } from '../core/endpoint.ts';
import { endpointColumnCount, endpointColumns, endpointReader } from '../store/endpoint-rows.ts';
import { jsonOrNull, membersText } from '../store/json-columns.ts';
import type { Row, Value } from './connection.ts';

/** The columns of an endpoint, and its seq, by which rows of deliveries refer to it. */
export const endpointRowColumns = `${endpointColumns}, seq`;

/** The index of the first column that follows endpointRowColumns in a SELECT. */
export const endpointRowColumnCount = endpointColumnCount + 1;

/** From a row of endpointRowColumns. */
export function endpointSeqOf(row: Row): number {
  return row[endpointColumnCount] as number;
}

/** From a row of endpointColumns; columns that follow them are ignored. */
export const endpointOf = endpointReader((stored) => stored as string | null);

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
