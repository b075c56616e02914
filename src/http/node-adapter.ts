import type { IncomingMessage, ServerResponse } from 'node:http';
import { RaincheckError } from '../core/errors.ts';
import type { App } from './app.ts';
import type { ExchangeReply, ExchangeRequest } from './exchange.ts';

export type NodeHandler = (req: IncomingMessage, res: ServerResponse) => void;

export type NodeHandlerOptions = {
  /**
   * How long a client that reads a stream may be silent before it is cut off, in ms. Default
   * 30,000.
   */
  readonly readerTimeoutMs?: number;
};

/**
 * The hot path is short: one object a request, no async iterator over the body, no AbortSignal
 * unless something waits, raw headers. To see its cost beside a bare node:http server, run `npm run
 * bench -- --only submit,poll`.
 */

/**
 * The app as a node:http request listener, for http.createServer or mounted in Express and the
 * like. A framework may have cut the base path off `req.url`. If a body parser has read the stream
 * already, the body is `req.rawBody`, or else `req.body`.
 */
export function nodeHandler(app: App, options: NodeHandlerOptions = {}): NodeHandler {
  const readerTimeoutMs = options.readerTimeoutMs ?? readerTimeoutMsDefault;
  return (req, res) => {
    serve(app, new NodeRequest(req, res, false), { res, readerTimeoutMs });
  };
}

/**
 * Listener for `Expect: 100-continue`: the client is told to go on only when a route reads its
 * body.
 */
export function continueHandler(app: App, options: NodeHandlerOptions = {}): NodeHandler {
  const readerTimeoutMs = options.readerTimeoutMs ?? readerTimeoutMsDefault;
  return (req, res) => {
    serve(app, new NodeRequest(req, res, true), { res, readerTimeoutMs });
  };
}

const readerTimeoutMsDefault = 30_000;
/**
 * Bytes read of a refused body, so that the client gets to read our answer. Beyond that it is cut
 * off.
 */
const drainBytesMax = 16 * 1_048_576;

type Target = { readonly res: ServerResponse; readonly readerTimeoutMs: number };

function serve(app: App, request: NodeRequest, target: Target): void {
  app.handle(request).then(
    (reply) => send({ app, request, reply, ...target }),
    // handle never rejects. If a wrapper around it does, only this connection is lost, not the
    // process.
    () => target.res.destroy(),
  );
}

type Sending = Target & {
  readonly app: App;
  readonly request: NodeRequest;
  readonly reply: ExchangeReply;
};

function send(sending: Sending): void {
  if (sending.request.method === 'GET') sendWithTurn(sending);
  else sendReply(sending);
}

let sendings: Sending[] = [];

/**
 * Replies to the reads of one turn of the event loop are sent together at its end. When each was
 * sent as soon as it was ready, the reader woke for one reply at a time: a status read cost 0.105
 * ms of CPU at 7,700 a second, against 0.071 ms at 10,900 this way (bench, poll, medians of three
 * runs each). Replies to writes come together anyway, from one commit; delaying them as well cost
 * 10 % of the submits.
 */
function sendWithTurn(sending: Sending): void {
  if (sendings.length === 0) setImmediate(sendAll);
  sendings.push(sending);
}

function sendAll(): void {
  const all = sendings;
  sendings = [];
  for (const sending of all) sendReply(sending);
}

function sendReply({ app, request, res, reply, readerTimeoutMs }: Sending): void {
  if (res.destroyed) {
    closeBody(reply.body);
    return;
  }
  const close = request.mustClose;
  try {
    if (isStream(reply.body)) {
      writeHead(res, reply.status, rawHeaders(reply, close));
      void writeStream(res, reply.body, readerTimeoutMs);
    } else {
      writeReply(res, reply, close);
    }
  } catch (error) {
    // Node refuses a header. Nothing is sent yet, because writeHead checks before it writes.
    closeBody(reply.body);
    if (res.headersSent) res.destroy();
    else writeReply(res, app.problem(error), true);
  }
}

function isStream(body: ExchangeReply['body']): body is AsyncIterable<Uint8Array> {
  return body !== null && typeof body !== 'string' && !(body instanceof Uint8Array);
}

