import type { WireRotatedSecret, WireSecretList } from '../core/wire-webhook.ts';
import { tenant, type WebhookContext } from './context.ts';
import { requireEndpointId } from './endpoints.ts';
import type { ExchangeReply, ExchangeRequest } from './exchange.ts';
import { iso, isoOrNull } from './iso.ts';
import { readJsonBody } from './json-body.ts';
import { jsonReply } from './json-reply.ts';

/**
 * `GET /webhooks/secret` and `GET /webhooks/endpoints/{id}/secret`: when each secret was made and
 * expires, never its value. `endpointId` null: the secrets that sign for endpoints without one of
 * their own.
 */
export async function listSecrets(
  context: WebhookContext,
  endpointId: string | null,
): Promise<ExchangeReply> {
  if (endpointId !== null) requireEndpointId(endpointId);
  const secrets = await context.webhooks.listSecrets({ tenant, endpointId });
  return jsonReply(wireSecrets(secrets));
}

/**
 * `POST …/secret/rotate`, body optional: `{"secret": …, "grace_seconds": …}`. 200 with the new
 * secret, shown only this once.
 */
export async function rotateSecret(
  context: WebhookContext,
  request: ExchangeRequest,
  endpointId: string | null,
): Promise<ExchangeReply> {
  if (endpointId !== null) requireEndpointId(endpointId);
  const body = await readJsonBody(request, context.bodyBytesMax);
  const rotated = await context.webhooks.rotateSecret({
    tenant,
    endpointId,
    body: body === null ? {} : body.value,
  });
  return jsonReply({
    secret: rotated.secret,
    ...wireSecrets(rotated.secrets),
  } satisfies WireRotatedSecret);
}

function wireSecrets(
  secrets: readonly { readonly createdAt: number; readonly expiresAt: number | null }[],
): WireSecretList {
  // Copied member by member, so that a value in the record cannot get out.
  return {
    secrets: secrets.map(({ createdAt, expiresAt }) => ({
      created_at: iso(createdAt),
      expires_at: isoOrNull(expiresAt),
    })),
  };
}
