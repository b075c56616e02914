import type { Clock } from '../core/clock.ts';
import type { AttemptResult, DeliveryTimings } from '../core/delivery.ts';
import { limits } from '../core/limits.ts';
import type { AddressGuard } from './address-guard.ts';
import { answeredResult, exchangeFailure, failedResult } from './attempt-result.ts';
import { defaultConnectionLimits, type Connection, type ConnectionLimits } from './connection.ts';
import { ConnectionPool } from './connection-pool.ts';
import { createConnector, type OpenedSocket } from './connector.ts';
import { Exchange, type Exchanged, type ExchangeRequest } from './exchange.ts';
import { SendFailure } from './send-failure.ts';
import { webhookSignature } from './signature.ts';
import type { AskRequest, Sender, SendRequest } from './webhooks.ts';

export type SenderOptions = {
  readonly guard: AddressGuard;
  readonly clock: Clock;
  /** `raincheck/<version> (+webhooks)` */
  readonly userAgent: string;
  /** Time for a whole attempt: name, connection, TLS, request and answer. */
  readonly attemptMs?: number | undefined;
  /**
   * Time for asking for consent, if that is less; a client waits for the answer. Default
   * limits.webhookHandshakeMs.
   */
  readonly askMs?: number | undefined;
  /** The part of either for connection and TLS. */
  readonly connectMs?: number | undefined;
  /** Certificate authorities to trust instead of Node's own, as PEM. */
  readonly ca?: string | readonly string[] | undefined;
  readonly connections?: Partial<ConnectionLimits> | undefined;
};

/**
 * Makes each attempt one HTTP/1.1 POST, and each end of it an AttemptResult. Steps: take an idle
 * connection, or open one (connector.ts); sign; exchange; give the connection back when the answer
 * is complete.
 *
 * One deadline covers all of it, because nothing else ends a peer that sends a byte a second, or
 * interim answers for ever. A 2xx status is a success whatever becomes of the body. Redirects are
 * not followed: they are answers like others. Proxy variables of the environment are not read.
 *
 * An idle connection may have been closed by the peer while the request was on its way. When it
 * died before any byte of an answer, the request is sent once more, at once, over a new connection.
 * It may then arrive twice, as any delivery may.
 */
export function createSender(options: SenderOptions): Sender {
  const { guard, ca, clock, userAgent } = options;
  const connectMs = options.connectMs ?? limits.deliveryConnectMsDefault;
  const attemptMs = options.attemptMs ?? limits.deliveryAttemptMsDefault;
  const pool = new ConnectionPool(createConnector({ guard, connectMs, ca }), {
    ...defaultConnectionLimits,
    ...options.connections,
  });
  const parts = { pool, clock, userAgent, deadlines: new Deadlines(attemptMs) };
  const askMs = Math.min(attemptMs, options.askMs ?? limits.webhookHandshakeMs);
  const asking = { ...parts, deadlines: new Deadlines(askMs) };
  return {
    send: (request) =>
      new Attempt({ ...parts, request, message: (to) => posted(to, request, parts) }).send(),
    ask: (request) =>
      new Attempt({ ...asking, request, message: (to) => asked(to, request, parts) }).send(),
    close: async () => pool.close(),
  };
}

type SenderParts = {
  readonly pool: ConnectionPool;
  readonly clock: Clock;
  readonly userAgent: string;
  readonly deadlines: Deadlines;
};

/**
 * Deadlines of attempts that all have the same time limit, and so expire in the order in which they
 * began: one timer for all of them.
 */
class Deadlines {
  readonly #ms: number;
  readonly #underWay = new Set<Attempt>();
  #timer: NodeJS.Timeout | null = null;

  constructor(ms: number) {
    this.#ms = ms;
  }

  add(attempt: Attempt): void {
    this.#underWay.add(attempt);
    this.#timer ??= setTimeout(() => this.#cutOverdue(), this.#ms);
  }

  remove(attempt: Attempt): void {
    this.#underWay.delete(attempt);
    if (this.#underWay.size > 0 || this.#timer === null) return;
    clearTimeout(this.#timer);
    this.#timer = null;
  }

  #cutOverdue(): void {
    this.#timer = null;
    const now = performance.now();
    for (const attempt of this.#underWay) {
      const leftMs = attempt.startedAt + this.#ms - now;
      if (leftMs > 0) {
        this.#timer = setTimeout(() => this.#cutOverdue(), Math.ceil(leftMs));
        return;
      }
      this.#underWay.delete(attempt);
      attempt.cut(new SendFailure('timeout', `No answer within ${this.#ms} ms.`));
    }
  }
}

type AttemptParts = SenderParts & {
  readonly request: Pick<SendRequest, 'url' | 'signal'>;
  /** The request to send; called when a connection is ready. */
  readonly message: (target: Target) => ExchangeRequest;
};

class Attempt {
  readonly #parts: AttemptParts;
  readonly startedAt = performance.now();
  /** Aborts the opening of a connection; null: an idle one is used. */
  #opening: AbortController | null = null;
  #cutBy: SendFailure | null = null;
  #exchange: Exchange | null = null;
  #opened: OpenedSocket | null = null;
  #firstByteMs: number | null = null;

  constructor(parts: AttemptParts) {
    this.#parts = parts;
  }

