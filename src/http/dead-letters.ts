import { limits } from '../core/limits.ts';
import type { WireDeadLetterGroups, WireRedriveCount } from '../core/wire-webhook.ts';
import { groupDeadLetters } from '../webhooks/dead-letter-groups.ts';
import {
  redriveFilter,
  redriveInput,
  redriveTask,
  type RedriveInput,
} from '../webhooks/redrive-input.ts';
import { tenant, type WebhookContext } from './context.ts';
import { deliveryFilter, deliveryPage } from './deliveries.ts';
import type { ExchangeReply, ExchangeRequest } from './exchange.ts';
import { iso } from './iso.ts';
import { jsonReply } from './json-reply.ts';
import { parseLimit } from './query.ts';
import { submit } from './submit.ts';

/** `GET /webhooks/dead-letters`: deliveries that used up their attempts, newest first. */
export function listDeadLetters(
  context: WebhookContext,
  request: ExchangeRequest,
): Promise<ExchangeReply> {
  const parameters = new URLSearchParams(request.query);
  return deliveryPage(context, parameters, { path: '/webhooks/dead-letters', states: ['dead'] });
}

/**
 * `GET /webhooks/dead-letters:groups`: dead letters by endpoint and error, with the filters of the
 * list.
 */
export async function listDeadLetterGroups(
  context: WebhookContext,
  request: ExchangeRequest,
): Promise<ExchangeReply> {
  const parameters = new URLSearchParams(request.query);
  const limit = parseLimit(parameters);
  const filter = deliveryFilter(parameters, context.engine.clock.now());
  const { groups, isComplete } = await groupDeadLetters(context.webhooks, filter);
  return jsonReply({
    groups: groups.slice(0, limit).map((group) => ({
      fingerprint: group.fingerprint,
      endpoint_id: group.endpointId,
      error: group.error,
      count: group.count,
      first_at: iso(group.firstAt),
      last_at: iso(group.lastAt),
      sample_delivery_id: group.sampleDeliveryId,
    })),
    complete: isComplete,
  } satisfies WireDeadLetterGroups);
}

/**
 * `POST /webhooks/dead-letters/redrive`: submits an operation that sends dead letters again or
 * discards them; with `dry_run` it only counts them. It accepts all options of a submit:
 * Idempotency-Key, Prefer: wait, labels, webhook_url.
 */
export function redriveDeadLetters(
  context: WebhookContext,
  request: ExchangeRequest,
): Promise<ExchangeReply> {
  return submit(context, request, {
    task: redriveTask.name,
    mayWait: true,
    answerWithoutStoring(body) {
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
