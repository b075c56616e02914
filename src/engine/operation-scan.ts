import { limits } from '../core/limits.ts';
import type { Operation } from '../core/operation.ts';
import type { Engine, OperationFilter } from './engine.ts';

/** The operations that match a filter, newest first, page by page; some pages may be empty. */
export async function* scanOperations(
  engine: Pick<Engine, 'list'>,
  filter: OperationFilter,
): AsyncGenerator<{ readonly operations: readonly Operation[]; readonly isLast: boolean }> {
  let beforeId: string | null = null;
  do {
    const page: Awaited<ReturnType<Engine['list']>> = await engine.list({
      filter,
      limit: limits.pageSizeMax,
      beforeId,
    });
    beforeId = page.nextBeforeId;
    yield { operations: page.operations, isLast: beforeId === null };
  } while (beforeId !== null);
}
