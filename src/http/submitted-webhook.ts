import type { WebhookTarget } from '../core/delivery.ts';
import { RaincheckError } from '../core/errors.ts';
import type { HttpContext } from './context.ts';

/**
 * Members of a submitted object that are not input but say which address to notify. Recognised by
 * name, whatever the task's schema says.
 */
export const reservedMembers = ['webhook_url', 'webhook'] as const;

/** Every submit pays for this check: two look-ups. */
export function asksForWebhook(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) return false;
  return Object.hasOwn(value, 'webhook_url') || Object.hasOwn(value, 'webhook');
}

/**
 * Splits off these members: returns the input without them, and the checked target. Nothing is
 * stored yet. Throws `validation_failed`, `webhook_url_blocked`.
 */
export async function withoutWebhook(
  { webhooks }: HttpContext,
  value: Readonly<Record<string, unknown>>,
): Promise<{
  readonly input: { readonly value: unknown; readonly text: string };
  readonly target: WebhookTarget | undefined;
}> {
  const { webhook_url: webhookUrl, webhook, ...rest } = value;
  if (webhooks === null) throw noWebhooks(value);
  const target = await webhooks.target({ webhookUrl, webhook });
  return { input: { value: rest, text: JSON.stringify(rest) }, target: target ?? undefined };
}

/** Accepting it silently would promise a webhook that is never sent. */
function noWebhooks(value: object): RaincheckError {
  const member = reservedMembers.find((one) => Object.hasOwn(value, one)) ?? 'webhook';
  return new RaincheckError(
    'validation_failed',
    `\`${member}\` is reserved for webhooks, which this server does not send: leave it out and read the status instead.`,
    { errors: [{ pointer: `/${member}`, detail: 'This server sends no webhooks.' }] },
  );
}
