import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Webhook } from 'standardwebhooks';

/** One request as a receiver got it. */
export type Received = {
  readonly path: string;
  readonly id: string;
  /** `webhook-timestamp`, seconds. */
  readonly timestamp: number;
  readonly body: string;
  /** The number of this request with its id, from 1. */
  readonly nth: number;
  readonly headers: IncomingMessage['headers'];
};

export type Reaction = (
  received: Received,
  response: ServerResponse,
) => number | void | Promise<number | void>;

/**
 * A receiver on loopback that records what it gets, verifies it with the receivers' own library,
 * and notes every delivery of which two requests were open at once. A status that a reaction
 * returns is the answer.
 */
export class WebhookReceiver {
  readonly received: Received[] = [];
  /** Ids that were answered 2xx, which the sender may or may not have read. */
  readonly acknowledged = new Set<string>();
  readonly faults: string[] = [];
  openMax = 0;
  readonly #server: Server;
  readonly #verifier: Webhook | null;
  readonly #react: Reaction;
  readonly #times = new Map<string, number>();
  readonly #open = new Map<string, number>();
  #openRequests = 0;
  #waiting: { readonly count: number; readonly resolve: () => void }[] = [];

  private constructor(p: { readonly secret: string | null; readonly react: Reaction }) {
    this.#react = p.react;
    this.#verifier = p.secret === null ? null : new Webhook(p.secret);
    this.#server = createServer((request, response) => void this.#take(request, response));
  }

  static async open(p: {
    /** null: signatures are not checked. */
    readonly secret?: string | null;
    readonly react?: Reaction;
    /** Default: any free one. */
    readonly port?: number;
  }): Promise<WebhookReceiver> {
    const receiver = new WebhookReceiver({
      secret: p.secret ?? null,
      react: p.react ?? (() => 200),
    });
    receiver.#server.listen(p.port ?? 0, '127.0.0.1');
    await once(receiver.#server, 'listening');
    return receiver;
  }

  get origin(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Resolves once `count` ids were answered 2xx. */
  acknowledgedBy(count: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.push({ count, resolve });
    this.#tell();
    return promise;
  }

  #tell(): void {
    const isDone = ({ count }: { count: number }): boolean => this.acknowledged.size >= count;
    for (const { resolve } of this.#waiting.filter(isDone)) resolve();
    this.#waiting = this.#waiting.filter((one) => !isDone(one));
  }

  async close(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const id = String(request.headers['webhook-id']);
    this.#opened(id);
    response.once('close', () => this.#closed(id));
    request.on('error', () => undefined);
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of request) chunks.push(chunk as Buffer);
    } catch {
      return; // The sender was killed in the middle of it.
    }
    const body = Buffer.concat(chunks).toString();
    const nth = (this.#times.get(id) ?? 0) + 1;
    this.#times.set(id, nth);
    const { headers, url: path = '' } = request;
    const timestamp = Number(headers['webhook-timestamp']);
    const received = { path, id, timestamp, body, nth, headers };
    this.received.push(received);
    this.#verify(received);
    const status = await this.#react(received, response);
    if (typeof status !== 'number') return;
    if (status >= 200 && status <= 299) this.acknowledged.add(id);
    response.writeHead(status);
    response.end();
    this.#tell();
  }

  #verify({ id, body, headers }: Received): void {
    if (this.#verifier === null) return;
    try {
      this.#verifier.verify(body, headers as Record<string, string>);
    } catch (error) {
      this.faults.push(`${id}: ${String(error)}`);
    }
  }

  #opened(id: string): void {
    const open = (this.#open.get(id) ?? 0) + 1;
    this.#open.set(id, open);
    if (open > 1) this.faults.push(`${id}: ${open} attempts at once`);
    this.#openRequests += 1;
    this.openMax = Math.max(this.openMax, this.#openRequests);
  }

  #closed(id: string): void {
    this.#open.set(id, (this.#open.get(id) ?? 1) - 1);
    this.#openRequests -= 1;
  }
}
