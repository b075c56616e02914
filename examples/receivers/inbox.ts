import { DatabaseSync } from 'node:sqlite';
import type { WireWebhookEvent } from 'raincheck/client';

export type Handle = (event: WireWebhookEvent) => Promise<void>;

/**
 * How long ids are kept: longer than a sender can repeat one, as Raincheck keeps dead letters for
 * 30 days.
 */
const keptMs = 45 * 86_400_000;

/**
 * The store of a receiver, written before it answers. It keeps the id, so that an event sent twice
 * is handled once, and the event, so that an answered one survives a restart. Any database will do;
 * what matters is that `add` is one statement, that only the first of two equal ids gets through,
 * and that it is on disk when `add` returns.
 */
export class Inbox {
  readonly #database: DatabaseSync;
  readonly #handle: Handle;
  #working = false;

  /**
   * Handles events left from before, then new ones. After a crash `handle` may see an event again.
   */
  constructor(file: string, handle: Handle) {
    this.#handle = handle;
    this.#database = new DatabaseSync(file);
    this.#database.exec(`CREATE TABLE IF NOT EXISTS inbox
      (id TEXT PRIMARY KEY, event TEXT NOT NULL, added_at INTEGER NOT NULL, done INTEGER NOT NULL DEFAULT 0)`);
    const oldest = Date.now() - keptMs;
    this.#database.prepare('DELETE FROM inbox WHERE done = 1 AND added_at < ?').run(oldest);
    setImmediate(() => void this.work());
  }

  /**
   * Stores an event; false: it was stored before. The work begins after the caller has answered.
   */
  add(id: string, event: WireWebhookEvent): boolean {
    const { changes } = this.#database
      .prepare('INSERT OR IGNORE INTO inbox (id, event, added_at) VALUES (?, ?, ?)')
      .run(id, JSON.stringify(event), Date.now());
    setImmediate(() => void this.work());
    return changes === 1;
  }

  /**
   * Handles stored events, oldest first. One whose handler throws is logged and waits for the next
   * call.
   */
  async work(): Promise<void> {
    if (this.#working) return;
    this.#working = true;
    let last = 0;
    for (let row = this.#next(last); row !== undefined; row = this.#next(last)) {
      last = row.rowid;
      try {
        await this.#handle(JSON.parse(row.event) as WireWebhookEvent);
        this.#database.prepare('UPDATE inbox SET done = 1 WHERE rowid = ?').run(row.rowid);
      } catch (error) {
        console.error(`${row.id} waits:`, error);
      }
    }
    this.#working = false;
  }

  close(): void {
    this.#database.close();
  }

  #next(after: number) {
    if (!this.#database.isOpen) return undefined;
    const row = this.#database
      .prepare(
        'SELECT rowid, id, event FROM inbox WHERE done = 0 AND rowid > ? ORDER BY rowid LIMIT 1',
      )
      .get(after);
    return row as { rowid: number; id: string; event: string } | undefined;
  }
}
