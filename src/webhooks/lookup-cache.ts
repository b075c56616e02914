import type { Clock } from '../core/clock.ts';
import { limits } from '../core/limits.ts';
import type { Lookup } from './lookup.ts';

/**
 * Remembers the addresses of a name for limits.webhookLookupMs, so that a burst to one receiver
 * asks once, and lets callers that ask at the same time share one answer. Failures are not
 * remembered. It returns just what the lookup returned: every connect checks the addresses again.
 */
export class LookupCache {
  readonly #lookup: Lookup;
  readonly #clock: Clock;
  #underWay = 0;
  /** Oldest first. */
  readonly #answers = new Map<string, { readonly until: number; readonly found: Found }>();

  constructor(lookup: Lookup, clock: Clock) {
    this.#lookup = lookup;
    this.#clock = clock;
  }

  find(hostname: string): Found {
    const now = this.#clock.now();
    const known = this.#answers.get(hostname);
    if (known !== undefined && known.until > now) return known.found;
    const found = this.#counted(hostname);
    this.#answers.delete(hostname);
    this.#answers.set(hostname, { until: now + limits.webhookLookupMs, found });
    found.catch(() => this.#forget(hostname, found));
    this.#trim();
    return found;
  }

  /** As find(); null: so many look-ups are under way that nobody should wait for one more. */
  tryFind(hostname: string): Found | null {
    const isKnown = (this.#answers.get(hostname)?.until ?? 0) > this.#clock.now();
    return isKnown || this.#underWay < limits.webhookLookups ? this.find(hostname) : null;
  }

  async #counted(hostname: string): Found {
    this.#underWay += 1;
    try {
      return await this.#lookup(hostname);
    } finally {
      this.#underWay -= 1;
    }
  }

  #forget(hostname: string, found: Found): void {
    if (this.#answers.get(hostname)?.found === found) this.#answers.delete(hostname);
  }

  #trim(): void {
    for (const hostname of this.#answers.keys()) {
      if (this.#answers.size <= limits.webhookLookupNames) return;
      this.#answers.delete(hostname);
    }
  }
}

type Found = Promise<readonly string[]>;
