import { setImmediate as turn } from 'node:timers/promises';
import type { Clock } from '../core/clock.ts';
import type { WireWebhookEvent } from '../core/wire-webhook.ts';
import type { AttemptResult } from '../core/delivery.ts';
import { answeredResult } from '../webhooks/attempt-result.ts';
import type { Exchanged } from '../webhooks/exchange.ts';
import { webhookSignature } from '../webhooks/signature.ts';
import type { AskRequest, Sender, SendRequest } from '../webhooks/webhooks.ts';

/** One attempt of a delivery, as its receiver would have got it. */
export type CapturedWebhook = {
  /** The `webhook-id`: the same for every attempt of a delivery. */
  readonly id: string;
  readonly url: string;
  /** Headers with lower-case names, signature included. */
  readonly headers: Readonly<Record<string, string>>;
  /** The signed bytes, as text. */
  readonly body: string;
  /** The parsed body. */
  readonly event: WireWebhookEvent;
  /** When it was sent, in ms of the kit's clock. */
  readonly at: number;
  /** The status that the receiver answered. */
  readonly status: number;
};

/** An answer: a status, or a status with headers like `retry-after`. */
export type WebhookAnswer =
  | number
  | { readonly status: number; readonly headers?: Readonly<Record<string, string>> };

/** What receivers answer: the same to all, or depending on the webhook. */
export type WebhookAnswering =
  | WebhookAnswer
  | ((webhook: Omit<CapturedWebhook, 'status'>) => WebhookAnswer);

/** The receivers of all webhooks of a kit; nothing leaves the process. */
export type CapturedWebhooks = {
  /** Every attempt so far, in order. */
  readonly all: readonly CapturedWebhook[];
  /** Sets what receivers answer from now on. Default 204. */
  answerWith(answer: WebhookAnswering): void;
  /**
   * The next attempt that next() has not returned yet. Rejects when none is due: the operation may
   * still run (await `finished` first), or a later attempt may wait for its time (advance the clock
   * first).
   */
  next(): Promise<CapturedWebhook>;
};

/**
 * Turns of the event loop after which everything that is due has certainly been sent, because
 * nothing here does real I/O.
 */
const turnsMax = 50;

/** CapturedWebhooks, with the sender that fills them instead of HTTP. */
export class WebhookCapture implements CapturedWebhooks {
  readonly all: CapturedWebhook[] = [];
  readonly #clock: Clock;
  #taken = 0;
  #answering: WebhookAnswering = 204;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  answerWith(answer: WebhookAnswering): void {
    this.#answering = answer;
  }

  async next(): Promise<CapturedWebhook> {
    for (let turns = 0; turns < turnsMax && this.all.length <= this.#taken; turns += 1)
      await turn();
    const captured = this.all[this.#taken];
    if (captured === undefined) {
      throw new Error(
        `No webhook is due at ${new Date(this.#clock.now()).toISOString()}; ${this.#taken} were sent before.`,
      );
    }
    this.#taken += 1;
    return captured;
  }

  /** The sender that replaces HTTP. */
  get sender(): Sender {
    return {
      send: async (request) => this.#captured(request),
      ask: async (request) => this.#consented(request),
      close: async () => undefined,
    };
  }

  /** Every endpoint that is asked for its consent gives it. */
  #consented({ origin }: AskRequest): Awaited<ReturnType<Sender['ask']>> {
    const headers = { 'webhook-allowed-origin': origin, 'webhook-allowed-rate': '*' };
    return answeredAs(204, headers, this.#clock.now());
  }

  #captured(request: SendRequest): Awaited<ReturnType<Sender['send']>> {
    const { id, url, body, secrets, traceparent } = request;
    const now = this.#clock.now();
    const timestamp = Math.floor(now / 1_000);
    const headers = {
      ...request.headers,
      'content-type': 'application/json',
      'webhook-id': id,
      'webhook-timestamp': String(timestamp),
      'webhook-signature': webhookSignature({ id, timestamp, body: Buffer.from(body), secrets }),
      ...(traceparent !== null && { traceparent }),
    };
    const event = JSON.parse(body) as WireWebhookEvent;
    const arrived = { id, url, headers, body, event, at: now };
    const answering = this.#answering;
    const answer = typeof answering === 'function' ? answering(arrived) : answering;
    const given = typeof answer === 'number' ? { status: answer } : answer;
    this.all.push({ ...arrived, status: given.status });
    return answeredAs(given.status, given.headers ?? {}, now);
  }
}

function answeredAs(status: number, headers: Exchanged['headers'], now: number): AttemptResult {
  const exchanged = {
    status,
    headers,
    excerpt: Buffer.alloc(0),
    bodyBytes: 0,
    hasStarted: true,
    firstByteMs: 0,
    error: null,
  };
  return answeredResult(status, exchanged, { timings: noTime, now });
}

const noTime = { dnsMs: null, connectMs: null, tlsMs: null, firstByteMs: 0, totalMs: 0 };
