import { isDue, type Delivery, type DeliveryState } from '../core/delivery.ts';
import type { Endpoint } from '../core/endpoint.ts';
import { gateStands } from '../core/endpoint-health.ts';
import { limits } from '../core/limits.ts';
import { isPast } from '../core/transitions.ts';
import { Heap } from './heap.ts';

/** Returns the present record of a delivery, by id. */
type Current = (id: string) => Delivery | undefined;

/**
 * One endpoint and its deliveries. Whoever changes the record of a delivery must call `replaced`.
 */
export class EndpointQueue {
  endpoint: Endpoint;
  readonly #current: Current;
  readonly #states = new Map<DeliveryState, Set<string>>();
  readonly #first: Heap<Delivery>;
  /** The far end of the schedule: an instant too far ahead counts as past (isDue). */
  readonly #last: Heap<Delivery>;
  /**
   * Deliveries that came first when they had already expired: they wait for the sweep, or for a
   * clock set back.
   */
  readonly #overdue: Heap<Delivery>;

  constructor(endpoint: Endpoint, current: Current) {
    this.endpoint = endpoint;
    this.#current = current;
    const isLive = (delivery: Delivery): boolean => current(delivery.id) === delivery;
    this.#first = new Heap(dueBefore, isLive);
    this.#last = new Heap((a, b) => dueBefore(b, a), isLive);
    this.#overdue = new Heap((a, b) => a.expiresAt > b.expiresAt, isLive);
  }

  /** `before` null: the delivery is new. `after` null: it was removed. */
  replaced(before: Delivery | null, after: Delivery | null): void {
    if (before !== null) this.#states.get(before.state)?.delete(before.id);
    if (after === null) return;
    let ids = this.#states.get(after.state);
    if (ids === undefined) this.#states.set(after.state, (ids = new Set()));
    ids.add(after.id);
    if (after.state !== 'pending') return;
    this.#first.push(after);
    this.#last.push(after);
  }

  count(state: DeliveryState): number {
    return this.#states.get(state)?.size ?? 0;
  }

  get isEmpty(): boolean {
    return [...this.#states.values()].every(({ size }) => size === 0);
  }

  /** The ids in this state, copied. */
  idsOf(state: DeliveryState): string[] {
    return [...(this.#states.get(state) ?? [])];
  }

  /** The delivery that has been due the longest at `now`, whatever the endpoint's health. */
  firstDue(now: number): Delivery | undefined {
    const first = this.#firstInTime(now);
    if (first !== undefined && isDue(first, now)) return first;
    const last = this.#last.peek();
    if (last === undefined || !isPast(last.nextAt ?? now, now, limits.deliveryTtlMs)) return;
    // Reached only after the clock was wrong.
    return this.idsOf('pending')
      .map((id) => this.#current(id))
      .filter((delivery) => delivery !== undefined && isDue(delivery, now))
      .reduce<Delivery | undefined>(
        (a, b) => (a === undefined || (b !== undefined && dueBefore(b, a)) ? b : a),
        undefined,
      );
  }

  /** When its first delivery is due and its gate is over; null when no delivery waits. */
  nextDueAt(now: number): number | null {
    const first = this.firstDue(now) === undefined ? this.#firstInTime(now) : null;
    if (first === undefined) return null;
    return Math.max(first?.nextAt ?? now, this.#gateEndsAt(now));
  }

  /** Whether no gate blocks at `now`. */
  isOpen(now: number): boolean {
    return this.#gateEndsAt(now) <= now;
  }

  #gateEndsAt(now: number): number {
    const { gateAt } = this.endpoint.health;
    return gateAt !== null && gateStands(gateAt, now) ? gateAt : now;
  }

  /** The first delivery that has not expired, due or not. */
  #firstInTime(now: number): Delivery | undefined {
    for (;;) {
      const back = this.#overdue.peek();
      if (back === undefined || back.expiresAt <= now) break;
      this.#overdue.pop();
      this.#first.push(back);
    }
    for (;;) {
      const first = this.#first.peek();
      if (first === undefined || first.expiresAt > now) return first;
      this.#first.pop();
      this.#overdue.push(first);
    }
  }
}

/** The order of claims within an endpoint, and of endpoints by their first delivery. */
export function dueBefore(a: Delivery, b: Delivery): boolean {
  const [atA, atB] = [a.nextAt ?? 0, b.nextAt ?? 0];
  return atA === atB ? a.id < b.id : atA < atB;
}
