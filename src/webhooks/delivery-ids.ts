import { hash, randomFillSync } from 'node:crypto';
import { deliveryId, endpointId, randomBytesPerId } from '../core/id.ts';

/** One call for random bytes per 400 ids: 10 bytes a call cost more than the bytes. */
const poolIds = 400;

/** Makes the ids of deliveries: what receivers see as `webhook-id`. */
export class DeliveryIds {
  readonly #random = new Uint8Array(randomBytesPerId * poolIds);
  #at = this.#random.length;

  next(now: number): string {
    if (this.#at >= this.#random.length) {
      randomFillSync(this.#random);
      this.#at = 0;
    }
    const start = this.#at;
    this.#at += randomBytesPerId;
    return deliveryId(now, this.#random.subarray(start, this.#at));
  }
}

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
