import { randomBytes } from 'node:crypto';
import type { Clock } from '../core/clock.ts';
import { limits } from '../core/limits.ts';
import type { ClaimedDelivery } from '../store/delivery-store.ts';
import type { Store } from '../store/store.ts';
import { tenantOwner } from '../store/webhook-secrets.ts';
import { makeSecret, randomBytesPerSecret } from './secrets.ts';

type SigningSecretsParts = {
  readonly store: Pick<Store, 'readSecrets' | 'rotateSecret'>;
  readonly clock: Clock;
  /**
   * The secrets of the setting `webhooks.secret`, newest first; empty: secrets are kept in the
   * store.
   */
  readonly configured: readonly string[];
};

/**
 * Which secrets sign a delivery: its own, given by the request; else those of its registered
 * endpoint; else the tenant's, which come from the setting or, without it, are made when first
 * needed.
 */
export class SigningSecrets {
  readonly #p: SigningSecretsParts;
  readonly #making = new Map<string, Promise<readonly string[]>>();

  constructor(p: SigningSecretsParts) {
    this.#p = p;
  }

  /** Newest first, at least one. Rejects with `store_unavailable`. */
  of(claimed: ClaimedDelivery): readonly string[] | Promise<readonly string[]> {
    if (claimed.secret !== null) return [claimed.secret];
    const { configured } = this.#p;
    // A registered endpoint has had its own since it was created.
    if (claimed.endpoint.kind === 'request' && configured.length > 0) return configured;
    return claimed.secrets.length > 0 ? claimed.secrets : this.#made(claimed.delivery.tenant);
  }

  /** Makes a secret once, however many deliveries need it at the same time. */
  #made(tenant: string): Promise<readonly string[]> {
    let making = this.#making.get(tenant);
    if (making === undefined) {
      making = this.#make(tenant).finally(() => this.#making.delete(tenant));
      this.#making.set(tenant, making);
    }
    return making;
  }

  async #make(tenant: string): Promise<readonly string[]> {
    const { store, clock } = this.#p;
    const owner = tenantOwner(tenant);
    const there = await store.readSecrets({ owner, now: clock.now() });
    const live =
      there.length > 0
        ? there
        : await store.rotateSecret({
            owner,
            secret: makeSecret('v1', randomBytes(randomBytesPerSecret)),
            // Another process may have made one in the same instant: then both sign for a while.
            graceMs: limits.secretGraceMsDefault,
            now: clock.now(),
          });
    return live.map(({ value }) => value);
  }
}
