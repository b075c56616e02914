import type { Attempt } from './attempt.ts';
import { attemptFields, HandlerContext, type ContextParts } from './handler-context.ts';
import { describeThrown, handlerFailure, isTaskError, plainError } from './handler-error.ts';
import { productOf, type HandlerProduct } from './handler-result.ts';
import { validateInput } from './input-validation.ts';

/** Runs the steps that share a thread with the handler. Never rejects. */
export async function runHandler(attempt: Attempt, parts: ContextParts): Promise<HandlerProduct> {
  const { task } = attempt;
  try {
    const outcome = validateInput(task.schema, JSON.parse(attempt.inputText));
    const validated = outcome instanceof Promise ? await outcome : outcome;
    if (!validated.ok) return noLongerFits(validated.errors);
    const returned = await task.run(new HandlerContext(validated.value, attempt, parts));
    const product = productOf(returned, task.resultBytesMax);
    return product instanceof Promise ? await product : product;
  } catch (error) {
    // A TaskError is deliberate and says everything; for any other error the author needs to know
    // where it came from.
    if (!isTaskError(error) && attempt.cause === null) {
      parts.logger.warn(
        { ...attemptFields(attempt), err: describeThrown(error) },
        'The handler threw.',
      );
    }
    return { ok: false, ...handlerFailure(error) };
  }
}

/** The input fitted when it was accepted: the task has changed since. */
function noLongerFits(
  errors: readonly { readonly pointer: string; readonly detail: string }[],
): HandlerProduct {
  const first = errors[0];
  const where = first === undefined ? '' : ` ${first.pointer}: ${first.detail}`;
  const error = plainError('task_error', `The input no longer fits the task.${where}`);
  return { ok: false, error, retryable: false };
}
