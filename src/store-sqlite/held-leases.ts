/** What a settle needs to know of the attempt that it ends. None of it changes while the lease is held. */
export type HeldLease = {
  readonly id: string;
  readonly seq: number;
  readonly task: string;
  readonly key: string | null;
  readonly attemptStartedAt: number;
  readonly tenant: string;
  readonly hasWebhook: boolean;
};

/** More than attempts run at once; what is dropped is read from its row. */
const leasesMax = 10_000;

/**
 * Leases that were claimed here, by token, so that a completion needs no look at its row before it writes it. This is no fence:
 * that one is the WHERE of the write, so what stands here of a lease that was lost, or of a claim that was rolled back, does no
 * harm. An attempt of a former process is not here.
 */
export class HeldLeases {
  readonly #byToken = new Map<string, HeldLease>();

  keep(token: string, lease: HeldLease): void {
    if (this.#byToken.size >= leasesMax) this.#byToken.clear();
    this.#byToken.set(token, lease);
  }

  /** From now on it is not known any more; undefined: it was not. */
  take(id: string, token: string): HeldLease | undefined {
    const lease = this.#byToken.get(token);
    if (lease === undefined) return undefined;
    this.#byToken.delete(token);
    return lease.id === id ? lease : undefined;
  }
}
