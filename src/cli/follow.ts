import type { OperationHandle } from '../client/operation.ts';
import { WaitTimeout } from '../client/problem.ts';
import { isFinal } from '../client/wait.ts';
import type { WireOperation } from '../core/wire-operation.ts';
import { retryText, type Context } from './context.ts';
import { isNewlyStalled, newsOf } from './narration.ts';
import { ProgressLine, progressText } from './progress-line.ts';
import { stalledHint } from './stalled.ts';

export type Followed =
  | { readonly end: 'final'; readonly operation: WireOperation }
  | { readonly end: 'timeout'; readonly operation: WireOperation }
  | { readonly end: 'detached' };

/**
 * Shows an operation until its end: one rewritten line on a terminal, a line for each change elsewhere,
 * an object for each change with --json. Ctrl-C leaves it running.
 */
export async function follow(
  context: Context,
  handle: OperationHandle,
  p: { readonly timeoutMs: number | undefined },
): Promise<Followed> {
  const detach = new AbortController();
  const onInterrupt = (): void => detach.abort();
  process.on('SIGINT', onInterrupt);
  const view = createView(context, handle.accepted);
  try {
    const { signal } = detach;
    const operation = await handle.wait({ timeout: p.timeoutMs, signal, onChange: view.show });
    view.show(operation);
    return { end: 'final', operation };
  } catch (error) {
    if (signalled(detach)) return { end: 'detached' };
    if (error instanceof WaitTimeout) return { end: 'timeout', operation: error.operation };
    throw error;
  } finally {
    view.close();
    // Once detached it stays: a terminal may deliver one Ctrl-C twice, to us and through a parent.
    if (!signalled(detach)) process.off('SIGINT', onInterrupt);
  }
}

function signalled(controller: AbortController): boolean {
  return controller.signal.aborted;
}

type View = { readonly show: (operation: WireOperation) => void; readonly close: () => void };

function createView(context: Context, accepted: WireOperation | null): View {
  const { output, transport, retries } = context;
  const tellBefore = retries.tell;
  let latest: WireOperation | null = null;
  let trouble: string | null = null;

  const compose = (): string | null => {
    if (latest === null || isFinal(latest)) return null;
    const now = transport.serverNow();
    const line = { operation: latest, now, trouble, width: output.width() };
    return progressText(line, output.style);
  };
  const line = output.canRewrite ? new ProgressLine(output, compose) : null;

  function show(operation: WireOperation): void {
    trouble = null;
    if (latest !== null && JSON.stringify(latest) === JSON.stringify(operation)) return;
    if (output.json) output.resultJson(operation);
    for (const news of newsOf(latest, operation, transport.serverNow())) {
      if (line !== null && !news.lasting) continue;
      line?.clear();
      output.note(news.text);
    }
    const hint = isNewlyStalled(latest, operation) ? stalledHint(context, operation) : null;
    if (hint !== null) output.note(hint);
    latest = operation;
    line?.report(operation.progress?.fraction ?? null);
    line?.paint();
  }

  retries.tell = (notice) => {
    // On a terminal the line itself says so; elsewhere once is enough, until there is better news.
    if (line === null && trouble === null) output.note(retryText(notice));
    trouble = 'server does not answer, trying again';
    line?.paint();
  };
  if (accepted !== null) show(accepted);
  return {
    show,
    close(): void {
      line?.close();
      retries.tell = tellBefore;
    },
  };
}
