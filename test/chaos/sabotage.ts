import { StatementSync, type SQLInputValue, type StatementResultingChanges } from 'node:sqlite';
import process from 'node:process';

/**
 * Breaks durability on purpose, to prove that the chaos run notices. Loaded into the server with
 * --import, it makes every COMMIT return at once and take place later, so that answers leave before
 * their commit.
 */
const lateMs = 150;
/** Before the first operation there is only the schema, which was promised to no client. */
const firstPromise = /INSERT INTO operations\b/i;
let armed = false;

type Run = (this: StatementSync, ...values: SQLInputValue[]) => StatementResultingChanges;
// Called with the statement as `this` below.
// oxlint-disable-next-line typescript/unbound-method
const original = StatementSync.prototype.run as Run;
const nothing: StatementResultingChanges = { changes: 0, lastInsertRowid: 0 };
let late: (() => void) | null = null;
/** Between the writer's BEGIN and COMMIT; the reader's commits are left alone. */
let writing = false;

const run: Run = function run(...values) {
  armed ||= firstPromise.test(this.sourceSQL);
  if (this.sourceSQL === 'BEGIN IMMEDIATE') {
    writing = true;
    if (late !== null) return nothing;
  } else if (this.sourceSQL === 'COMMIT' && writing) {
    writing = false;
    if (armed) {
      if (late === null) setTimeout(commit, lateMs);
      late ??= () => original.apply(this, []);
      return nothing;
    }
  }
  return original.apply(this, values);
};
Object.defineProperty(StatementSync.prototype, 'run', { value: run });

function commit(): void {
  const statement = late;
  late = null;
  statement?.();
}

process.on('exit', commit);
