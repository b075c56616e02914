import type { WireRotatedSecret, WireSecretList } from '../core/wire-webhook.ts';
import { tenant, type WebhookContext } from './context.ts';
import { requireEndpointId } from './endpoints.ts';
import type { ExchangeReply, ExchangeRequest } from './exchange.ts';
import { iso, isoOrNull } from './iso.ts';
import { readJsonBody } from './json-body.ts';
import { jsonReply } from './json-reply.ts';

/**
 * `GET /webhooks/secret` (`endpointId` null: the one that signs for what has none of its own) and
 * `GET /webhooks/endpoints/{id}/secret`: since when and until when, never the values.
 */
export async function listSecrets(
  context: WebhookContext,
  endpointId: string | null,
): Promise<ExchangeReply> {
  if (endpointId !== null) requireEndpointId(endpointId);
  const secrets = await context.webhooks.listSecrets({ tenant, endpointId });
  return jsonReply(wireSecrets(secrets));
}

/** `POST …/secret/rotate`, body optional: `{"secret": …, "grace_seconds": …}`. 200 with the new one, told only now. */
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
  // Member by member: a value that comes along must not get out.
  return {
    secrets: secrets.map(({ createdAt, expiresAt }) => ({
      created_at: iso(createdAt),
      expires_at: isoOrNull(expiresAt),
    })),
  };
}
