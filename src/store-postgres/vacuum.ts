import type { OpenDatabase } from './open-database.ts';

/**
 * How many rows of `queue` may be dead before it is cleaned; a claim walks past them at 5 µs a
 * hundred.
 */
const deadRowsMax = 5_000;

const vacuumSql = 'VACUUM (SKIP_LOCKED, TRUNCATE FALSE, INDEX_CLEANUP ON) @queue';

/**
 * Cleans `queue` each time that many operations have left it, since autovacuum looks once a minute:
 * at 5,000 operations a second claims would walk past 300,000 dead entries by then. The table is
 * small, so it takes some ms (10 for 5,000 dead rows). Nodes do not wait for each other
 * (SKIP_LOCKED). Where it fails, for example because the role does not own the table, autovacuum
 * remains. Nothing helps while a transaction stays open for long anywhere in the database: rows
 * that it could still see stay (docs/postgres.md tells how to find it).
 */
export class QueueVacuum {
  readonly #database: OpenDatabase;
  #dead = 0;
  #underWay: Promise<void> | null = null;

  constructor(database: OpenDatabase) {
    this.#database = database;
  }

  /** Counts rows that were deleted or changed by a committed transaction. */
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
      // Nothing depends on it, and the next one may succeed.
    }
  }

  /** Resolves when none is under way. */
  async settled(): Promise<void> {
    await this.#underWay;
  }
}
