import { once } from 'node:events';
import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/**
 * A load balancer before several nodes: each request goes to the next node in turn, over a
 * connection of its own. The answer of a node that dies breaks off; a node that refuses connections
 * is skipped.
 */
export class AlternatingProxy {
  readonly #server = createServer((req, res) => void this.#forward(req, res));
  /** Ports of the nodes. */
  #nodes: readonly number[] = [];
  #turn = 0;
  /** Requests, by node, that have no complete answer yet. */
  readonly #open = new Set<{ readonly node: number; readonly url: string }>();
  #watch: { readonly missing: Set<string>; readonly done: () => void } | null = null;
  /** How many requests each node has had. */
  readonly counts = new Map<number, number>();

  async listen(): Promise<number> {
    this.#server.listen(0, '127.0.0.1').unref();
    await once(this.#server, 'listening');
    return (this.#server.address() as AddressInfo).port;
  }

  use(...nodes: number[]): void {
    this.#nodes = nodes;
  }

  /**
   * Resolves once each of these texts was in the address of a request to a node that is used now.
   */
  async asked(texts: readonly string[]): Promise<void> {
    const missing = new Set(texts);
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#watch = { missing, done: resolve };
    for (const { node, url } of this.#open) if (this.#nodes.includes(node)) this.#seen(url);
    if (missing.size === 0) resolve();
    await promise;
    this.#watch = null;
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  #seen(url: string): void {
    if (this.#watch === null) return;
    const { missing, done } = this.#watch;
    for (const text of missing) if (url.includes(text)) missing.delete(text);
    if (missing.size === 0) done();
  }

  async #forward(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of req as AsyncIterable<Buffer>) chunks.push(chunk);
    const body = Buffer.concat(chunks);
    for (let left = this.#nodes.length; left > 0; left -= 1) {
      const node = this.#nodes[this.#turn % this.#nodes.length] ?? 0;
      this.#turn += 1;
      if ((await this.#answered({ node, req, res, body })) !== 'refused') return;
    }
    req.socket.resetAndDestroy();
  }

  async #answered(p: {
    readonly node: number;
    readonly req: IncomingMessage;
    readonly res: ServerResponse;
    readonly body: Buffer;
  }): Promise<'refused' | 'answered' | 'broken off'> {
    const { node, req, res, body } = p;
    const { method = 'GET', url = '/', headers } = req;
    const open = { node, url };
    this.#open.add(open);
    try {
      const asked = request({
        host: '127.0.0.1',
        port: node,
        method,
        path: url,
        headers,
        agent: false,
      });
      res.once('close', () => asked.destroy());
      asked.end(body);
      const [answer] = (await once(asked, 'response')) as [IncomingMessage];
      this.counts.set(node, (this.counts.get(node) ?? 0) + 1);
      this.#seen(url);
      res.writeHead(answer.statusCode ?? 502, answer.headers);
      res.flushHeaders();
      for await (const chunk of answer as AsyncIterable<Buffer>) res.write(chunk);
      res.end();
      return 'answered';
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ECONNREFUSED') return 'refused';
      req.socket.resetAndDestroy();
      return 'broken off';
    } finally {
      this.#open.delete(open);
    }
  }
}