function rawHeaders({ headers }: ExchangeReply, close: boolean): string[] {
  const raw: string[] = [];
  for (const name in headers) raw.push(name, headers[name] ?? '');
  if (close) raw.push('connection', 'close');
  return raw;
}

/**
 * Sends a reply that is not a stream. Head and body leave in one write, because the head waits in
 * the response until `end` brings the body. latin1 spares Node the transcoding of ASCII.
 */
export function writeReply(res: ServerResponse, reply: ExchangeReply, close: boolean): void {
  const { status, headers, body } = reply;
  const raw = rawHeaders(reply, close);
  if (typeof body === 'string') {
    const length = Buffer.byteLength(body);
    raw.push('content-length', String(length));
    writeHead(res, status, raw).end(body, length === body.length ? 'latin1' : 'utf8');
  } else if (body instanceof Uint8Array) {
    raw.push('content-length', String(body.byteLength));
    writeHead(res, status, raw).end(body);
  } else {
    if (mayHaveLength(status) && headers['content-length'] === undefined) {
      raw.push('content-length', '0');
    }
    writeHead(res, status, raw).end();
  }
}

/**
 * Writes the head. Middleware that wants to see the headers replaces writeHead (on-headers, used by
 * compression, express-session and morgan). Up to 1.0.2, on-headers takes a flat list for a list of
 * pairs and sends headers made of single letters; all versions understand an object.
 */
function writeHead(res: ServerResponse, status: number, raw: string[]): ServerResponse {
  if (!Object.hasOwn(res, 'writeHead')) return res.writeHead(status, raw);
  const headers: Record<string, string> = {};
  for (let at = 0; at < raw.length; at += 2) headers[raw[at] ?? ''] = raw[at + 1] ?? '';
  return res.writeHead(status, headers);
}

function mayHaveLength(status: number): boolean {
  return status !== 204 && status !== 304;
}

async function writeStream(
  res: ServerResponse,
  body: AsyncIterable<Uint8Array>,
  readerTimeoutMs: number,
): Promise<void> {
  try {
    for await (const chunk of body) {
      if (res.destroyed) return;
      if (!res.write(chunk)) await drained(res, readerTimeoutMs);
    }
    res.end();
  } catch {
    // The head is out, so only a broken connection tells the client that this was not all.
    res.destroy();
  }
}

/**
 * Resolves when the reader has taken what was written, or is gone. A reader that stalls is cut off.
 */
function drained(res: ServerResponse, readerTimeoutMs: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => res.destroy(), readerTimeoutMs);
    const done = (): void => {
      clearTimeout(timer);
      res.off('drain', done);
      res.off('close', done);
      resolve();
    };
    res.once('drain', done);
    res.once('close', done);
  });
}

function closeBody(body: ExchangeReply['body']): void {
  if (!isStream(body)) return;
  body[Symbol.asyncIterator]()
    .return?.()
    .catch(() => undefined);
}

/** A class rather than an object of closures, for one allocation a request. */
class NodeRequest implements ExchangeRequest {
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly #req: IncomingMessage;
  readonly #res: ServerResponse;
  /** The client waits for `100 Continue`, which has not been sent. */
  #continueOwed: boolean;
  #signal: AbortSignal | null = null;

  constructor(req: IncomingMessage, res: ServerResponse, continueOwed: boolean) {
    this.#req = req;
    this.#res = res;
    this.#continueOwed = continueOwed;
    this.method = req.method ?? 'GET';
    const target = originForm(req.url ?? '/');
    const mark = target.indexOf('?');
    this.path = mark === -1 ? target : target.slice(0, mark);
    this.query = mark === -1 ? '' : target.slice(mark + 1);
  }

  header(name: string): string | undefined {
    const value = this.#req.headers[name];
    return Array.isArray(value) ? value.join(', ') : value;
  }

