import { limits } from '../core/limits.ts';
import type { WireRedriveCount } from '../core/wire.ts';
import {
  redriveFilter,
  redriveInput,
  redriveTask,
  type RedriveInput,
} from '../webhooks/redrive-input.ts';
import { tenant, type WebhookContext } from './context.ts';
import { deliveryPage } from './deliveries.ts';
import type { ExchangeReply, ExchangeRequest } from './exchange.ts';
import { jsonReply } from './json-reply.ts';
import { submit } from './submit.ts';

/** `GET /webhooks/dead-letters`: the deliveries that used up their attempts, newest first. */
export function listDeadLetters(
  context: WebhookContext,
  request: ExchangeRequest,
): Promise<ExchangeReply> {
  const parameters = new URLSearchParams(request.query);
  return deliveryPage(context, parameters, { path: '/webhooks/dead-letters', states: ['dead'] });
}

/**
 * `POST /webhooks/dead-letters/redrive`: submits an operation that sends them again, or discards them; with `dry_run`
 * only counts them. All that goes with a submit goes here too: Idempotency-Key, Prefer: wait, labels, webhook_url.
 */
export function redriveDeadLetters(
  context: WebhookContext,
  request: ExchangeRequest,
): Promise<ExchangeReply> {
  return submit(context, request, {
    task: redriveTask.name,
    mayWait: true,
    instead(body) {
      const input = redriveInput(body);
      return input.dryRun ? counted(context, input) : null;
    },
  });
}

async function counted(
  context: WebhookContext,
  { action, filter }: RedriveInput,
): Promise<ExchangeReply> {
  const all = redriveFilter({ filter, tenant });
  const count = await context.webhooks.countDeliveries({ filter: all });
  return jsonReply({
    dry_run: true,
    action,
    count,
    more: count >= limits.deliveryCountMax,
  } satisfies WireRedriveCount);
}
