import {
  batchActions,
  batchInput,
  batchTasks,
  type BatchAction,
  type BatchInput,
} from '../engine/batch-input.ts';
import { keptBackPath, refusal } from '../engine/redaction.ts';
import { countBatch } from '../engine/batch-count.ts';
import { RaincheckError } from '../core/errors.ts';
import { jsonPointer } from '../core/json-pointer.ts';
import type { WireBatchCount } from '../core/wire-operation.ts';
import { tenant, type HttpContext } from './context.ts';
import type { ExchangeReply, ExchangeRequest } from './exchange.ts';
import { jsonReply } from './json-reply.ts';
import { route, type Route } from './route.ts';
import { submit } from './submit.ts';

export function batchRoutes(context: HttpContext): Route[] {
  return batchActions.map((action) =>
    route(batchTasks[action].address.replace(':', '::'), {
      post: (request) => batch(context, request, action),
    }),
  );
}

/**
 * Routes `POST /operations:batch-cancel`, `:batch-retry` and `:batch-remove`. Each submits an
 * operation that cancels, retries or removes all operations that the filter finds; with `dry_run`
 * it only counts them. They accept all options of a submit: Idempotency-Key, Prefer: wait, labels,
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
    answerWithoutStoring(body) {
      const input = batchInput(action, body);
      refuseKeptBack(context, input);
      return input.dryRun ? counted(context, input) : null;
    },
  });
}

/**
 * Refuses a filter on redacted input at once, since the accepted operation would fail for the same
 * reason.
 */
function refuseKeptBack({ engine }: HttpContext, { filter }: BatchInput): void {
  const kept = keptBackPath(filter, engine.tasks);
  if (kept === null) return;
  const pointer = jsonPointer(['filter', 'input', kept.path]);
  const detail = refusal(`input.${kept.path}`, kept.task);
  throw new RaincheckError('validation_failed', `${pointer}: ${detail}`, {
    errors: [{ pointer, detail }],
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