  *headers(): Iterable<readonly [string, string]> {
    for (const name of Object.keys(this.#req.headers)) {
      const value = this.header(name);
      if (value !== undefined) yield [name, value];
    }
  }

  get origin(): string | null {
    const { host } = this.#req.headers;
    if (host === undefined || !hostPattern.test(host)) return null;
    const { encrypted } = this.#req.socket as { encrypted?: boolean };
    return `${encrypted === true ? 'https' : 'http'}://${host}`;
  }

  /** Made on demand: only long waits use it, and other requests need no listener. */
  get signal(): AbortSignal {
    if (this.#signal === null) {
      const controller = new AbortController();
      this.#signal = controller.signal;
      if (this.#res.destroyed) controller.abort();
      else this.#res.once('close', () => controller.abort());
    }
    return this.#signal;
  }

  body(maxBytes: number): Promise<Uint8Array> {
    const req = this.#req;
    if (req.readableEnded) return bodyReadBefore(req);
    const announced = Number(req.headers['content-length'] ?? 0);
    if (announced > maxBytes) {
      if (!this.#continueOwed) drain(req);
      return Promise.reject(tooLarge(maxBytes));
    }
    if (this.#continueOwed) {
      this.#continueOwed = false;
      this.#res.writeContinue();
    }
    return readBody(req, maxBytes);
  }

  /**
   * A client that was never told to continue may or may not send its body, so we cannot know where
   * its next request begins.
   */
  get mustClose(): boolean {
    return this.#continueOwed;
  }
}

/**
 * A host name or address with a port, without anything that could end a header or lead elsewhere.
 */
const hostPattern = /^(?:[\w.-]{1,253}|\[[\da-f:.]{2,45}\])(?::\d{1,5})?$/i;

/**
 * The path and query of a request target, which may be absolute (`http://host/path`; RFC 9112,
 * 3.2).
 */
function originForm(target: string): string {
  if (target.startsWith('/')) return target;
  const match = /^https?:\/\/[^/?#]*(.*)$/i.exec(target);
  if (match === null) return target;
  const rest = match[1] ?? '';
  return rest.startsWith('/') ? rest : `/${rest}`;
}

function readBody(req: IncomingMessage, maxBytes: number): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    let first: Buffer | null = null;
    let more: Buffer[] | null = null;
    let size = 0;
    const onData = (chunk: Buffer): void => {
      size += chunk.byteLength;
      if (size > maxBytes) {
        req.off('data', onData);
        drain(req);
        reject(tooLarge(maxBytes));
      } else if (first === null) first = chunk;
      else if (more === null) more = [first, chunk];
      else more.push(chunk);
    };
    req.on('data', onData);
    req.on('end', () => {
      resolve(more === null ? (first ?? empty) : Buffer.concat(more, size));
    });
    req.on('error', (cause) => {
      reject(
        new RaincheckError('invalid_request', 'The connection ended before the body did.', {
          cause,
        }),
      );
    });
  });
}

const empty = new Uint8Array(0);

function tooLarge(maxBytes: number): RaincheckError {
  return new RaincheckError('payload_too_large', `The body is larger than ${maxBytes} bytes.`);
}

/**
 * Reads and discards up to a limit. A client that is still writing would otherwise not see our
 * answer.
 */
function drain(req: IncomingMessage): void {
  let size = 0;
  req.on('data', (chunk: Buffer) => {
    size += chunk.byteLength;
    if (size > drainBytesMax) req.destroy();
  });
  req.on('error', () => undefined);
}

/**
 * The body left by a parser in front of us: the raw bytes if it kept them, else its value written
 * as JSON again. Rejects when the parser left nothing, because an empty input must not pass for the
 * client's.
 */
async function bodyReadBefore(req: IncomingMessage & ReadBefore): Promise<Uint8Array> {
  const { rawBody, body, headers } = req;
  for (const candidate of [rawBody, body]) {
    if (candidate instanceof Uint8Array) return candidate;
    if (typeof candidate === 'string') return Buffer.from(candidate);
  }
  if (body !== undefined && body !== null) return Buffer.from(JSON.stringify(body));
  if (Number(headers['content-length'] ?? 0) > 0 || headers['transfer-encoding'] !== undefined) {
    throw new Error(
      'The body was read before Raincheck got the request, and neither req.rawBody nor req.body has it.',
    );
  }
  return empty;
}

type ReadBefore = { readonly rawBody?: unknown; readonly body?: unknown };
