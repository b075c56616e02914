import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A webhook as it arrived. */
export type Arrived = {
  readonly path: string;
  readonly query: string;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
};

export type InboxAnswer = {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
};

/** A webhook receiver on this machine. Each test uses its own path, and so has its own endpoint. */
export class Inbox {
  readonly #arrived: Arrived[] = [];
  readonly #answers = new Map<string, (number: number) => InboxAnswer>();
  readonly #held = new Map<string, Promise<void>>();
  readonly #waiting = new Set<() => void>();
  readonly #server = createServer((req, res) => {
    void (async () => {
      let text = '';
      req.setEncoding('utf8');
      for await (const chunk of req) text += chunk;
      const { pathname: path, search: query } = new URL(req.url ?? '/', 'http://inbox');
      this.#arrived.push({ path, query, headers: req.headers, text });
      const answer = this.#answers.get(path)?.(this.at(path).length) ?? { status: 204 };
      for (const look of this.#waiting) look();
      await this.#held.get(path);
      res.writeHead(answer.status, answer.headers).end(answer.body);
    })();
  });
  origin = '';

  async open(): Promise<void> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    this.origin = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, 'close');
  }

  /** Sets the answers of a path. `number` counts the requests to it from 1. The default is 204. */
  answers(path: string, answer: (number: number) => InboxAnswer): void {
    this.#answers.set(path, answer);
  }

  /** Makes the answers of a path wait for `gate`. */
  holds(path: string, gate: Promise<void>): void {
    this.#held.set(path, gate);
  }

  at(path: string): readonly Arrived[] {
    return this.#arrived.filter((one) => one.path === path);
  }

  /** Resolves to the requests to a path, once there are `count`. */
  async wait(path: string, count: number): Promise<readonly Arrived[]> {
    while (this.at(path).length < count) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#waiting.add(resolve);
      await promise;
      this.#waiting.delete(resolve);
    }
    return this.at(path);
  }
}
