import { timerMsMax, type Clock } from '../core/clock.ts';
import { durationMs, type Duration } from '../core/duration.ts';
import { RaincheckError } from '../core/errors.ts';
import { expected, refuseUnknownKeys } from '../core/options.ts';
import { notRaincheck } from './answered-operation.ts';
import { NetworkError, problemOf, ProblemError, retryAfterMs } from './problem.ts';

/**
 * The one place that speaks HTTP. It knows addresses, the token, time limits, and which failures
 * are worth another try.
 *
 * Tried again are requests without any answer and answers 429, 500, 502, 503 and 504, after
 * Retry-After or a growing pause with jitter. A request that is not idempotent is tried again only
 * when the server said that it did not take it (429, 503). Everything else ends at once, because
 * asking again would change neither a 401 or a 404, nor the 500 that says how an operation ended.
 */
export type TransportOptions = {
  /** Address of the server with its base path, like `https://example.com/ops`. */
  readonly baseUrl: string | URL;
  /** Sent as `Authorization: Bearer …`. A function is called before every request. */
  readonly token?: string | (() => string | Promise<string>) | undefined;
  /**
   * Default: the global fetch. A TypeError from it counts as "no answer", as in the Fetch standard.
   */
  readonly fetch?: typeof fetch | undefined;
  /**
   * How long submits, reads and cancels are tried again; waits have their own timeout. Default 30
   * s.
   */
  readonly patience?: Duration | undefined;
  /** Called before each pause between tries. */
  readonly onRetry?: ((notice: RetryNotice) => void) | undefined;
  /** Clock for tests. Default: the machine's clock. */
  readonly clock?: Clock | undefined;
};

/** Says that a request will be made again after `delayMs`, because of `error`. */
export type RetryNotice = { readonly error: NetworkError | ProblemError; readonly delayMs: number };

export type TransportRequest = {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  readonly url: URL;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON; undefined sends no body. */
  readonly json?: unknown;
  readonly signal?: AbortSignal | undefined;
  /** Longest wait for the response headers. Default 30 s. */
  readonly timeoutMs?: number;
  /** false: when the answer is lost, the request is not sent again. Default true. */
  readonly idempotent?: boolean;
};

export type Answer = {
  readonly status: number;
  readonly headers: Headers;
  /** The parsed JSON; null for a 304 and for empty bodies. */
  readonly body: unknown;
};

const optionNames = ['baseUrl', 'token', 'fetch', 'patience', 'onRetry', 'clock'];
const requestTimeoutMs = 30_000;
const backoffBaseMs = 250;
const backoffCapMs = 10_000;
const retryAfterCapMs = 120_000;

export class Transport {
  readonly base: URL;
  readonly clock: Clock;
  /** TransportOptions.patience in ms. */
  readonly patienceMs: number;
  readonly #options: TransportOptions;
  readonly #fetch: typeof fetch;
  #serverAheadMs = 0;

  /** Throws `invalid_option` for an address or patience that cannot be used. */
  constructor(options: TransportOptions) {
    // TypeScript checks the names, but JavaScript may mistype one.
    const given: object = options ?? {}; // oxlint-disable-line typescript/no-unnecessary-condition -- JavaScript may call without any
    refuseUnknownKeys('the client', given, optionNames);
    if (!('baseUrl' in given)) throw expected('baseUrl', "the server's address", undefined);
    this.#options = options;
    this.base = checkedBaseUrl(options.baseUrl);
    this.clock = options.clock ?? systemClock;
    // Looked up at each call, because tests and instrumentation replace the global.
    this.#fetch = options.fetch ?? ((input, init) => fetch(input, init));
    this.patienceMs = durationMs('patience', options.patience ?? 30_000);
  }

  address(path: string): URL {
    return addressAt(this.base, path);
  }

  /** The current time by the server's clock, as far as its Date headers told it. */
  serverNow(): number {
    return this.clock.now() + this.#serverAheadMs;
  }

  /** One try that reads the whole answer. Throws ProblemError for everything but 2xx and 304. */
  async send(p: TransportRequest): Promise<Answer> {
    const response = await this.#open(p);
    const text = await asNetworkError(p, () => response.text());
    const isJson = /[/+]json/.test(response.headers.get('content-type') ?? '');
    const body = isJson ? parsed(text) : null;
    if (response.ok || response.status === 304) {
      if (response.ok && text !== '' && !isJson) throw notRaincheck(p.url, response.status);
      return { status: response.status, headers: response.headers, body };
    }
    throw this.#problemFrom(response, body);
  }

  /** As send(), tried again for up to `patience`. */
  async request(p: TransportRequest): Promise<Answer> {
    return this.#patiently(p, () => this.send(p));
  }

