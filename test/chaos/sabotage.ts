import { StatementSync, type SQLInputValue, type StatementResultingChanges } from 'node:sqlite';
import process from 'node:process';

/**
 * Breaks durability on purpose, to prove that the chaos run notices: loaded into the server with --import
 * it makes every COMMIT return at once and take place later, so that answers leave before their commit.
 */
const lateMs = 150;

type Run = (this: StatementSync, ...values: SQLInputValue[]) => StatementResultingChanges;
// Called with the statement as `this` below.
// oxlint-disable-next-line typescript/unbound-method
const original = StatementSync.prototype.run as Run;
const nothing: StatementResultingChanges = { changes: 0, lastInsertRowid: 0 };
let late: (() => void) | null = null;

const run: Run = function run(...values) {
  if (late !== null && this.sourceSQL === 'BEGIN IMMEDIATE') return nothing;
  if (this.sourceSQL !== 'COMMIT') return original.apply(this, values);
  if (late === null) {
    late = () => original.apply(this, []);
    setTimeout(commit, lateMs);
  }
  return nothing;
};
Object.defineProperty(StatementSync.prototype, 'run', { value: run });

function commit(): void {
  const statement = late;
  late = null;
  statement?.();
}

process.on('exit', commit);
