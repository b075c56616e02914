import { StatementSync } from 'node:sqlite';

/** Errors as SQLite reports them: a full disk, or a row that breaks a rule of its table. */
export const failures = {
  full: { message: 'database or disk is full', errcode: 13, errstr: 'database or disk is full' },
  constraint: { message: 'CHECK constraint failed', errcode: 275, errstr: 'constraint failed' },
} as const;

const ways = ['run', 'all', 'get'] as const;

/**
 * Makes the `nth` statement that SQLite is given (from 1), or every COMMIT, fail: `before` it did
 * anything, or `after` it took effect, like a COMMIT whose answer is lost. A BEGIN does not fail
 * once it has begun. Counts statements until `stop`, which returns their number.
 */
export function failStatement(p: {
  readonly nth: number | 'commit';
  readonly with: keyof typeof failures;
  readonly when: 'before' | 'after';
}): { readonly stop: () => number } {
  const originals = ways.map((way) => StatementSync.prototype[way]);
  let calls = 0;
  for (const [i, way] of ways.entries()) {
    const original = originals[i] as (...values: unknown[]) => unknown;
    const failing = function (this: StatementSync, ...values: unknown[]): unknown {
      calls += 1;
      const isFailing = p.nth === 'commit' ? this.sourceSQL === 'COMMIT' : calls === p.nth;
      if (isFailing && p.when === 'before') throw failure(p.with);
      const answer = original.apply(this, values);
      if (isFailing && !this.sourceSQL.startsWith('BEGIN')) throw failure(p.with);
      return answer;
    };
    Object.defineProperty(StatementSync.prototype, way, { value: failing, configurable: true });
  }
  return {
    stop: () => {
      for (const [i, way] of ways.entries()) {
        Object.defineProperty(StatementSync.prototype, way, {
          value: originals[i],
          configurable: true,
        });
      }
      return calls;
    },
  };
}

function failure(kind: keyof typeof failures): Error {
  const { message, ...codes } = failures[kind];
  return Object.assign(new Error(message), codes);
}
