import type { Attempt } from './attempt.ts';
import type { ContextParts } from './handler-context.ts';
import { plainError } from './handler-error.ts';
import type { HandlerProduct } from './handler-result.ts';

export class Isolates {
  constructor(_p: { readonly threads: number; readonly context: ContextParts }) {}
  async run(_attempt: Attempt): Promise<HandlerProduct> {
    return { ok: false, error: plainError('task_error', 'not yet'), retryable: false };
  }
  async close(): Promise<void> {}
}
