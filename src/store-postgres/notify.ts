import { randomBytes } from 'node:crypto';
import type { StoreHint, StoreHints } from '../store/store.ts';
import type { Database } from './connection.ts';
import type { News } from './group-commit.ts';
import type { OpenDatabase } from './open-database.ts';

/**
 * Tells other processes by NOTIFY that there is something to do, so that they need not wait for
 * their next poll. It is a hint: nothing depends on it, and a failure is no error.
 *
 * NOTIFY takes a lock over the whole server until its transaction has ended, so it is not part of
 * our writes. It is sent after the commit, in a transaction of its own that does not wait for the
 * disk, and at most once every `intervalMs` in a process, whatever was committed meanwhile.
 *
 * LISTEN needs a session of its own, which a pooler in transaction mode cannot give; behind one, no
 * hints arrive.
 */
const intervalMs = 20;

/**
 * Most ids in one payload, which may have 8,000 bytes. When more change in one interval, none is
 * sent, and the clients that wait for them find out by polling.
 */
const idsMax = 150;

const reconnectMsMin = 500;
const reconnectMsMax = 30_000;

type Payload = { readonly from: string; readonly ready: boolean; readonly ids: readonly string[] };

export class Notifier implements StoreHints {
  readonly #database: OpenDatabase;
  readonly #channel: string;
  /** Identifies this process, which ignores its own notifications. */
  readonly #self = randomBytes(6).toString('base64url');
  readonly #listeners = new Set<(hint: StoreHint) => void>();
  #ready = false;
  #changed = new Set<string>();
  #timer: NodeJS.Timeout | null = null;
  #sentAt = -Infinity;
  #session: ReturnType<Database['client']> | null = null;
  #reconnect: NodeJS.Timeout | null = null;
  #reconnectMs = reconnectMsMin;
  #closed = false;

  constructor(database: OpenDatabase, schema: string) {
    this.#database = database;
    this.#channel = `raincheck_${schema}`.slice(0, 63);
  }

  tell({ ready, changed }: Pick<News, 'ready' | 'changed'>): void {
    if (this.#closed || (!ready && changed.length === 0)) return;
    this.#ready ||= ready;
    for (const id of changed) if (this.#changed.size <= idsMax) this.#changed.add(id);
    const waitMs = this.#sentAt + intervalMs - performance.now();
    this.#timer ??= setTimeout(() => void this.#send(), Math.max(0, waitMs));
  }

  async #send(): Promise<void> {
    this.#timer = null;
    this.#sentAt = performance.now();
    const ids = this.#changed.size > idsMax ? [] : [...this.#changed].filter(isPlain);
    const payload: Payload = { from: this.#self, ready: this.#ready, ids };
    this.#ready = false;
    this.#changed = new Set();
    try {
      const database = await this.#database.ready();
      await database.script(
        `BEGIN; SET LOCAL synchronous_commit = off; NOTIFY "${this.#channel}", '${JSON.stringify(payload)}'; COMMIT`,
      );
    } catch {
      // The other processes poll.
    }
  }

  listen(listener: (hint: StoreHint) => void): () => void {
    this.#listeners.add(listener);
    if (this.#listeners.size === 1) void this.#connect();
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size === 0) void this.#disconnect();
    };
  }

  async #connect(): Promise<void> {
    this.#reconnect = null;
    if (this.#closed || this.#listeners.size === 0) return;
    try {
      const session = (await this.#database.ready()).client();
      this.#session = session;
      session.on('error', () => this.#lost(session));
      session.on('end', () => this.#lost(session));
      session.on('notification', ({ payload }) => this.#heard(payload));
      await session.connect();
      await session.query(`LISTEN "${this.#channel}"`);
      this.#reconnectMs = reconnectMsMin;
      // Notifications may have been missed while this process did not listen.
      this.#tellListeners({ type: 'ready' });
    } catch {
      if (this.#session === null) this.#connectLater();
      else this.#lost(this.#session);
    }
  }

  #lost(session: ReturnType<Database['client']>): void {
    if (this.#session !== session) return;
    this.#session = null;
    session.end().catch(() => undefined);
    this.#connectLater();
  }

  #connectLater(): void {
    if (this.#closed || this.#reconnect !== null) return;
    this.#reconnect = setTimeout(() => void this.#connect(), this.#reconnectMs);
    this.#reconnect.unref();
    this.#reconnectMs = Math.min(reconnectMsMax, this.#reconnectMs * 2);
  }

  #heard(text: string | undefined): void {
    const payload = parsedPayload(text);
    if (payload === null || payload.from === this.#self) return;
    if (payload.ready) this.#tellListeners({ type: 'ready' });
    if (payload.ids.length > 0) this.#tellListeners({ type: 'changed', ids: payload.ids });
  }

  #tellListeners(hint: StoreHint): void {
    for (const listener of this.#listeners) listener(hint);
  }

  async #disconnect(): Promise<void> {
    const session = this.#session;
    this.#session = null;
    if (this.#reconnect !== null) clearTimeout(this.#reconnect);
    this.#reconnect = null;
    await session?.end().catch(() => undefined);
  }

  async close(): Promise<void> {
    this.#closed = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    await this.#disconnect();
  }
}

/** Whether the id can stand between quotes in SQL and JSON. */
function isPlain(id: string): boolean {
  return /^\w{1,60}$/.test(id);
}

function parsedPayload(text: string | undefined): Payload | null {
  try {
    const { from, ready, ids } = JSON.parse(text ?? '') as Partial<Payload>;
    if (typeof from !== 'string' || !Array.isArray(ids)) return null;
    return { from, ready: ready === true, ids };
  } catch {
    return null; // Another program's, on our channel.
  }
}
