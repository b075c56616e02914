import type { WebhookTarget } from '../core/delivery.ts';
import { RaincheckError } from '../core/errors.ts';
import type { HttpContext } from './context.ts';

/** The members of a submitted object that are no input: they say whom to tell. Told apart by name, whatever the task's schema says. */
export const reservedMembers = ['webhook_url', 'webhook'] as const;

/** Every submit pays for this one: two look-ups. */
export function asksForWebhook(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) return false;
  return Object.hasOwn(value, 'webhook_url') || Object.hasOwn(value, 'webhook');
}

/** The input without them, and whom to tell: checked before anything is stored. `validation_failed`, `webhook_url_blocked`. */
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

/** Silence would be a promise nobody keeps. */
function noWebhooks(value: object): RaincheckError {
  const member = reservedMembers.find((one) => Object.hasOwn(value, one)) ?? 'webhook';
  return new RaincheckError(
    'validation_failed',
    `\`${member}\` is reserved for webhooks, which this server does not send: leave it out and read the status instead.`,
    { errors: [{ pointer: `/${member}`, detail: 'This server sends no webhooks.' }] },
  );
}
