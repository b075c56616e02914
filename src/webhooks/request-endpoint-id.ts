import { hash } from 'node:crypto';
import { endpointId, randomBytesPerId } from '../core/id.ts';

const timeBytes = 6;

/**
 * The id of the endpoint that a request names by its address: the same for the same tenant, origin and path, on
 * every node and for ever, so that the health of an address is known to whoever sends there next. 128 bits of
 * SHA-256 in the form of every id; unlike those of registered endpoints it tells no time.
 */
export function requestEndpointId(p: {
  readonly tenant: string;
  readonly origin: string;
  /** Without the query. */
  readonly path: string;
}): string {
  const digest = hash('sha256', JSON.stringify([p.tenant, p.origin, p.path]), 'buffer');
  return endpointId(
    digest.readUIntBE(0, timeBytes),
    digest.subarray(timeBytes, timeBytes + randomBytesPerId),
  );
}
