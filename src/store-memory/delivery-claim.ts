import type { Delivery } from '../core/delivery.ts';
import { afterClaim, inFlightAllowed } from '../core/endpoint-health.ts';
import type {
  ClaimDeliveries,
  ClaimDeliveriesOutcome,
  ClaimedDelivery,
} from '../store/delivery-store.ts';
import type { DeliveryBook } from './delivery-book.ts';
import { dueBefore, type EndpointQueue } from './endpoint-queue.ts';
import { Heap } from './heap.ts';

/**
 * Claims one delivery of each endpoint in turn, in several rounds, until the limit is reached or no
 * endpoint has a due delivery and room in flight. It looks at every endpoint with waiting
 * deliveries, even beyond limits.deliveryScanEndpoints: the model must be exact, and in memory that
 * is cheap enough (10,000 waiting ones took 4 ms a claim).
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
    const paced = afterClaim(endpoint, now);
    if (paced !== endpoint) book.endpoints.replace(queue, paced);
    claimed.push({ ...stored, endpoint, secrets: book.endpoints.signing(endpoint, now) });
    return true;
  };
  const { due, nextDueAt } = waiting(book, p.now);
  let round: EndpointQueue[] = [];
  const touched: EndpointQueue[] = [];
  while (claimed.length < p.limit) {
    const queue = due.pop()?.queue;
    if (queue === undefined) break;
    touched.push(queue);
    if (take(queue)) round.push(queue);
  }
  while (round.length > 0 && claimed.length < p.limit) {
    round = round.filter((queue) => claimed.length < p.limit && take(queue));
  }
  const earliest = Math.min(nextDueAt, ...touched.map((queue) => laterThan(p.now, queue)));
  return { claimed, nextDueAt: earliest === Infinity ? null : earliest };
}

type Due = { readonly queue: EndpointQueue; readonly first: Delivery };

/**
 * Endpoints with a due delivery, the one due the longest on top, and when the first of the others
 * is due.
 */
function waiting(book: DeliveryBook, now: number): { due: Heap<Due>; nextDueAt: number } {
  const due = new Heap<Due>(
    (a, b) => dueBefore(a.first, b.first),
    () => true,
  );
  let nextDueAt = Infinity;
  for (const queue of book.endpoints.waiting) {
    const first = queue.isOpen(now) ? queue.firstDue(now) : undefined;
    if (first !== undefined) due.push({ queue, first });
    else nextDueAt = Math.min(nextDueAt, laterThan(now, queue));
  }
  return { due, nextDueAt };
}

function laterThan(now: number, queue: EndpointQueue): number {
  const at = queue.nextDueAt(now);
  return at !== null && at > now ? at : Infinity;
}

function count(origins: Map<string, number>, origin: string): void {
  origins.set(origin, (origins.get(origin) ?? 0) + 1);
}
