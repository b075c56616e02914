import { Client } from 'undici';
import { limits } from '../core/limits.ts';
import type { OpenedSocket } from './connector.ts';
import { SendFailure } from './send-failure.ts';

/**
 * How many connections a sender keeps, and how long; the defaults are limits.webhookConnectionsMax
 * and its neighbours.
 */
export type ConnectionLimits = {
  /** Open to one origin, including those in use. */
  readonly perOriginMax: number;
  /** Idle, over all origins. */
  readonly idleMax: number;
  /** How long a connection stays idle, unless its peer says otherwise. */
  readonly idleMs: number;
  /** How old a connection may be when it is used again; names move to other addresses. */
  readonly ageMs: number;
};

export const defaultConnectionLimits: ConnectionLimits = {
  perOriginMax: limits.webhookConnectionsMax,
  idleMax: limits.webhookIdleConnections,
  idleMs: limits.webhookIdleMs,
  ageMs: limits.webhookConnectionAgeMs,
};

/** How much sooner than the peer said (`keep-alive: timeout=5`) an idle connection is closed. */
const idleMarginMs = 1_000;
const idleMsMax = 30_000;

/**
 * One open connection, and the undici client that speaks HTTP/1.1 over it, one request at a time.
 * An undici client would reconnect by itself. This one is given a single socket and no other, so
 * every socket comes from the guard, and a request either gets an answer or fails.
 */
export class Connection {
  readonly origin: string;
  readonly client: Client;
  readonly opened: OpenedSocket;
  readonly #openedAt = performance.now();
  readonly #ageMs: number;
  /** The socket's bytesRead when the exchange under way began. */
  #readBefore = 0;
  /** How many exchanges began on it. */
  uses = 0;

  constructor(origin: string, opened: OpenedSocket, bounds: ConnectionLimits) {
    const { socket } = opened;
    let offer: typeof socket | null = socket;
    this.origin = origin;
    this.opened = opened;
    this.#ageMs = bounds.ageMs;
    this.client = new Client(origin, {
      connect: (_options, callback) => {
        const given = offer;
        offer = null;
        // Not in the same turn: undici takes up its queue only when it is called back later.
        queueMicrotask(() => {
          if (given !== null) callback(null, given);
          else callback(new SendFailure('reset', 'Closed before the request.'), null);
        });
      },
      allowH2: false,
      // The deadline of the attempt is the only one; it covers all phases together.
      headersTimeout: 0,
      bodyTimeout: 0,
      maxHeaderSize: limits.headerBytes,
      keepAliveTimeout: bounds.idleMs,
      keepAliveMaxTimeout: idleMsMax,
      keepAliveTimeoutThreshold: idleMarginMs,
    });
    socket.once('close', () => this.close());
    socket.on('readable', () => this.#limitWire());
  }

  /** Call before each exchange. */
  begin(): void {
    this.uses += 1;
    this.#readBefore = this.opened.socket.bytesRead;
  }

  /** Whether another request may follow the one that has ended. */
  get isReusable(): boolean {
    const { socket } = this.opened;
    return (
      !socket.destroyed &&
      !this.client.destroyed &&
      performance.now() - this.#openedAt < this.#ageMs
    );
  }

  /** Ends the exchange under way at once. */
  close(error: Error | null = null): void {
    void this.client.destroy(error);
    this.opened.socket.destroy();
  }

  /**
   * Closes the socket when an answer is too long on the wire. Interim answers, chunk extensions and
   * trailers cause no event in a handler, so bytes are counted here.
   */
  #limitWire(): void {
    const { socket } = this.opened;
    if (socket.bytesRead - this.#readBefore <= limits.deliveryWireBytes) return;
    socket.destroy(new Error(`The answer is longer than ${limits.deliveryWireBytes} bytes.`));
  }
}
