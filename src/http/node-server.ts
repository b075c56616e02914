import {
  createServer,
  STATUS_CODES,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { Duplex } from 'node:stream';
import { RaincheckError, type ErrorCode } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import { integerOption, refuseUnknownKeys } from '../core/options.ts';
import type { App } from './app.ts';
import type { ExchangeReply } from './exchange.ts';
import { continueHandler, nodeHandler, writeReply } from './node-adapter.ts';

export type HttpServerOptions = {
  /** Time for a request's headers to arrive, in ms. Default 10,000. */
  readonly headersTimeoutMs?: number;
  /** Time for a whole request to arrive, in ms. Default 60,000. */
  readonly requestTimeoutMs?: number;
  /**
   * How long an idle connection is kept, in ms. It is longer than the usual 60 s of load balancers.
   * Default 65,000.
   */
  readonly keepAliveTimeoutMs?: number;
  /**
   * Silence in both directions after which a connection is cut, in ms; must exceed the longest
   * wait. Default 120,000.
   */
  readonly socketTimeoutMs?: number;
  /**
   * How long a client that reads a large result may be silent before it is cut off, in ms. Default
   * 30,000.
   */
  readonly readerTimeoutMs?: number;
  /** Connections beyond this number are closed at once. Default 10,000. */
  readonly connectionsMax?: number;
};

/**
 * An http.Server for the app, not listening yet. Errors that Node would answer by itself (bad
 * syntax, slow or large headers, Expect, CONNECT) are problem+json here. An Upgrade is ignored and
 * the request served without it (RFC 9110, 7.8). Throws `invalid_option`.
 */
export function createHttpServer(app: App, options: HttpServerOptions = {}): Server {
  const settings = checkedOptions(options);
  const server = createServer({
    maxHeaderSize: limits.headerBytes + limits.urlChars,
    headersTimeout: settings.headersTimeoutMs,
    requestTimeout: settings.requestTimeoutMs,
    keepAliveTimeout: settings.keepAliveTimeoutMs,
    connectionsCheckingInterval: Math.min(1000, settings.headersTimeoutMs),
    requireHostHeader: false, // Node's own answer has no body
    insecureHTTPParser: false,
  });
  server.maxConnections = settings.connectionsMax;
  server.setTimeout(settings.socketTimeoutMs);
  const guarded = (handler: ReturnType<typeof nodeHandler>) => {
    return (req: IncomingMessage, res: ServerResponse): void => {
      const fault = requestFault(req);
      if (fault === null) handler(req, res);
      else writeReply(res, app.problem(fault), true);
    };
  };
  server.on('request', guarded(nodeHandler(app, settings)));
  server.on('checkContinue', guarded(continueHandler(app, settings)));
  server.on('checkExpectation', (_, res) => {
    const error = new RaincheckError(
      'expectation_failed',
      'Expected no Expect header but `100-continue`.',
    );
    writeReply(res, app.problem(error), true);
  });
  server.on('connect', (_, socket) => {
    const error = new RaincheckError('method_not_allowed', 'This server is not a proxy.');
    endWith(socket, app.problem(error));
  });
  server.on('clientError', (error, socket) => {
    answerClientError(app, error, socket);
  });
  return server;
}

/**
 * Faults that Node lets through: HTTP/0.9 and HTTP/2.0 request lines, and any number of Host
 * headers but one.
 */
function requestFault(req: IncomingMessage): RaincheckError | null {
  if (req.httpVersionMajor !== 1) {
    return new RaincheckError('invalid_request', 'Expected HTTP/1.1 or HTTP/1.0.');
  }
  const { rawHeaders } = req;
  let hosts = 0;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i];
    if (name?.length === 4 && name.toLowerCase() === 'host') hosts += 1;
  }
  if (hosts === 1 || (hosts === 0 && req.httpVersionMinor === 0)) return null;
  return new RaincheckError('invalid_request', `Expected one Host header, got ${hosts}.`);
}

/** The error that Node passes on when it cannot read a request. */
type ClientError = NodeJS.ErrnoException & {
  /** The latest packet, and how many bytes of it were parsed. */
  readonly rawPacket?: Buffer;
  readonly bytesParsed?: number;
};

