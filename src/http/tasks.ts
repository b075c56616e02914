import { RaincheckError } from '../core/errors.ts';
import type { WireTask, WireTaskList } from '../core/wire-server.ts';
import type { TaskRecord } from '../engine/engine.ts';
import type { Task } from '../engine/task.ts';
import type { HttpContext } from './context.ts';
import type { ExchangeReply } from './exchange.ts';
import { jsonReply } from './json-reply.ts';
import { iso } from './iso.ts';

/** `GET /tasks`: the tasks defined here, by name. */
export async function listTasks(context: HttpContext): Promise<ExchangeReply> {
  const records = await recordsByTask(context);
  const tasks = [...context.engine.tasks.values()]
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map((task) => wireTask(context, task, records.get(task.name)));
  return jsonReply({ tasks } satisfies WireTaskList);
}

/** `GET /tasks/{name}` */
export async function readTask(context: HttpContext, name: string): Promise<ExchangeReply> {
  const task = context.engine.tasks.get(name);
  if (task === undefined) throw new RaincheckError('task_not_found', 'No task has this name.');
  const records = await recordsByTask(context);
  return jsonReply(wireTask(context, task, records.get(name)));
}

/** `POST /tasks/{name}/pause` and `/resume`: idempotent; 200 with the task as it is then. */
export async function setTaskPaused(
  context: HttpContext,
  name: string,
  paused: boolean,
): Promise<ExchangeReply> {
  await context.engine.setTaskPaused({ task: name, paused });
  return readTask(context, name);
}

async function recordsByTask(context: HttpContext): Promise<Map<string, TaskRecord>> {
  const records = await context.engine.taskRecords();
  return new Map(records.map((record) => [record.task, record]));
}

/** `record` undefined: the store has not seen the task yet. */
function wireTask(context: HttpContext, task: Task, record: TaskRecord | undefined): WireTask {
  const oldest = record?.oldestPendingAt ?? null;
  const { durations, accuracy } = context.engine.taskEstimates(task.name);
  return {
    name: task.name,
    path: `${context.basePath}${task.path}`,
    description: task.description,
    paused: record?.paused ?? false,
    redact: task.redact,
    input_schema: task.inputJsonSchema,
    limits: {
      attempts: task.attemptsMax,
      timeout_ms: task.timeoutMs,
      queue_timeout_ms: task.queueTimeoutMs,
      deadline_ms: task.deadlineMs,
      concurrency: task.concurrency,
      key_concurrency: task.keyConcurrency,
      pending: task.pendingMax,
    },
    counts: {
      pending: record?.pending ?? 0,
      processing: record?.processing ?? 0,
      completed: record?.completed ?? 0,
      failed: record?.failed ?? 0,
    },
    oldest_pending_at: oldest === null ? null : iso(oldest),
    estimate_ms: task.estimateMs,
    durations: durations && {
      p50_ms: durations.p50Ms,
      p90_ms: durations.p90Ms,
      samples: durations.samples,
    },
    estimate_accuracy: accuracy && {
      samples: accuracy.samples,
      within_bound: thousandths(accuracy.withinBound),
      error_median: thousandths(accuracy.errorMedian),
    },
  };
}

function thousandths(share: number): number {
  return Math.round(share * 1000) / 1000;
}
