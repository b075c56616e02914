import type { OperationStatus } from '../core/operation.ts';
import type { WireBatchCount, WireBatched } from '../core/wire-operation.ts';
import { objectIn } from './answered-operation.ts';
import type { CallOptions, OperationHandle } from './operation.ts';
import type { OperationFilter } from './operation-filter.ts';
import { postSubmission, type SubmitOptions } from './submission.ts';
import type { Transport } from './transport.ts';

/** What a batch takes. */
export type Batch = {
  /**
   * {}: all of them. `status`: of `pending` and `processing` for a cancel, `failed` for a retry or a removal; that is the default.
   * A removal takes `completed` where it is named.
   * A cancel takes no `code` and no `error`: what is not over has none.
   */
  readonly filter: OperationFilter & {
    readonly status?: OperationStatus | readonly OperationStatus[] | undefined;
    /** Of a retry or a removal: a kind of error, as errors() tells it. */
    readonly fingerprint?: string | undefined;
  };
  /** The newest so many; 1..100,000, which is the default. */
  readonly limit?: number | undefined;
};

/** What a batch does to what it finds. */
export type BatchAction = 'cancel' | 'retry' | 'remove';

/** What is done to many operations at once is an operation itself, with progress and a result. */
export type BatchClient = {
  /** Cancels what the filter finds: what waits ends at once, what runs is asked to. */
  batchCancel(batch: Batch, options?: SubmitOptions): Promise<OperationHandle<WireBatched>>;
  /** Retries each failed operation that the filter finds, as a new one. */
  batchRetry(batch: Batch, options?: SubmitOptions): Promise<OperationHandle<WireBatched>>;
  /** Removes the operations that the filter finds, failed or, by `status`, completed: their addresses are 410 then. */
  batchRemove(batch: Batch, options?: SubmitOptions): Promise<OperationHandle<WireBatched>>;
  /** How many operations a batch would take. */
  countBatch(action: BatchAction, batch: Batch, options?: CallOptions): Promise<WireBatchCount>;
};

export function batchesOver(transport: Transport): BatchClient {
  const path = (action: BatchAction): string => `/operations:batch-${action}`;
  const start =
    (action: BatchAction) =>
    (batch: Batch, options: SubmitOptions = {}) =>
      postSubmission(transport, { path: path(action), input: batch, options }) as Promise<
        OperationHandle<WireBatched>
      >;
  return {
    batchCancel: start('cancel'),
    batchRetry: start('retry'),
    batchRemove: start('remove'),
    async countBatch(action, batch, { signal } = {}) {
      const url = transport.address(path(action));
      const json = { ...batch, dry_run: true };
      const answer = await transport.request({ method: 'POST', url, json, signal });
      return objectIn<WireBatchCount>(answer, url, 'count');
    },
  };
}
