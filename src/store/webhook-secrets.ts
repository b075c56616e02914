import { limits } from '../core/limits.ts';
import type { WebhookSecret } from './delivery-store.ts';

/** Whose secrets sign what goes to an endpoint that has none of its own. */
export function tenantOwner(tenant: string): string {
  return `tenant:${tenant}`;
}

/** Those of `secrets`, newest first, that sign at `now`. */
export function liveSecrets(secrets: readonly WebhookSecret[], now: number): WebhookSecret[] {
  return secrets.filter(({ expiresAt }) => expiresAt === null || expiresAt > now);
}

/**
 * The live secrets of an owner, newest first, once `secret` is the newest. Those before it end with the grace, or
 * when they were to end anyway; beyond limits.secretsMax the oldest end at once.
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
