import type { Estimator } from '../core/estimator/estimator.ts';
import { limits } from '../core/limits.ts';

/** The name of the note that keeps what was learned. */
export const estimatesNote = 'estimates';

/** What is learned is written no faster than this: a megabyte every 50 s. */
const charsPerSecond = 20_000;

/**
 * The text of the note with what an estimator learned, and how long to wait before the next. If it
 * is too long, the stages are left out; the rest is some hundred bytes a task.
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
