/** What the author of a task said about it, as far as it bears on when an operation ends. */
export type TaskRules = {
  /** What one operation takes, before there is a history; null: not said. */
  readonly declaredMs: number | null;
  /** Attempts of the task at once; null: any number; 0: paused. */
  readonly concurrency: number | null;
  /** Attempts with one key at once; null: any number. */
  readonly keyConcurrency: number | null;
};

export const taskRulesDefault: TaskRules = {
  declaredMs: null,
  concurrency: null,
  keyConcurrency: null,
};

/** Whether operations of the task may have to wait although a slot is free. */
export function isCapped(rules: TaskRules): boolean {
  return rules.concurrency !== null || rules.keyConcurrency !== null;
}
