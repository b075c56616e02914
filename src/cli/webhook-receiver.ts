import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { verifyWebhook } from '../client/verify-webhook.ts';
import { WebhookVerificationError, type WebhookErrorCode } from '../client/webhook-error.ts';
import { limits } from '../core/limits.ts';
import { forward } from './webhook-forward.ts';
import { WebhookSeen, type SeenBefore } from './webhook-seen.ts';

/**
 * The server of `raincheck listen`: takes a delivery as a receiver should, then answers what the person wants
 * to see. In this order:
 *
 *   too large ► 413     the first `fail` of an id ► 500     `forwardTo` ► what it answers
 *   signature does not fit ► 401     else ► `status`
 */
export type ReceiverOptions = {
  /** Empty: signatures are not checked. */
  readonly secrets: readonly string[];
  /**
   * File the secrets came from. A signature that does not fit is then reported as unchecked: nobody asked for the
   * check. null: they were given.
   */
  readonly foundIn: string | null;
  readonly forwardTo: URL | null;
  readonly status: number;
  readonly fail: number;
  readonly onDelivery: (delivery: ReceivedDelivery) => void;
  /** A request that is no delivery, in one sentence. */
  readonly onOther: (text: string) => void;
};

export type ReceivedDelivery = {
  /** ms since 1970, by this machine's clock. */
  readonly receivedAt: number;
  /** null: the request had no `webhook-id`. */
  readonly id: string | null;
  readonly seen: SeenBefore;
  /** The body as parsed, signed or not; null when it is no JSON object. */
  readonly event: Readonly<Record<string, unknown>> | null;
  readonly bytes: number;
  readonly signature: SignatureCheck;
  readonly answer: Answer;
};

export type SignatureCheck =
  | { readonly state: 'valid' }
  | { readonly state: 'invalid'; readonly code: WebhookErrorCode; readonly detail: string }
  | { readonly state: 'unchecked'; readonly detail: string };

export type Answer = {
  readonly status: number;
  /** Why this one, in a few words; null where it needs none. */
  readonly reason: string | null;
  readonly tookMs: number;
};

type Reply = {
  readonly status: number;
  readonly reason: string | null;
  readonly headers?: readonly string[];
  readonly body?: Buffer;
};

const connectionsMax = 64;

export function createReceiver(options: ReceiverOptions): Server {
  const seen = new WebhookSeen();
  const server = createServer({ headersTimeout: 10_000, requestTimeout: 30_000 }, (req, res) => {
    receive(req, res, { options, seen }).catch((error: unknown) => {
      options.onOther(`A request broke off: ${messageOf(error)}`);
      res.destroy();
    });
  });
  server.maxConnections = connectionsMax;
  return server;
}

async function receive(
  req: IncomingMessage,
  res: ServerResponse,
  { options, seen }: { readonly options: ReceiverOptions; readonly seen: WebhookSeen },
): Promise<void> {
  const startedAt = performance.now();
  if (req.method !== 'POST') {
    options.onOther(`${req.method} ${req.url}: answered 405, a delivery is a POST.`);
    res.writeHead(405, { allow: 'POST' }).end();
    return;
  }
  const body = await bodyOf(req);
  if (body === null) {
    options.onOther(`A body of more than ${limits.bodyBytes} bytes: answered 413.`);
    res.writeHead(413, { connection: 'close' }).end();
    return;
  }
  const receivedAt = Date.now();
  const header = req.headers['webhook-id'];
  const id = typeof header === 'string' && header !== '' ? header : null;
  // Without an id each request is one of its own.
  const counted = (id === null ? new WebhookSeen() : seen).note(id ?? '', {
    body,
    now: receivedAt,
  });
  const signature = await checkSignature(body, req.headers, options);
  const reply = await replyTo({ req, body, signature, attempt: counted.attempt, id }, options);
  if (id !== null) seen.answered(id, reply.status);
  send(res, reply);
  const tookMs = Math.round(performance.now() - startedAt);
  const answer = { status: reply.status, reason: reply.reason, tookMs };
  const event = objectIn(body);
  const bytes = body.length;
  options.onDelivery({ receivedAt, id, seen: counted, event, bytes, signature, answer });
}

/** Reads the body; null: it is larger than a delivery may be, and the rest is not read. */
async function bodyOf(req: IncomingMessage): Promise<Buffer | null> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of req as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > limits.bodyBytes) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

async function checkSignature(
  body: Buffer,
  headers: IncomingMessage['headers'],
  { secrets, foundIn }: ReceiverOptions,
): Promise<SignatureCheck> {
  if (secrets.length === 0) {
    return {
      state: 'unchecked',
      detail: 'no secret is given (RAINCHECK_WEBHOOK_SECRET or --secret-file)',
    };
  }
  try {
    await verifyWebhook(body, headers, secrets);
    return { state: 'valid' };
  } catch (error) {
    if (!(error instanceof WebhookVerificationError)) throw error;
    if (foundIn !== null) {
      const detail = `${error.code} with what ${foundIn} has; give another by RAINCHECK_WEBHOOK_SECRET or --secret-file`;
      return { state: 'unchecked', detail };
    }
    return { state: 'invalid', code: error.code, detail: error.message };
  }
}

async function replyTo(
  p: {
    readonly req: IncomingMessage;
    readonly body: Buffer;
    readonly signature: SignatureCheck;
    readonly attempt: number;
    readonly id: string | null;
  },
  { fail, forwardTo, status }: ReceiverOptions,
): Promise<Reply> {
  if (p.id !== null && p.attempt <= fail) {
    return { status: 500, reason: `--fail ${fail}: attempt ${p.attempt}` };
  }
  if (forwardTo !== null) return forwarded(forwardTo, p);
  if (p.signature.state === 'invalid') return { status: 401, reason: 'the signature' };
  return { status, reason: null };
}

async function forwarded(
  target: URL,
  { req, body }: { readonly req: IncomingMessage; readonly body: Buffer },
): Promise<Reply> {
  const { href } = target;
  try {
    const answer = await forward(target, { rawHeaders: req.rawHeaders, body });
    return { ...answer, reason: `by ${href}` };
  } catch (error) {
    const isLate = error instanceof DOMException && error.name === 'TimeoutError';
    const reason = isLate ? `no answer from ${href}` : `${href}: ${messageOf(error)}`;
    return { status: isLate ? 504 : 502, reason };
  }
}

function send(res: ServerResponse, { status, headers = [], body }: Reply): void {
  const length = body === undefined ? [] : ['content-length', String(body.length)];
  const isBare = status === 204 || status === 304;
  res.writeHead(status, isBare ? [...headers] : [...headers, ...length]).end(body);
}

function objectIn(body: Buffer): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(body.toString('utf8'));
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    return isObject ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

function messageOf(error: unknown): string {
  // localhost has two addresses; what went wrong with the first stands for both.
  const [first] = error instanceof AggregateError ? (error.errors as unknown[]) : [error];
  return first instanceof Error ? first.message : String(first);
}
