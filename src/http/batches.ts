import {
  batchInput,
  batchTasks,
  type BatchAction,
  type BatchInput,
} from '../engine/batch-input.ts';
import { countBatch } from '../engine/batch-count.ts';
import type { WireBatchCount } from '../core/wire-operation.ts';
import { tenant, type HttpContext } from './context.ts';
import type { ExchangeReply, ExchangeRequest } from './exchange.ts';
import { jsonReply } from './json-reply.ts';
import { route, type Route } from './route.ts';
import { submit } from './submit.ts';

export function batchRoutes(context: HttpContext): Route[] {
  return (['cancel', 'retry'] as const).map((action) =>
    route(batchTasks[action].address.replace(':', '::'), {
      post: (request) => batch(context, request, action),
    }),
  );
}

/**
 * `POST /operations:batch-cancel` and `:batch-retry`: submits an operation that does so to all that the filter finds;
 * with `dry_run` only counts them. All that goes with a submit goes here too: Idempotency-Key, Prefer: wait, labels,
 * webhook_url.
 */
function batch(
  context: HttpContext,
  request: ExchangeRequest,
  action: BatchAction,
): Promise<ExchangeReply> {
  return submit(context, request, {
    task: batchTasks[action].name,
    mayWait: true,
    instead(body) {
      const input = batchInput(action, body);
      return input.dryRun ? counted(context, input) : null;
    },
  });
}

async function counted(context: HttpContext, input: BatchInput): Promise<ExchangeReply> {
  const { count, isComplete, sample } = await countBatch(context.engine, { ...input, tenant });
  return jsonReply({
    dry_run: true,
    count,
    count_complete: isComplete,
    sample,
  } satisfies WireBatchCount);
}
