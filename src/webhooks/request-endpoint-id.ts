import { hash } from 'node:crypto';
import { endpointId, randomBytesPerId } from '../core/id.ts';

const timeBytes = 6;

/**
 * The id of the endpoint that stands for an address in a request: always the same for the same
 * tenant, origin and path, on every node, so that all later deliveries there share one health. It
 * is 128 bits of SHA-256 in the form of every id; unlike ids of registered endpoints it contains no
 * time.
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
