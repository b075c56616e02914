import { writeFileSync } from 'node:fs';
import type { Replayed } from './replay.ts';
import type { Course } from './virtual-queue.ts';

/** Results as JSON lines, with times in seconds: the ends, the predictions and the polls. */
export function writeFinishes(file: string, courses: readonly Course[]): void {
  writeLines(
    file,
    courses.map(({ row, task, submitAt, startAt, finishAt }) => ({
      id: row,
      type: task,
      submit: submitAt / 1000,
      start: startAt / 1000,
      finish: finishAt / 1000,
    })),
  );
}

export function writePredictions(file: string, { predictions }: Replayed): void {
  writeLines(
    file,
    predictions.map(({ row, at, p50At, p90At }) => ({
      id: row,
      t_predicted_at: at / 1000,
      p50_finish: p50At / 1000,
      p90_finish: p90At / 1000,
    })),
  );
}

export function writePolls(file: string, { polls }: Replayed): void {
  const lines = polls.map((made, id) => ({ id, polls: made.map((at) => at / 1000) }));
  writeLines(file, lines);
}

function writeLines(file: string, rows: readonly object[]): void {
  writeFileSync(file, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
}
