import type { OperationHandle } from '../client/operation.ts';
import type { Context } from './context.ts';
import { exitCodeOfOutcome, exitCodes } from './exit-codes.ts';
import { follow } from './follow.ts';
import { outcomeText } from './narration.ts';
import { deliverResult } from './result-output.ts';

/** What `run` and `wait` share: follow to the end, tell the outcome, deliver the result. */
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
    output.note(`Try it again: raincheck retry ${operation.id}${context.flags}`);
    return exitCodeOfOutcome(code);
  }
  output.note(output.style('green', outcomeText(operation)));
  // A file without -o is its address on stdout: once is enough.
  const isAddressed = p.to === undefined && !('result' in operation);
  if (operation.result_url !== null && !isAddressed) {
    output.note(`Result: ${transport.address(operation.result_url).href}`);
  }
  await deliverResult(context, handle, { operation, to: p.to, filesToPipe: false });
  return exitCodes.ok.code;
}

export function resumeText({ flags }: Context, id: string): string {
  return `raincheck wait ${id}${flags}   |   raincheck cancel ${id}${flags}`;
}
