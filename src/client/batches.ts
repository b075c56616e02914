import type { OperationStatus } from '../core/operation.ts';
import type { WireBatchCount, WireBatched } from '../core/wire-operation.ts';
import { objectIn } from './answered-operation.ts';
import type { CallOptions, OperationHandle } from './operation.ts';
import type { OperationFilter } from './operation-filter.ts';
import { postSubmission, type SubmitOptions } from './submission.ts';
import type { Transport } from './transport.ts';

/** Which operations a batch takes. */
export type Batch = {
  /**
   * {} takes all of them. `status` defaults to `pending` and `processing` for a cancel, and to
   * `failed` for a retry or a removal; a removal takes `completed` operations only when named here.
   * A cancel accepts neither `code` nor `error`, because unfinished operations have none.
   */
  readonly filter: OperationFilter & {
    readonly status?: OperationStatus | readonly OperationStatus[] | undefined;
    /** Only for a retry or a removal: a kind of error, as errors() lists it. */
    readonly fingerprint?: string | undefined;
  };
  /** Take only the newest so many; 1..100,000, which is the default. */
  readonly limit?: number | undefined;
};

/** What a batch does to the operations that it finds. */
export type BatchAction = 'cancel' | 'retry' | 'remove';

/**
 * Calls that change many operations at once. Each batch is an operation itself, with progress and a
 * result.
 */
export type BatchClient = {
  /**
   * Cancels the operations that the filter finds: pending ones end at once, running ones are asked
   * to.
   */
  batchCancel(batch: Batch, options?: SubmitOptions): Promise<OperationHandle<WireBatched>>;
  /** Retries each failed operation that the filter finds, as a new operation. */
  batchRetry(batch: Batch, options?: SubmitOptions): Promise<OperationHandle<WireBatched>>;
  /**
   * Removes the operations that the filter finds: failed ones or, by `status`, completed ones.
   * Their addresses answer 410 from then on.
   */
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