  /** The unread response of any type, for results. Throws ProblemError for everything but 2xx. */
  async download(p: TransportRequest): Promise<Response> {
    return this.#patiently(p, async () => {
      const response = await this.#open(p);
      if (response.ok) return response;
      throw this.#problemFrom(response, parsed(await asNetworkError(p, () => response.text())));
    });
  }

  /** Calls onRetry and sleeps. Throws the signal's reason when it aborts. */
  async pause(error: unknown, delayMs: number, signal?: AbortSignal): Promise<void> {
    this.#options.onRetry?.({ error: error as NetworkError | ProblemError, delayMs });
    await this.clock.sleep(delayMs, signal);
    signal?.throwIfAborted();
  }

  async #patiently<T>(p: TransportRequest, attempt: () => Promise<T>): Promise<T> {
    const endsAt = this.clock.now() + this.patienceMs;
    for (let tries = 1; ; tries += 1) {
      try {
        return await attempt();
      } catch (error) {
        const delayMs = retryDelayMs(error, tries, p.idempotent ?? true);
        if (delayMs === null || this.clock.now() + delayMs > endsAt) throw error;
        await this.pause(error, delayMs, p.signal);
      }
    }
  }

  /**
   * One try that reads the headers only; the caller reads the body. Throws NetworkError, or the
   * signal's reason.
   */
  async #open(p: TransportRequest): Promise<Response> {
    const silence = new AbortController();
    const signals = p.signal === undefined ? [silence.signal] : [p.signal, silence.signal];
    const headers = new Headers(p.headers);
    if (!headers.has('accept')) headers.set('accept', 'application/json');
    const { token } = this.#options;
    const secret = typeof token === 'function' ? await token() : token;
    if (secret !== undefined) headers.set('authorization', `Bearer ${secret}`);
    if (p.json !== undefined) headers.set('content-type', 'application/json');
    const body = p.json === undefined ? null : JSON.stringify(p.json);
    // Redirects are not followed: a POST would become a GET, and the token could go elsewhere.
    const init = { method: p.method, headers, body, redirect: 'manual' as const };
    const signal = AbortSignal.any(signals);
    const timer = setTimeout(
      () => silence.abort(new DOMException('it was silent for too long', 'TimeoutError')),
      p.timeoutMs ?? requestTimeoutMs,
    );
    try {
      const response = await asNetworkError(p, () => this.#fetch(p.url, { ...init, signal }));
      this.#noteServerTime(response.headers);
      return response;
    } finally {
      // The headers are here, and a long download is not silence.
      clearTimeout(timer);
    }
  }

  #problemFrom(response: Response, body: unknown): ProblemError {
    const { status, statusText } = response;
    const after = retryAfterMs(response.headers.get('retry-after'), this.serverNow());
    const location = response.headers.get('location');
    const moved = status >= 300 && status < 400 && location !== null;
    const detail = `The server sends elsewhere: ${location}. Use that address.`;
    const shown = moved ? { detail } : body;
    return new ProblemError(problemOf({ status, statusText, body: shown }), after);
  }

  /** The Date header has whole seconds, so differences of up to 2 s are ignored. */
  #noteServerTime(headers: Headers): void {
    const date = Date.parse(headers.get('date') ?? '');
    if (Number.isNaN(date)) return;
    const ahead = date - this.clock.now();
    this.#serverAheadMs = Math.abs(ahead) > 2_000 ? ahead : 0;
  }
}

/** Milliseconds before the next try, or null when another try would be of no use. */
export function retryDelayMs(error: unknown, tries: number, idempotent = true): number | null {
  const grown = Math.min(backoffCapMs, backoffBaseMs * 2 ** Math.min(tries - 1, 16));
  const jittered = Math.round(grown * (0.5 + Math.random() / 2));
  if (error instanceof NetworkError) return idempotent ? jittered : null;
  if (!(error instanceof ProblemError)) return null;
  const refused = error.status === 429 || error.status === 503;
  const broke = error.status === 500 && (error.code === null || error.code === 'internal');
  const lost = error.status === 502 || error.status === 504 || broke;
  if (!refused && !(lost && idempotent)) return null;
  return Math.min(retryAfterCapMs, error.retryAfterMs ?? jittered);
}

/**
 * The address of `path` under the base. An absolute one must have the same origin, because the
 * token is sent there. A root-relative one that already begins with the base path is taken as it
 * is.
 */
function addressAt(base: URL, path: string): URL {
  const prefix = base.pathname.replace(/\/$/, '');
  if (/^https?:\/\//i.test(path)) {
    const url = new URL(path);
    if (url.origin === base.origin) return url;
    throw new RaincheckError(
      'invalid_option',
      `${url.origin} is not the server at ${base.origin}; the token is not sent elsewhere.`,
    );
  }
  const rooted = path.startsWith('/') ? path : `/${path}`;
  const complete = prefix !== '' && rooted.startsWith(`${prefix}/`) ? rooted : prefix + rooted;
  // Joined as text, because '//evil.example/x' resolved against the base would be another host.
  return new URL(base.origin + complete);
}

function checkedBaseUrl(text: string | URL): URL {
  const url = URL.parse(String(text));
  const usable = url !== null && (url.protocol === 'http:' || url.protocol === 'https:');
  if (!usable || url.username !== '' || url.password !== '') {
    throw new RaincheckError(
      'invalid_option',
      `Expected \`baseUrl\` to be an http or https address without a password, like 'http://127.0.0.1:7333'.`,
    );
  }
  return url;
}

async function asNetworkError<T>(p: TransportRequest, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    if (p.signal?.aborted === true) throw p.signal.reason;
    const isTimeout = error instanceof DOMException && error.name === 'TimeoutError';
    if (error instanceof TypeError || isTimeout) throw new NetworkError(p.url.href, error);
    throw error;
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** Monotonic within the process, as Clock requires. */
const systemClock: Clock = {
  now: () => Math.round(performance.timeOrigin + performance.now()),
  sleep: (ms, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted === true) return resolve();
      const wake = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', wake);
        resolve();
      };
      const timer = setTimeout(wake, Math.min(ms, timerMsMax));
      signal?.addEventListener('abort', wake, { once: true });
    }),
};
