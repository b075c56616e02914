import type { Endpoint } from '../core/endpoint.ts';
import { endpointReader } from '../store/endpoint-rows.ts';
import { jsonOrNull, membersText, parsed } from '../store/json-columns.ts';
import { booleanArray, numberArray, textArray } from './array-literal.ts';

/** From a row of endpointColumns; columns that follow them are ignored. */
export const endpointOf = endpointReader((stored) => parsed(stored) as string | null);

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
