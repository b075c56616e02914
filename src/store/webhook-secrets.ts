import { limits } from '../core/limits.ts';
import type { WebhookSecret } from './delivery-store.ts';

/**
 * The owner of a tenant's secrets, which sign deliveries to endpoints without secrets of their own.
 */
export function tenantOwner(tenant: string): string {
  return `tenant:${tenant}`;
}

/** The `secrets` (newest first) that sign at `now`. */
export function liveSecrets(secrets: readonly WebhookSecret[], now: number): WebhookSecret[] {
  return secrets.filter(({ expiresAt }) => expiresAt === null || expiresAt > now);
}

/**
 * The live secrets of an owner, newest first, after `secret` became the newest. The secrets before
 * it expire at the end of the grace, or earlier if they already had an earlier end; the oldest
 * beyond limits.secretsMax expire at once.
 */
export function rotatedSecrets(
  secrets: readonly WebhookSecret[],
  p: { readonly secret: string; readonly graceMs: number; readonly now: number },
): WebhookSecret[] {
  const graceEndsAt = p.now + p.graceMs;
  const before = secrets.map((one) => ({
    ...one,
    expiresAt: Math.min(one.expiresAt ?? graceEndsAt, graceEndsAt),
  }));
  const newest = { value: p.secret, createdAt: p.now, expiresAt: null };
  return [newest, ...liveSecrets(before, p.now)].slice(0, limits.secretsMax);
}
