import { limits } from '../core/limits.ts';
import type { WireErrorGroups } from '../core/wire-operation.ts';
import { groupErrors } from '../engine/error-groups.ts';
import { tenant, type HttpContext } from './context.ts';
import type { ExchangeReply, ExchangeRequest } from './exchange.ts';
import { iso } from './iso.ts';
import { jsonReply } from './json-reply.ts';
import { parseLimit, parseTime, single } from './query.ts';

/**
 * `GET /errors`: failed operations by kind of error, the most frequent first. `since` (default a
 * day ago) goes by creation.
 */
export async function listErrors(
  context: HttpContext,
  request: ExchangeRequest,
): Promise<ExchangeReply> {
  const parameters = new URLSearchParams(request.query);
  const now = context.engine.clock.now();
  const limit = parseLimit(parameters);
  const { groups, isComplete } = await groupErrors(context.engine, {
    tenant,
    task: single(parameters, 'task') ?? undefined,
    since: parseTime(parameters, 'since', now) ?? now - limits.errorSinceMsDefault,
  });
  return jsonReply({
    groups: groups.slice(0, limit).map((group) => ({
      fingerprint: group.fingerprint,
      task: group.task,
      code: group.code,
      title: group.title,
      sample_detail: group.sampleDetail,
      count: group.count,
      first_at: iso(group.firstAt),
      last_at: iso(group.lastAt),
      sample_operation_id: group.sampleOperationId,
    })),
    complete: isComplete,
  } satisfies WireErrorGroups);
}
