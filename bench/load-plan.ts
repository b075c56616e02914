/** The order from bench/main.ts to the load process (bench/load.ts), and its result. */
export type LoadPlan = {
  readonly port: number;
  readonly connections: number;
  /** Whole HTTP requests as text, sent in turn; 'locations': a GET of each collected Location. */
  readonly requests: readonly string[] | 'locations';
  readonly stop: { readonly afterMs: number } | { readonly afterCount: number };
  /** Every response must have this status, or the load fails. */
  readonly status: number;
  /** Every body must contain this text, or the load fails. '' for any. */
  readonly bodyHas: string;
  /**
   * If not '', the Location of each answer is polled until its body contains this text, and the
   * time counts up to that. '' : the answer ends the request.
   */
  readonly followUntil: string;
  /** Remember the Location of every response for a later load with `requests: 'locations'`. */
  readonly collect: boolean;
  /** Pause between a response and the next request of a connection. 0: none. */
  readonly pauseMs: number;
};

export type LoadResult = {
  readonly count: number;
  /** Time from the first request sent to the last response read. */
  readonly elapsedMs: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** The last response's body. */
  readonly lastBody: string;
};

export type LoadAnswer =
  | { readonly ok: true; readonly result: LoadResult }
  | { readonly ok: false; readonly error: string };

export const planDefaults = {
  connections: 64,
  bodyHas: '',
  followUntil: '',
  collect: false,
  pauseMs: 0,
} as const;

/** One request as text. `host` is fixed, because all servers are on loopback. */
export function requestText(
  method: 'GET' | 'POST',
  path: string,
  p: { readonly body?: string; readonly headers?: Readonly<Record<string, string>> } = {},
): string {
  const lines = [`${method} ${path} HTTP/1.1`, 'host: 127.0.0.1'];
  if (p.body !== undefined) {
    lines.push('content-type: application/json');
    lines.push(`content-length: ${Buffer.byteLength(p.body)}`);
  }
  for (const [name, value] of Object.entries(p.headers ?? {})) lines.push(`${name}: ${value}`);
  return `${lines.join('\r\n')}\r\n\r\n${p.body ?? ''}`;
}
