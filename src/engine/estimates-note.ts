import type { Estimator } from '../core/estimator/estimator.ts';
import { limits } from '../core/limits.ts';

/** Where what was learned is kept. */
export const estimatesNote = 'estimates';

/** What is learned is written no faster than this: a megabyte every 50 s. */
const charsPerSecond = 20_000;

/**
 * What an estimator learned, to be kept, and how long to wait before the next. Without the stages where they are too many:
 * what remains are some hundred bytes a task.
 */
export function learnedText(estimator: Estimator): {
  readonly text: string;
  readonly restMs: number;
} {
  const learned = estimator.exportLearned();
  const whole = JSON.stringify(learned);
  const text =
    whole.length <= limits.noteChars ? whole : JSON.stringify({ ...learned, stages: {} });
  return { text, restMs: (text.length / charsPerSecond) * 1000 };
}
