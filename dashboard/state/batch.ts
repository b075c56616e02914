import type { Batch, BatchAction, WireBatchCount } from 'raincheck/client';
import type { ServerFilter } from './filter.ts';
import { client } from './server.ts';

/**
 * One action on many operations: by a filter on the server, or on a few selected ones, one by one.
 */
export type BatchCount = Pick<WireBatchCount, 'count' | 'count_complete' | 'sample'>;

export async function countBatch(
  action: BatchAction,
  filters: readonly ServerFilter[],
  signal: AbortSignal,
): Promise<BatchCount> {
  const counts = await Promise.all(
    filters.map(({ batch }) => client.countBatch(action, { filter: batch }, { signal })),
  );
  return {
    count: counts.reduce((sum, one) => sum + one.count, 0),
    count_complete: counts.every((one) => one.count_complete),
    sample: counts.flatMap((one) => one.sample).slice(0, 10),
  };
}

const starts = {
  cancel: (batch: Batch) => client.batchCancel(batch),
  retry: (batch: Batch) => client.batchRetry(batch),
  remove: (batch: Batch) => client.batchRemove(batch),
} as const;

/**
 * Starts the batches and returns their operation ids, one for each filter. They can be followed
 * like any other operation.
 */
export async function startBatch(
  action: BatchAction,
  filters: readonly ServerFilter[],
): Promise<readonly string[]> {
  const started = await Promise.all(filters.map(({ batch: filter }) => starts[action]({ filter })));
  return started.map(({ id }) => id);
}

export type PickedOutcome = { readonly done: number; readonly failed: number };

/** Acts on the selected operations, at most a page of them, four at a time. */
export async function actOnPicked(
  action: 'cancel' | 'retry',
  ids: readonly string[],
): Promise<PickedOutcome> {
  const waiting = [...ids];
  let done = 0;
  async function worker(): Promise<void> {
    for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
      const operation = client.operation(id);
      const acted = action === 'cancel' ? operation.cancel() : operation.retry();
      done += await acted.then(
        () => 1,
        () => 0,
      );
    }
  }
  await Promise.all([worker(), worker(), worker(), worker()]);
  return { done, failed: ids.length - done };
}
