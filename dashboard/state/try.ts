import type { WireTask } from 'raincheck/client';
import { sampleOf } from './schema.ts';
import { apiUrl, send, served, type Answered } from './server.ts';

/** A submit that is being prepared. */
export type TryDraft = {
  readonly input: unknown;
  /** Options as in the query: priority, delay, deadline, label.… */
  readonly options: Readonly<Record<string, string>>;
  readonly idempotencyKey: string;
  readonly webhookUrl: string;
};

/** The server's answer. After a 202, the operation is followed by its id. */
export type Attempted = { readonly answer: Answered; readonly operationId: string | null };

export function startOf({ input_schema }: WireTask): TryDraft {
  return { input: sampleOf(input_schema), options: {}, idempotencyKey: '', webhookUrl: '' };
}

/** The body as it is sent, with `webhook_url` beside the input. */
export function bodyOf({ input, webhookUrl }: TryDraft): unknown {
  const isObject = typeof input === 'object' && input !== null && !Array.isArray(input);
  return webhookUrl === '' || !isObject ? input : { ...input, webhook_url: webhookUrl };
}

export function urlOf(task: WireTask, { options }: TryDraft): URL {
  const url = new URL(served(task.path));
  for (const [name, value] of Object.entries(options)) {
    if (value !== '') url.searchParams.set(name, value);
  }
  return url;
}

export async function submitDraft(task: WireTask, draft: TryDraft): Promise<Attempted> {
  const key = draft.idempotencyKey;
  const answer = await send(urlOf(task, draft), {
    method: 'POST',
    json: bodyOf(draft),
    ...(key !== '' && { headers: { 'idempotency-key': `"${key}"` } }),
  });
  return { answer, operationId: answer.status === 202 ? idIn(answer.text) : null };
}

function idIn(text: string): string | null {
  const body: unknown = JSON.parse(text);
  const id = typeof body === 'object' && body !== null && 'id' in body ? body.id : null;
  return typeof id === 'string' ? id : null;
}

/** The server's errors about members, by JSON pointer into the input. */
export function mistakesIn(attempted: Attempted | null): ReadonlyMap<string, string> {
  if (attempted === null || attempted.answer.status !== 422) return new Map();
  const body = JSON.parse(attempted.answer.text) as {
    errors?: { pointer: string; detail: string }[];
  };
  return new Map((body.errors ?? []).map(({ pointer, detail }) => [pointer, detail]));
}

/** The address without options, for commands that pass them separately. */
export function plainUrl(task: WireTask): string {
  return new URL(task.path, apiUrl('')).href;
}
