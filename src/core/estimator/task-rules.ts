/** What the author of a task declared about it, as far as it affects when an operation ends. */
export type TaskRules = {
  /** The duration of one operation, used before there is a history; null: not declared. */
  readonly declaredMs: number | null;
  /** Attempts of the task that may run at once; null: any number; 0: paused. */
  readonly concurrency: number | null;
  /** Attempts with one key that may run at once; null: any number. */
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
