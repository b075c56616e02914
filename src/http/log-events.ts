import { limits } from '../core/limits.ts';
import { isFinal, type Operation } from '../core/operation.ts';
import type { KeptLine } from '../engine/engine.ts';
import { tenant, type HttpContext } from './context.ts';
import { lastNumber } from './logs.ts';

/** The next news of an operation that is followed with its lines: a new state, or lines. */
export type OperationNews =
  | { readonly operation: Operation; readonly lines?: undefined }
  | { readonly lines: readonly KeptLine[]; readonly operation?: undefined };

/**
 * Yields the states of an operation and, between them, the lines that its handlers write after
 * number `after`. All lines come before the final state, which is the last item. `operation` is the
 * state sent already; if it is final, only lines follow.
 */
export async function* withLines(
  context: HttpContext,
  p: {
    readonly operation: Operation;
    readonly after: number;
    readonly states: AsyncGenerator<Operation>;
    readonly signal: AbortSignal;
  },
): AsyncGenerator<OperationNews, void, void> {
  const { states, signal } = p;
  const { id } = p.operation;
  let { after } = p;
  const followed = context.engine.followLogs({ id, after, signal });
  let state = tagged('state', states.next());
  let lines = tagged('lines', followed.next());
  try {
    for (;;) {
      const news = await Promise.race([lines, state]);
      if (news.what === 'lines') {
        if (news.done === true) return;
        after = lastNumber(news.value, after);
        yield { lines: news.value };
        lines = tagged('lines', followed.next());
        continue;
      }
      if (news.done === true) return;
      if (isFinal(news.value.state)) {
        for await (const rest of remainingLines(context, id, after)) yield { lines: rest };
        yield { operation: news.value };
        return;
      }
      yield { operation: news.value };
      state = tagged('state', states.next());
    }
  } finally {
    void followed.return(undefined);
  }
}

/** Yields the lines that are stored by now. */
export async function* remainingLines(
  context: HttpContext,
  id: string,
  from: number,
): AsyncGenerator<readonly KeptLine[], void, void> {
  for (let after = from; ;) {
    const limit = limits.logPageLines;
    const lines = await context.engine.logs({ id, tenant, after, limit });
    if (lines.length === 0) return;
    yield lines;
    after = lastNumber(lines, after);
  }
}

type Tagged<What extends string, Value> = { readonly what: What } & IteratorResult<Value, unknown>;

function tagged<What extends string, Value>(
  what: What,
  next: Promise<IteratorResult<Value, unknown>>,
): Promise<Tagged<What, Value>> {
  const tagging = next.then((result) => ({ what, ...result }));
  // The promise that loses the race may reject later, when nobody waits for it.
  tagging.catch(() => undefined);
  return tagging;
}
