import { signal } from '@preact/signals';
import { createClient, ProblemError, type Problem } from 'raincheck/client';
import { apiBase } from './address.ts';
import { signedOut, token, whoami } from './session.ts';

/** The only access to the server: the client of the package, and `ask` for calls that it lacks. */

/** How far the server's clock is ahead of this machine's, in ms. Small differences count as 0. */
export const serverAheadMs = signal(0);
/** Since when no request has reached the server; null: the latest one did. */
export const unreachableSince = signal<number | null>(null);

export async function fetchFromServer(
  input: RequestInfo | URL,
  init: RequestInit = {},
): Promise<Response> {
  const headers = new Headers(init.headers);
  const sent = token.peek();
  if (sent !== null) headers.set('authorization', `Bearer ${sent}`);
  try {
    const response = await fetch(input, { ...init, headers, cache: 'no-store' });
    unreachableSince.value = null;
    noteTime(response.headers.get('date'));
    if (response.status === 401 && token.peek() === sent) signedOut.value = true;
    return response;
  } catch (error) {
    if (error instanceof TypeError) unreachableSince.value ??= Date.now();
    throw error;
  }
}

function noteTime(header: string | null): void {
  const date = Date.parse(header ?? '');
  if (Number.isNaN(date)) return;
  const ahead = date - Date.now();
  serverAheadMs.value = Math.abs(ahead) > 5_000 ? ahead : 0;
}

export const client = createClient({
  baseUrl: apiBase,
  fetch: fetchFromServer,
  // A person is waiting, so a missing answer should be reported soon.
  patience: '2s',
});

export type Asked = {
  readonly method?: 'GET' | 'POST' | 'DELETE';
  readonly query?: Readonly<Record<string, string | undefined>>;
  readonly json?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal | undefined;
};

export type Answered = {
  readonly status: number;
  readonly statusText: string;
  readonly headers: Headers;
  readonly text: string;
};

export function apiUrl(path: string, query: Asked['query'] = {}): URL {
  const url = new URL(path.replace(/^\//, ''), apiBase);
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined) url.searchParams.set(name, value);
  }
  return url;
}

/** The absolute address of a root-relative one from the server, which includes the base path. */
export function served(path: string): string {
  return new URL(path, apiBase).href;
}

/** Sends one request and reads the answer, whatever its status. */
export async function send(url: URL, p: Asked = {}): Promise<Answered> {
  const headers = new Headers({ accept: 'application/json', ...p.headers });
  const body = p.json === undefined ? null : JSON.stringify(p.json);
  if (p.method === 'POST') headers.set('content-type', 'application/json');
  const { method = 'GET', signal = null } = p;
  const response = await fetchFromServer(url, { method, headers, body, signal });
  const { status, statusText } = response;
  return { status, statusText, headers: response.headers, text: await response.text() };
}

/** The JSON of a 2xx answer. Throws ProblemError for any other. */
export async function ask<T>(path: string, p: Asked = {}): Promise<T> {
  const answer = await send(apiUrl(path, p.query), p);
  if (answer.status >= 200 && answer.status < 300) return JSON.parse(answer.text) as T;
  throw problemIn(answer);
}

export function problemIn(answer: Answered): ProblemError {
  const made: Problem = {
    type: 'about:blank',
    title: answer.statusText || `HTTP ${answer.status}`,
    status: answer.status,
    detail: '',
    code: null,
  };
  try {
    return new ProblemError({ ...made, ...(JSON.parse(answer.text) as Partial<Problem>) }, null);
  } catch {
    return new ProblemError(made, null);
  }
}

/** Reads the scopes of the token. */
export async function readWhoami(): Promise<void> {
  whoami.value = await client.whoami();
}
