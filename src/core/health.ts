import { formatDuration } from './duration.ts';

/**
 * The health of a server in one sentence: the single worst problem, or that there is none. Critical
 * problems are worse than degraded ones; among equals, the order of this list decides:
 *
 *   store_unavailable  critical                  no operation can be accepted
 *   no_workers         critical                  an operation waits that no worker can run
 *   oldest_waiting     degraded, from 10 × that critical
 *                                                an operation waits longer than 1 min and 10 × its task's duration
 *   failing            degraded, from half on critical
 *                                                a tenth failed of at least 10 operations that ended in the last 5 min,
 *                                                without cancelled ones
 *   dead_letters       degraded                  webhooks wait for a person
 *   paused             degraded                  an operation waits for a task that is paused
 */
export const healthCodes = [
  'store_unavailable',
  'no_workers',
  'oldest_waiting',
  'failing',
  'dead_letters',
  'paused',
  'ok',
] as const;
/** One of healthCodes: the subject of the sentence; ok: nothing is wrong. */
export type HealthCode = (typeof healthCodes)[number];

export const healthStatuses = ['healthy', 'degraded', 'critical'] as const;
/** One of healthStatuses, best first. */
export type HealthStatus = (typeof healthStatuses)[number];

/** The health of a server: the single worst problem, or that there is none. */
export type Health = {
  readonly status: HealthStatus;
  readonly message: string;
  /** The task that the sentence is about; null: all tasks, or none. */
  readonly task: string | null;
  readonly code: HealthCode;
};

export type HealthFacts = {
  readonly now: number;
  readonly isStoreAvailable: boolean;
  readonly tasks: readonly {
    readonly task: string;
    readonly paused: boolean;
    readonly pending: number;
    /** When the operation that waits longest could have run; null: none waits. */
    readonly oldestPendingAt: number | null;
    /** The mean duration of its operations; null: not known. */
    readonly meanDurationMs: number | null;
    /** Whether a live worker runs the task. */
    readonly hasWorker: boolean;
  }[];
  /** Counts of the last five minutes. */
  readonly recent: {
    readonly completed: number;
    readonly failedByCode: ReadonlyMap<string, number>;
  };
  /** Counted up to `deadLettersMax`; null: this server sends no webhooks. */
  readonly deadLetters: number | null;
  readonly deadLettersMax: number;
};

const waitMsMin = 60_000;
const waitFactor = 10;
const failingOf = 10;
const failingShare = 0.1;
const failingShareCritical = 0.5;

export function healthOf(facts: HealthFacts): Health {
  const found = [
    unavailable(facts),
    noWorkers(facts),
    oldestWaiting(facts),
    failing(facts),
    deadLetters(facts),
    paused(facts),
  ].filter((one) => one !== null);
  const worst = found.find(({ status }) => status === 'critical') ?? found[0];
  return worst ?? { status: 'healthy', message: 'Healthy.', task: null, code: 'ok' };
}

function unavailable({ isStoreAvailable }: HealthFacts): Health | null {
  if (isStoreAvailable) return null;
  const message = 'The store cannot be reached: nothing is accepted, and what is shown is old.';
  return { status: 'critical', message, task: null, code: 'store_unavailable' };
}

type Waiting = {
  readonly task: string;
  readonly waitedMs: number;
  readonly meanDurationMs: number | null;
};

/** Tasks that are not paused and have an operation ready to run, the longest wait first. */
function waiting(
  { tasks, now }: HealthFacts,
  wanted: (task: HealthFacts['tasks'][number]) => boolean,
): Waiting[] {
  return tasks
    .flatMap((one) => {
      const { task, oldestPendingAt, meanDurationMs } = one;
      if (one.paused || oldestPendingAt === null || !wanted(one)) return [];
      return [{ task, meanDurationMs, waitedMs: Math.max(0, now - oldestPendingAt) }];
    })
    .sort((a, b) => b.waitedMs - a.waitedMs);
}

function noWorkers(facts: HealthFacts): Health | null {
  const [worst] = waiting(facts, ({ hasWorker }) => !hasWorker);
  if (worst === undefined) return null;
  const { task, waitedMs } = worst;
  const message = `${task}: oldest waiting ${formatDuration(waitedMs)}, no workers.`;
  return { status: 'critical', message, task, code: 'no_workers' };
}

function oldestWaiting(facts: HealthFacts): Health | null {
  const [worst] = waiting(facts, ({ hasWorker }) => hasWorker)
    .map((one) => ({ ...one, times: one.waitedMs / usualMs(one) }))
    .filter(({ times }) => times > 1)
    .sort((a, b) => b.times - a.times);
  if (worst === undefined) return null;
  const { task, waitedMs, meanDurationMs, times } = worst;
  const takes =
    meanDurationMs === null ? '' : `, where one takes ${formatDuration(meanDurationMs)}`;
  return {
    status: times >= waitFactor ? 'critical' : 'degraded',
    message: `${task}: oldest waiting ${formatDuration(waitedMs)}${takes}.`,
    task,
    code: 'oldest_waiting',
  };
}

function usualMs({ meanDurationMs }: Waiting): number {
  return Math.max(waitMsMin, waitFactor * (meanDurationMs ?? 0));
}

function failing({ recent }: HealthFacts): Health | null {
  const failures = [...recent.failedByCode].filter(([code]) => code !== 'cancelled');
  const failed = failures.reduce((sum, [, count]) => sum + count, 0);
  const ended = recent.completed + failed;
  const share = failed / ended;
  if (ended < failingOf || share < failingShare) return null;
  const [most] = failures.sort(([, a], [, b]) => b - a);
  const message = `${Math.round(share * 100)} % of ${ended} operations failed in the last 5 minutes, most by ${most?.[0]}.`;
  const status = share >= failingShareCritical ? 'critical' : 'degraded';
  return { status, message, task: null, code: 'failing' };
}

function deadLetters({ deadLetters: count, deadLettersMax }: HealthFacts): Health | null {
  if (count === null || count === 0) return null;
  const number = count >= deadLettersMax ? `${deadLettersMax} or more` : String(count);
  const message =
    count === 1
      ? '1 webhook was given up and waits for a person.'
      : `${number} webhooks were given up and wait for a person.`;
  return { status: 'degraded', message, task: null, code: 'dead_letters' };
}

function paused({ tasks }: HealthFacts): Health | null {
  const [most] = tasks
    .filter((task) => task.paused && task.pending > 0)
    .sort((a, b) => b.pending - a.pending);
  if (most === undefined) return null;
  const { task, pending } = most;
  const wait = pending === 1 ? '1 operation waits' : `${pending} operations wait`;
  return { status: 'degraded', message: `${task}: paused, ${wait}.`, task, code: 'paused' };
}
