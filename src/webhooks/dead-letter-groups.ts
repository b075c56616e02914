import { fingerprintOf } from '../core/error-fingerprint.ts';
import type { Delivery } from '../core/delivery.ts';
import { limits } from '../core/limits.ts';
import type { DeliveryFilter, DeliveryPage } from '../store/delivery-store.ts';
import type { Webhooks } from './webhooks.ts';

/**
 * Dead letters of one endpoint with one class of error, as a redrive selects them by `endpoint` and
 * `error`.
 */
export type DeadLetterGroup = {
  readonly fingerprint: string;
  readonly endpointId: string;
  /**
   * The error class of the latest attempt: `timeout`, `http_500` …; '' when there was no attempt.
   */
  readonly error: string;
  readonly count: number;
  /** When the first and the last of them died. */
  readonly firstAt: number;
  readonly lastAt: number;
  /** The newest of them. */
  readonly sampleDeliveryId: string;
};

/**
 * Dead letters by group, the most frequent first. Reads the newest limits.errorScanMax, on at most
 * limits.errorScanPages pages.
 */
export async function groupDeadLetters(
  webhooks: Pick<Webhooks, 'listDeliveries'>,
  filter: Omit<DeliveryFilter, 'states'>,
): Promise<{ readonly groups: readonly DeadLetterGroup[]; readonly isComplete: boolean }> {
  const byFingerprint = new Map<string, DeadLetterGroup>();
  let looked = 0;
  let pages = 0;
  let beforeId: string | null = null;
  do {
    const page: DeliveryPage = await webhooks.listDeliveries({
      filter: { ...filter, states: ['dead'] },
      limit: limits.pageSizeMax,
      beforeId,
    });
    for (const delivery of page.deliveries) add(byFingerprint, delivery);
    looked += page.deliveries.length;
    pages += 1;
    beforeId = page.nextBeforeId;
  } while (beforeId !== null && looked < limits.errorScanMax && pages < limits.errorScanPages);
  const groups = [...byFingerprint.values()].sort(
    (a, b) => b.count - a.count || b.lastAt - a.lastAt,
  );
  return { groups, isComplete: beforeId === null };
}

function add(groups: Map<string, DeadLetterGroup>, delivery: Delivery): void {
  const { id, endpointId, createdAt, finishedAt } = delivery;
  const error = delivery.lastError ?? '';
  const fingerprint = fingerprintOf([endpointId, error]);
  const at = finishedAt ?? createdAt;
  const known = groups.get(fingerprint);
  groups.set(fingerprint, {
    fingerprint,
    endpointId,
    error,
    count: (known?.count ?? 0) + 1,
    firstAt: Math.min(known?.firstAt ?? at, at),
    lastAt: Math.max(known?.lastAt ?? at, at),
    sampleDeliveryId: known?.sampleDeliveryId ?? id,
  });
}
