import type { Delivery } from '../core/delivery.ts';
import { inFlightAllowed } from '../core/endpoint-health.ts';
import type {
  ClaimDeliveries,
  ClaimDeliveriesOutcome,
  ClaimedDelivery,
} from '../store/delivery-store.ts';
import type { DeliveryBook } from './delivery-book.ts';
import { dueBefore, type EndpointQueue } from './endpoint-queue.ts';

/**
 * One of each endpoint in turn, and round again, until the limit is reached or nobody has anything due and room in
 * flight. Linear in the endpoints that have something waiting.
 */
export function claimDeliveries(book: DeliveryBook, p: ClaimDeliveries): ClaimDeliveriesOutcome {
  const claimed: ClaimedDelivery[] = [];
  const origins = new Map<string, number>();
  for (const { endpoint } of book.inFlight()) count(origins, endpoint.origin);
  const take = (queue: EndpointQueue): boolean => {
    const { endpoint } = queue;
    const delivery = queue.firstDue(p.now);
    if (delivery === undefined) return false;
    if (queue.count('sending') >= inFlightAllowed(endpoint, p.endpointInFlightMax, p.now)) {
      return false;
    }
    if ((origins.get(endpoint.origin) ?? 0) >= p.originInFlightMax) return false;
    const { worker, leaseMs, now } = p;
    const stored = book.claim(delivery, { worker, leaseMs, now, token: p.newToken() });
    if (stored === undefined) return false;
    count(origins, endpoint.origin);
    claimed.push({ ...stored, endpoint, secrets: book.endpoints.signing(endpoint, now) });
    return true;
  };
  let round = inOrder(book, p.now);
  while (round.length > 0 && claimed.length < p.limit) {
    round = round.filter((queue) => claimed.length < p.limit && take(queue));
  }
  return { claimed, nextDueAt: nextDueAt(book, p.now) };
}

/** Endpoints with something due, the one that has been due longest first. */
function inOrder(book: DeliveryBook, now: number): EndpointQueue[] {
  const due: { queue: EndpointQueue; first: Delivery }[] = [];
  for (const queue of book.endpoints.all()) {
    const first = queue.count('pending') === 0 ? undefined : queue.firstDue(now);
    if (first !== undefined) due.push({ queue, first });
  }
  due.sort((a, b) => (dueBefore(a.first, b.first) ? -1 : 1));
  return due.map(({ queue }) => queue);
}

function nextDueAt(book: DeliveryBook, now: number): number | null {
  let earliest = Infinity;
  for (const queue of book.endpoints.all()) {
    const at = queue.count('pending') === 0 ? null : queue.nextDueAt(now);
    if (at !== null && at > now) earliest = Math.min(earliest, at);
  }
  return earliest === Infinity ? null : earliest;
}

function count(origins: Map<string, number>, origin: string): void {
  origins.set(origin, (origins.get(origin) ?? 0) + 1);
}
