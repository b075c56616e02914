import type { OperationHandle } from '../client/operation.ts';
import { errorTable, type ErrorCode } from '../core/errors.ts';
import type { WireOperation } from '../core/wire-operation.ts';
import type { Context } from './context.ts';
import { exitCodeOfOutcome, exitCodes } from './exit-codes.ts';
import { follow } from './follow.ts';
import { outcomeText } from './narration.ts';
import { deliverResult } from './result-output.ts';
import { shellWord } from './terminal-text.ts';

/**
 * Follows an operation to its end, tells the outcome and delivers the result: for `run`, `wait` and all bulk
 * commands. Returns the exit code.
 */
export async function followAndFinish(
  context: Context,
  handle: OperationHandle,
  p: { readonly timeoutMs: number | undefined; readonly to: string | undefined },
): Promise<number> {
  const { output, transport } = context;
  const followed = await follow(context, handle, { timeoutMs: p.timeoutMs });
  if (followed.end === 'detached') {
    output.note(`Detached. The operation keeps running.   ${resumeText(context, handle.id)}`);
    return exitCodes.detached.code;
  }
  if (followed.end === 'timeout') {
    output.note(`${handle.id} is still ${followed.operation.status}; it keeps running.`);
    output.note(resumeText(context, handle.id));
    return exitCodes.stillRunning.code;
  }
  const { operation } = followed;
  if (operation.status === 'failed') {
    const code = operation.error?.code ?? 'task_error';
    if (!output.json) output.problem(output.style('red', outcomeText(operation)));
    // Asking for the same once more is no use where the code says so.
    if (isRetryable(code) && !isGivenUp(operation)) {
      output.note(`Try it again: ${context.command} retry ${operation.id}${context.flags}`);
    }
    return exitCodeOfOutcome(code);
  }
  output.note(output.style('green', outcomeText(operation)));
  // Without -o the address of a file goes to stdout: once is enough.
  const isAddressed = p.to === undefined && !('result' in operation);
  if (operation.result_url !== null && !isAddressed) {
    output.note(`Result: ${transport.address(operation.result_url).href}`);
  }
  try {
    await deliverResult(context, handle, { operation, to: p.to, filesToPipe: false });
  } catch (error) {
    // The work is done and kept: only the last step is to be repeated.
    const again = p.to === undefined ? '' : ` -o ${shellWord(p.to)}`;
    output.note(
      `Fetch it again: ${context.command} result ${operation.id}${again}${context.flags}`,
    );
    throw error;
  }
  return exitCodes.ok.code;
}

/** Whether a retry may help. Codes of a newer server are given the benefit of the doubt. */
function isRetryable(code: string): boolean {
  return !isErrorCode(code) || errorTable[code].retryable;
}

/** Whether its task said `retryable: false`: it failed with attempts left. */
function isGivenUp(operation: WireOperation): boolean {
  return operation.error?.code === 'task_error' && operation.attempt < operation.attempts_max;
}

function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(errorTable, code);
}

export function resumeText({ command, flags }: Context, id: string): string {
  return `${command} wait ${id}${flags}   |   ${command} cancel ${id}${flags}`;
}
