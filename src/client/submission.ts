import type { Duration } from '../core/duration.ts';
import { limits } from '../core/limits.ts';
import { expected } from '../core/options.ts';
import { operationIn } from './answered-operation.ts';
import { createOperationHandle, type OperationHandle } from './operation.ts';
import { randomKey } from './random-key.ts';
import type { Transport } from './transport.ts';

/** The options of submit(); all may be left out. */
export type SubmitOptions = {
  /**
   * At most 255 characters. The same key with the same input gives the same operation. Default: a
   * random key.
   */
  readonly idempotencyKey?: string | undefined;
  /** Higher goes first, -100..100. Default: the task's. */
  readonly priority?: number | undefined;
  /** How long from now before it may start. */
  readonly delay?: Duration | undefined;
  /** How long from now until it must be finished, else it fails with `deadline_exceeded`. */
  readonly deadline?: Duration | undefined;
  /** Labels by which lists and batches can find it. */
  readonly labels?: Readonly<Record<string, string>> | undefined;
  /**
   * Address that gets a signed POST when the operation is final, repeated until it acknowledges
   * one. The input must be an object.
   */
  readonly webhookUrl?: string | undefined;
  readonly signal?: AbortSignal | undefined;
};

export const submitOptionNames: readonly string[] = [
  'idempotencyKey',
  'priority',
  'delay',
  'deadline',
  'labels',
  'webhookUrl',
  'signal',
] satisfies (keyof SubmitOptions)[];

/** Submits to `path`; resolves to the handle of the operation. */
export async function postSubmission(
  transport: Transport,
  p: { readonly path: string; readonly input: unknown; readonly options: SubmitOptions },
): Promise<OperationHandle> {
  const url = transport.address(p.path);
  const { priority, delay, deadline, labels, signal } = p.options;
  for (const [name, value] of Object.entries({ priority, delay, deadline })) {
    // A bare number means milliseconds here, but the query needs a unit.
    if (value !== undefined) {
      const isDuration = name !== 'priority' && typeof value === 'number';
      url.searchParams.set(name, isDuration ? `${value}ms` : String(value));
    }
  }
  for (const [name, value] of Object.entries(labels ?? {})) {
    url.searchParams.append(`label.${name}`, value);
  }
  const answer = await transport.request({
    method: 'POST',
    url,
    json: withWebhook(p.input === undefined ? {} : p.input, p.options.webhookUrl),
    headers: { 'idempotency-key': quotedKey(p.options.idempotencyKey ?? randomKey()) },
    signal,
  });
  const accepted = operationIn(answer, url);
  const replayed = answer.headers.get('idempotent-replayed') === 'true';
  return createOperationHandle(transport, {
    url: transport.address(accepted.status_url),
    accepted,
    replayed,
  });
}

/** Puts `webhook_url` beside the members of the input; the server takes it out again. */
function withWebhook(input: unknown, webhookUrl: string | undefined): unknown {
  if (webhookUrl === undefined) return input;
  if (typeof input === 'object' && input !== null && !Array.isArray(input)) {
    return { ...input, webhook_url: webhookUrl };
  }
  throw expected('input', 'an object, as `webhookUrl` is sent beside its members', input);
}

/** The key as a String of RFC 9651, which allows printable ASCII only. */
function quotedKey(key: string): string {
  if (/^[\u0020-\u007e]+$/.test(key) && key.length <= limits.idempotencyKeyChars) {
    return `"${key.replaceAll(/[\\"]/g, String.raw`\$&`)}"`;
  }
  throw expected(
    'idempotencyKey',
    `1 to ${limits.idempotencyKeyChars} printable ASCII characters`,
    key,
  );
}
