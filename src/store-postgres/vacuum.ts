import type { OpenDatabase } from './open-database.ts';

/** Rows that may be dead in `queue` before it is cleaned: a claim walks past them, 5 µs a hundred. */
const deadRowsMax = 5_000;

const vacuumSql = 'VACUUM (SKIP_LOCKED, TRUNCATE FALSE, INDEX_CLEANUP ON) @queue';

/**
 * Cleans `queue` after every so many operations that left it, since autovacuum looks once a minute: at 5,000
 * operations a second claims would walk past 300,000 dead entries by then. The table is small, so it takes
 * some ms (of 5,000 dead rows: 10). Nodes do not wait for each other (SKIP_LOCKED), and where it fails, e.g. for a
 * role that does not own the table, autovacuum is the floor. Nothing helps against a transaction that is open
 * for long anywhere in the database: what it could still see stays (docs/postgres.md tells how to find it).
 */
export class QueueVacuum {
  readonly #database: OpenDatabase;
  #dead = 0;
  #underWay: Promise<void> | null = null;

  constructor(database: OpenDatabase) {
    this.#database = database;
  }

  /** `count` rows were deleted or changed, and it is committed. */
  left(count: number): void {
    this.#dead += count;
    if (this.#dead < deadRowsMax || this.#underWay !== null) return;
    this.#dead = 0;
    this.#underWay = this.#run().finally(() => (this.#underWay = null));
  }

  async #run(): Promise<void> {
    try {
      const database = await this.#database.ready();
      await database.script(database.inSchema(vacuumSql));
    } catch {
      // Not needed for anything to be right; the next one may work.
    }
  }

  /** Resolves when none is under way. */
  async settled(): Promise<void> {
    await this.#underWay;
  }
}
