import { timingSafeEqual } from 'node:crypto';
import type { Clock } from '../core/clock.ts';
import { isDeliveryId } from '../core/id.ts';
import type { Store } from '../store/store.ts';
import { tenantOwner } from '../store/webhook-secrets.ts';
import { webhookSignature } from './signature.ts';
import type { ReceivedSignature, SignatureCheck } from './webhooks.ts';

/** The tolerance that receivers are told to use (docs/webhooks.md). */
const toleranceSeconds = 300;
const signaturesMax = 16;

type SignatureCheckParts = {
  readonly store: Pick<Store, 'readDelivery' | 'readSecrets'>;
  readonly clock: Clock;
  /** The secrets of the setting `webhooks.secret`. */
  readonly configured: readonly string[];
};

/**
 * Checks whether one of our own secrets signed the request: that of the delivery, of its endpoint,
 * or of the tenant. It signs again and compares, since both of our signature schemes are
 * deterministic. Rejects with `store_unavailable`.
 */
export async function checkSignature(
  p: SignatureCheckParts,
  received: ReceivedSignature,
): Promise<SignatureCheck> {
  const { id, timestamp, signature, body } = received;
  if (id === null || timestamp === null || signature === null) {
    return { state: 'unsigned', detail: `There is no ${missingHeader(received)}.` };
  }
  if (!/^\d{1,12}$/.test(timestamp)) {
    return { state: 'invalid', detail: 'webhook-timestamp is no number of seconds since 1970.' };
  }
  const secrets = await secretsOf(p, received.tenant, id);
  const expected = webhookSignature({ id, timestamp: Number(timestamp), body, secrets }).split(' ');
  const given = signature.split(' ', signaturesMax);
  if (!expected.some((ours) => given.some((theirs) => isSame(ours, theirs)))) {
    return {
      state: 'invalid',
      detail: 'No secret of this server makes this signature of these bytes.',
    };
  }
  const apart = Math.abs(p.clock.now() / 1000 - Number(timestamp));
  return apart <= toleranceSeconds
    ? { state: 'valid', detail: null }
    : {
        state: 'invalid',
        detail: `It was signed ${Math.round(apart)} s from now: receivers refuse it.`,
      };
}

function missingHeader({ id, timestamp }: ReceivedSignature): string {
  if (id === null) return 'webhook-id';
  return timestamp === null ? 'webhook-timestamp' : 'webhook-signature';
}

/**
 * All secrets that may have signed: a person wants to know that the request is ours, not which
 * secret signed it.
 */
async function secretsOf(
  { store, clock, configured }: SignatureCheckParts,
  tenant: string,
  id: string,
): Promise<readonly string[]> {
  const now = clock.now();
  const stored = isDeliveryId(id) ? await store.readDelivery({ id }) : null;
  const ours = stored?.delivery.tenant === tenant ? stored : null;
  const owners = [tenantOwner(tenant), ...(ours === null ? [] : [ours.delivery.endpointId])];
  const kept = await Promise.all(owners.map((owner) => store.readSecrets({ owner, now })));
  const own = ours?.secret ?? null;
  return [...(own === null ? [] : [own]), ...configured, ...kept.flat().map(({ value }) => value)];
}

function isSame(ours: string, theirs: string): boolean {
  const [a, b] = [Buffer.from(ours), Buffer.from(theirs)];
  return a.length === b.length && timingSafeEqual(a, b);
}
