/**
 * What a settle needs to know of the attempt that it ends. None of it changes while the lease is
 * held.
 */
export type HeldLease = {
  readonly id: string;
  readonly seq: number;
  readonly task: string;
  readonly key: string | null;
  readonly attemptStartedAt: number;
  readonly tenant: string;
  readonly hasWebhook: boolean;
};

/** More than the attempts that run at once; a lease that was dropped is read from its row. */
const leasesMax = 10_000;

/**
 * Leases that were claimed here, by token, so that a completion need not read its row before it
 * writes it. This is not the fence, which is the WHERE of the write: an entry of a lease that was
 * lost, or of a claim that was rolled back, does no harm. Attempts that were claimed before this
 * process began are not here.
 */
export class HeldLeases {
  readonly #byToken = new Map<string, HeldLease>();

  keep(token: string, lease: HeldLease): void {
    if (this.#byToken.size >= leasesMax) this.#byToken.clear();
    this.#byToken.set(token, lease);
  }

  /** Removes the lease and returns it; undefined: it was not known. */
  take(id: string, token: string): HeldLease | undefined {
    const lease = this.#byToken.get(token);
    if (lease === undefined) return undefined;
    this.#byToken.delete(token);
    return lease.id === id ? lease : undefined;
  }
}
