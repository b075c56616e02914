import { Connection, type ConnectionLimits } from './connection.ts';
import type { Connector } from './connector.ts';

/**
 * Connections by origin: at most `perOriginMax` open to one origin, and at most `idleMax` idle in
 * all. The last used one is taken first. When all are in use, callers wait in line.
 */
export class ConnectionPool {
  readonly #connector: Connector;
  readonly #bounds: ConnectionLimits;
  readonly #origins = new Map<string, OriginPool>();
  /** Longest idle first. */
  readonly #idle = new Set<Connection>();
  #isClosed = false;

  constructor(connector: Connector, bounds: ConnectionLimits) {
    this.#connector = connector;
    this.#bounds = bounds;
  }

  /** An idle connection to `origin`; null: acquire() has to open one, or to wait. */
  takeIdle(origin: string): Connection | null {
    const idle = this.#origins.get(origin)?.idle;
    for (let one = idle?.pop(); one !== undefined; one = idle?.pop()) {
      this.#idle.delete(one);
      if (one.isReusable) return one;
      this.#discard(one);
    }
    return null;
  }

  /** An idle or new connection. Rejects as the connector does. */
  async acquire(url: URL, signal: AbortSignal): Promise<Connection> {
    const { origin } = url;
    for (;;) {
      const idle = this.takeIdle(origin);
      if (idle !== null) return idle;
      const pool = this.#originPool(origin);
      if (pool.open < this.#bounds.perOriginMax) {
        pool.open += 1;
        return await this.#openIn(url, signal);
      }
      await turn(pool.waiting, signal);
    }
  }

  /**
   * Opens a new connection in place of one that turned out to be dead; other idle ones may be dead
   * too.
   */
  replace(dead: Connection, url: URL, signal: AbortSignal): Promise<Connection> {
    dead.close();
    return this.#openIn(url, signal);
  }

  /** Returns a connection that acquire() gave. */
  release(connection: Connection): void {
    const pool = this.#originPool(connection.origin);
    if (this.#isClosed || !connection.isReusable) {
      this.#discard(connection);
      return;
    }
    pool.idle.push(connection);
    this.#idle.add(connection);
    for (const eldest of this.#idle) {
      if (this.#idle.size <= this.#bounds.idleMax) break;
      this.#drop(eldest);
    }
    pool.waiting.shift()?.();
  }

  /** Closes connections that are idle now, and those in use when they are released. */
  close(): void {
    this.#isClosed = true;
    for (const connection of this.#idle) this.#drop(connection);
  }

  /** Opens a connection that is counted in `open` already. */
  async #openIn(url: URL, signal: AbortSignal): Promise<Connection> {
    try {
      const opened = await this.#connector(url, signal);
      const connection = new Connection(url.origin, opened, this.#bounds);
      connection.opened.socket.once('close', () => this.#dropIdle(connection));
      return connection;
    } catch (error) {
      this.#vacate(url.origin);
      throw error;
    }
  }

  #dropIdle(connection: Connection): void {
    if (this.#idle.has(connection)) this.#drop(connection);
  }

  #drop(connection: Connection): void {
    this.#idle.delete(connection);
    const idle = this.#originPool(connection.origin).idle;
    idle.splice(idle.indexOf(connection), 1);
    this.#discard(connection);
  }

  #discard(connection: Connection): void {
    connection.close();
    this.#vacate(connection.origin);
  }

  #vacate(origin: string): void {
    const pool = this.#originPool(origin);
    pool.open -= 1;
    pool.waiting.shift()?.();
    if (pool.open === 0 && pool.waiting.length === 0) this.#origins.delete(origin);
  }

  #originPool(origin: string): OriginPool {
    const known = this.#origins.get(origin);
    if (known !== undefined) return known;
    const pool: OriginPool = { open: 0, idle: [], waiting: [] };
    this.#origins.set(origin, pool);
    return pool;
  }
}

type OriginPool = {
  /** Open connections, including those being opened. */
  open: number;
  /** The last used one is last. */
  readonly idle: Connection[];
  readonly waiting: (() => void)[];
};

/** Resolves when this caller's turn comes, rejects when the signal aborts. */
function turn(waiting: (() => void)[], signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const called = (): void => {
      signal.removeEventListener('abort', abandon);
      resolve();
    };
    const abandon = (): void => {
      waiting.splice(waiting.indexOf(called), 1);
      reject(signal.reason as Error);
    };
    if (signal.aborted) return reject(signal.reason as Error);
    signal.addEventListener('abort', abandon, { once: true });
    waiting.push(called);
  });
}