/**
 * Members that Node keeps at a socket: the response under way, and the latest request whose headers
 * are complete.
 */
type NodeSocket = Duplex & {
  readonly _httpMessage?: ServerResponse | null;
  readonly parser?: { readonly incoming?: IncomingMessage | null } | null;
};

function answerClientError(app: App, error: ClientError, socket: NodeSocket): void {
  if (socket.destroyed || socket.writableEnded) return;
  // If the head of the response under way is out, a second head would be read as its body.
  const isAnswered = socket._httpMessage?.headersSent === true;
  if (error.code === 'ECONNRESET' || !socket.writable || isAnswered) {
    socket.destroy();
    return;
  }
  const [code, detail] = clientFaults[error.code ?? ''] ?? malformed;
  const reply = app.problem(new RaincheckError(code, detail));
  endWith(socket, reply, { bodyless: isOfHead(error, socket) });
}

/**
 * Whether the request is a HEAD, as far as can be known, since Node reports no method when it
 * cannot read the headers. Then we look at the start of the latest packet, unless that contains
 * another complete request. A request that came in pieces is taken for a GET.
 */
function isOfHead(error: ClientError, socket: NodeSocket): boolean {
  const incoming = socket.parser?.incoming ?? null;
  if (incoming !== null && !incoming.complete) return incoming.method === 'HEAD';
  const read = error.rawPacket?.toString('latin1', 0, error.bytesParsed) ?? '';
  return read.startsWith('HEAD ') && !read.includes('\r\n\r\n');
}

const malformed = ['invalid_request', 'The request is not well-formed HTTP/1.1.'] as const;

/** Problems by Node's error code (deps/llhttp and lib/_http_server.js). */
const clientFaults: Readonly<Record<string, readonly [ErrorCode, string]>> = {
  HPE_HEADER_OVERFLOW: [
    'headers_too_large',
    `The request line and headers are larger than ${limits.headerBytes + limits.urlChars} bytes.`,
  ],
  HPE_CHUNK_EXTENSIONS_OVERFLOW: ['payload_too_large', 'The chunk extensions are too large.'],
  ERR_HTTP_REQUEST_TIMEOUT: ['request_timeout', 'The request took too long to arrive.'],
};

/**
 * How long a client that is still writing may take to read our answer before the connection is cut,
 * in ms.
 */
const lingerMs = 1000;

/**
 * Answers on the bare socket and closes it after a moment. Closing with unread input makes the
 * kernel reset the connection, and the client may lose the answer.
 */
function endWith(
  socket: Duplex,
  reply: ExchangeReply,
  { bodyless = false }: { readonly bodyless?: boolean } = {},
): void {
  const { status, headers } = reply;
  const body = typeof reply.body === 'string' ? reply.body : '';
  let head = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Error'}\r\n`;
  for (const [name, value] of Object.entries(headers)) head += `${name}: ${value}\r\n`;
  head += `connection: close\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n`;
  socket.on('error', () => undefined);
  socket.end(bodyless ? head : head + body);
  socket.resume();
  const timer = setTimeout(() => socket.destroy(), lingerMs);
  timer.unref();
  socket.once('close', () => clearTimeout(timer));
}

function checkedOptions(options: HttpServerOptions): Required<HttpServerOptions> {
  refuseUnknownKeys('createHttpServer', options, [
    'headersTimeoutMs',
    'requestTimeoutMs',
    'keepAliveTimeoutMs',
    'socketTimeoutMs',
    'readerTimeoutMs',
    'connectionsMax',
  ]);
  const ms = (name: keyof HttpServerOptions, fallback: number): number =>
    integerOption(name, options[name], { min: 10, max: 3_600_000, fallback });
  return {
    headersTimeoutMs: ms('headersTimeoutMs', 10_000),
    requestTimeoutMs: ms('requestTimeoutMs', 60_000),
    keepAliveTimeoutMs: ms('keepAliveTimeoutMs', 65_000),
    socketTimeoutMs: ms('socketTimeoutMs', 120_000),
    readerTimeoutMs: ms('readerTimeoutMs', 30_000),
    connectionsMax: integerOption('connectionsMax', options.connectionsMax, {
      min: 1,
      max: 1_000_000,
      fallback: 10_000,
    }),
  };
}
