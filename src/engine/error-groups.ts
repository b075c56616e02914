import { errorFingerprint } from '../core/error-fingerprint.ts';
import { errorTable } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import type { Operation, OperationError } from '../core/operation.ts';
import type { Engine, OperationFilter } from './engine.ts';
import { scanOperations } from './operation-scan.ts';

/**
 * Failed operations of one task with one code, whose details differ only in numbers, ids and the
 * like.
 */
export type ErrorGroup = {
  readonly fingerprint: string;
  readonly task: string;
  readonly code: string;
  readonly title: string;
  /** Detail of the newest operation of the group. */
  readonly sampleDetail: string;
  readonly sampleOperationId: string;
  readonly count: number;
  /** When the first and the last of them failed. */
  readonly firstAt: number;
  readonly lastAt: number;
};

export type ErrorGroups = {
  /** Most frequent first. */
  readonly groups: readonly ErrorGroup[];
  /** false: there are older operations that were not examined. */
  readonly isComplete: boolean;
};

/**
 * Groups failed operations by kind of error: the newest limits.errorScanMax, from
 * limits.errorScanPages pages at most. Cancelled operations are left out.
 */
export async function groupErrors(
  engine: Pick<Engine, 'list'>,
  filter: Pick<OperationFilter, 'tenant' | 'task' | 'since'>,
): Promise<ErrorGroups> {
  const byFingerprint = new Map<string, ErrorGroup>();
  let looked = 0;
  let pages = 0;
  let isComplete = false;
  for await (const page of scanOperations(engine, { ...filter, states: ['failed'] })) {
    for (const operation of page.operations) add(byFingerprint, operation);
    looked += page.operations.length;
    pages += 1;
    isComplete = page.isLast;
    if (looked >= limits.errorScanMax || pages >= limits.errorScanPages) break;
  }
  const groups = [...byFingerprint.values()].sort(
    (a, b) => b.count - a.count || b.lastAt - a.lastAt,
  );
  return { groups, isComplete };
}

/** The kind of error that an operation failed with; null: it has not failed. */
export function fingerprintOfFailed({ task, error }: Operation): string | null {
  return error === null ? null : errorFingerprint({ task, code: error.code, detail: error.detail });
}

function add(groups: Map<string, ErrorGroup>, operation: Operation): void {
  const { id, task, error, createdAt, finishedAt } = operation;
  const fingerprint = fingerprintOfFailed(operation);
  if (error === null || fingerprint === null || error.code === 'cancelled') return;
  const at = finishedAt ?? createdAt;
  const known = groups.get(fingerprint);
  groups.set(
    fingerprint,
    known === undefined
      ? {
          fingerprint,
          task,
          code: error.code,
          title: titleOf(error),
          sampleDetail: error.detail,
          sampleOperationId: id,
          count: 1,
          firstAt: at,
          lastAt: at,
        }
      : {
          ...known,
          count: known.count + 1,
          firstAt: Math.min(known.firstAt, at),
          lastAt: Math.max(known.lastAt, at),
        },
  );
}

function titleOf({ title, code }: OperationError): string {
  return title ?? errorTable[code].title;
}
