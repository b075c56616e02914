import type { Pool, PoolClient } from 'pg';
import { sqlState, storeError, unavailable } from './postgres-error.ts';

/**
 * A connection that nobody needed for this long goes back to the pool, which closes it in its turn.
 */
const spareMs = 60_000;

/**
 * A pool whose connections can be lent again in the turn in which they are given back.
 * node-postgres' own pool takes a turn through process.nextTick, two timers and two listeners to
 * lend one that it has: 50 µs of the 1.4 ms of an accept, when nothing else goes on.
 */
export class Connections {
  readonly #pool: Pool;
  /** Lent to us by the pool, and not in use. */
  readonly #spare: PoolClient[] = [];
  /** Broken connections, also those that broke while nobody used them. */
  readonly #broken = new WeakSet<object>();
  #wasUsed = false;
  #timer: NodeJS.Timeout | null = null;

  constructor(pool: Pool) {
    this.#pool = pool;
    // When the connection was idle in the pool, the pool has already removed it.
    pool.on('error', () => undefined);
    pool.on('connect', (client) => {
      for (const event of ['error', 'end'] as const) {
        client.on(event, () => this.#broken.add(client));
      }
    });
  }

  /** Rejects before anything is sent, so a failure means that nothing was stored. */
  take(): PoolClient | Promise<PoolClient> {
    this.#wasUsed = true;
    for (;;) {
      const client = this.#spare.pop();
      if (client === undefined) return connected(this.#pool);
      if (!this.#isBroken(client)) return client;
      client.release(true);
    }
  }

  give(client: PoolClient, isLost: boolean): void {
    const isUseless = isLost || this.#isBroken(client);
    if (isUseless || this.#pool.waitingCount > 0 || this.#pool.ending) {
      client.release(isUseless);
      return;
    }
    this.#spare.push(client);
    this.#timer ??= setTimeout(() => this.#look(), spareMs).unref();
  }

  #look(): void {
    if (!this.#wasUsed) this.#releaseAll();
    this.#wasUsed = false;
    if (this.#spare.length === 0) this.#timer = null;
    else this.#timer?.refresh();
  }

  #releaseAll(): void {
    for (const client of this.#spare.splice(0)) client.release(this.#isBroken(client));
  }

  #isBroken(client: PoolClient): boolean {
    return this.#broken.has(client) || !client.connection.stream.writable;
  }

  async end(): Promise<void> {
    if (this.#timer !== null) clearTimeout(this.#timer);
    const ended = this.#pool.end();
    this.#releaseAll();
    await ended;
  }
}

async function connected(pool: Pool): Promise<PoolClient> {
  try {
    return await pool.connect();
  } catch (error) {
    throw sqlState(error) === null ? connectFailure(error) : error;
  }
}

function connectFailure(error: unknown): unknown {
  const failure = storeError(error);
  return failure === error ? unavailable('PostgreSQL cannot be reached.', error) : failure;
}