  async send(): Promise<AttemptResult> {
    const { deadlines, request, clock, pool } = this.#parts;
    deadlines.add(this);
    const callOff = (): void =>
      this.cut(new SendFailure('timeout', 'Called off.', { isLocal: true }));
    request.signal.addEventListener('abort', callOff);
    try {
      if (request.signal.aborted) callOff();
      if (this.#cutBy !== null) throw this.#cutBy;
      const target = targetOf(request.url);
      const connection =
        pool.takeIdle(target.origin) ?? (await pool.acquire(target.url, this.#signal()));
      const wasUsed = connection.uses > 0;
      let exchanged = await this.#over(connection, target);
      if (wasUsed && this.#mayResend(exchanged)) {
        exchanged = await this.#resent(connection, target);
      } else pool.release(connection);
      const { status } = exchanged;
      const timings = this.#timings();
      return status === null
        ? failedResult(exchangeFailure(exchanged.error), timings)
        : answeredResult(status, exchanged, { timings, now: clock.now() });
    } catch (error) {
      return failedResult(exchangeFailure(error), this.#timings());
    } finally {
      deadlines.remove(this);
      request.signal.removeEventListener('abort', callOff);
    }
  }

  /** Whether the connection, which had been idle, died before any byte of an answer. */
  #mayResend({ hasStarted, error }: Exchanged): boolean {
    return !hasStarted && error !== null && this.#cutBy === null;
  }

  /** Sends the request again over a new connection in place of `dead`. */
  async #resent(dead: Connection, target: Target): Promise<Exchanged> {
    const { pool } = this.#parts;
    const fresh = await pool.replace(dead, target.url, this.#signal());
    const exchanged = await this.#over(fresh, target);
    pool.release(fresh);
    return exchanged;
  }

  #over(connection: Connection, target: Target): Promise<Exchanged> {
    if (connection.uses === 0) this.#opened = connection.opened;
    const message = this.#messageFor(connection, target);
    return new Promise((resolve) => {
      const exchange = new Exchange(connection, (exchanged) => {
        this.#exchange = null;
        this.#firstByteMs = exchanged.firstByteMs;
        resolve(exchanged);
      });
      this.#exchange = exchange;
      if (this.#cutBy !== null) exchange.cut(this.#cutBy);
      else exchange.start(message);
    });
  }

  /** One that cannot be made, as of a secret that is damaged, must not keep the connection. */
  #messageFor(connection: Connection, target: Target): ExchangeRequest {
    try {
      return this.#parts.message(target);
    } catch (error) {
      this.#parts.pool.release(connection);
      throw error;
    }
  }

  /** Ends the attempt in whatever phase it is. */
  cut(reason: SendFailure): void {
    this.#cutBy ??= reason;
    this.#opening?.abort(reason);
    this.#exchange?.cut(reason);
  }

  #signal(): AbortSignal {
    this.#opening ??= new AbortController();
    return this.#opening.signal;
  }

  /** Whole milliseconds, like all durations that are stored. */
  #timings(): DeliveryTimings {
    const opened = this.#opened;
    return {
      dnsMs: whole(opened?.dnsMs),
      connectMs: whole(opened?.connectMs),
      tlsMs: whole(opened?.tlsMs),
      firstByteMs: whole(this.#firstByteMs),
      totalMs: Math.round(performance.now() - this.startedAt),
    };
  }
}

type Target = {
  readonly url: URL;
  readonly origin: string;
  /** Path and query. */
  readonly path: string;
};

/**
 * Parsed URLs of recent attempts: an endpoint has one address, and parsing it takes as long as
 * signing.
 */
const targets = new Map<string, Target>();
const targetsMax = 1_000;

function targetOf(text: string): Target {
  const known = targets.get(text);
  if (known !== undefined) return known;
  const url = new URL(text);
  const target = { url, origin: url.origin, path: url.pathname + url.search };
  if (targets.size >= targetsMax) targets.clear();
  targets.set(text, target);
  return target;
}

/** Adds to `own` (name, value, name, value …) the headers whose name it does not have. */
function withOthers(own: string[], others: Readonly<Record<string, string>>): string[] {
  const names = Object.keys(others);
  if (names.length === 0) return own;
  const ownNames = new Set(own.filter((_, i) => i % 2 === 0));
  for (const name of names) if (!ownNames.has(name)) own.push(name, others[name] ?? '');
  return own;
}

/** The request of a delivery. */
function posted(
  { path }: Target,
  request: SendRequest,
  { clock, userAgent }: SenderParts,
): ExchangeRequest {
  const { id, secrets, traceparent } = request;
  const body = Buffer.from(request.body);
  // Receivers refuse a timestamp that is minutes off their clock. now() never goes back, so after a
  // wrong jump forward its timestamps would all be refused; the wall clock's are not.
  const timestamp = Math.floor((clock.wall?.() ?? clock.now()) / 1_000);
  const signature = webhookSignature({ id, timestamp, body, secrets });
  const own = ['content-type', 'application/json', 'user-agent', userAgent];
  own.push('webhook-id', id, 'webhook-timestamp', String(timestamp));
  own.push('webhook-signature', signature);
  if (traceparent !== null) own.push('traceparent', traceparent);
  const headers = withOthers(own, request.headers);
  return { method: 'POST', path, headers, body };
}

/** The question of the handshake. */
function asked({ path }: Target, request: AskRequest, { userAgent }: SenderParts): ExchangeRequest {
  const own = ['user-agent', userAgent, 'webhook-request-origin', request.origin];
  own.push('webhook-request-rate', String(request.perMinute));
  const headers = withOthers(own, request.headers);
  return { method: 'OPTIONS', path, headers, body: null };
}

function whole(ms: number | null | undefined): number | null {
  return ms === null || ms === undefined ? null : Math.round(ms);
}
