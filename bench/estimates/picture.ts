import type { Prediction } from './replay.ts';
import type { Course } from './virtual-queue.ts';

/**
 * Draws predicted intervals against actual times as an SVG: evenly chosen operations of one replay,
 * ordered by the median predicted at their submit. Each has a line from that median to the bound,
 * and a dot at its actual time from submit to end.
 */
export function picture(p: {
  readonly name: string;
  readonly courses: readonly Course[];
  readonly predictions: readonly Prediction[];
  readonly warmup: number;
}): string {
  const told = firstPredictions(p.predictions);
  const after = p.courses.slice(Math.trunc(p.courses.length * p.warmup));
  const known = after.filter(({ row }) => told.has(row));
  const stride = Math.max(1, Math.floor(known.length / shown));
  const marks = known
    .filter((_, i) => i % stride === 0)
    .map((course) => markOf(course, told.get(course.row) as Prediction))
    .toSorted((a, b) => a.median - b.median);
  const late = marks.filter(({ actual, bound }) => actual > bound).length;
  const width = left + marks.length * step + 10;
  const body = [...seconds.map((tick) => tickLine(tick, width)), ...marks.map(markLines)];
  const caption = `${marks.length} operations of ${p.name}, by their predicted median; ${late} ended past the bound`;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="11">
<title>Predicted interval against actual</title>
<style>
text { fill: #6e7781 }
.tick { stroke: #8c959f; stroke-opacity: .3 }
.told { stroke: #2f81f7; stroke-opacity: .45; stroke-width: 3 }
.held { fill: #57606a }
.late { fill: #d1242f }
@media (prefers-color-scheme: dark) { .held { fill: #c9d1d9 } }
</style>
${body.join('\n')}
<text x="${left}" y="${height - 6}">${caption}</text>
</svg>
`;
}

/** Approximate number of operations in the picture. */
const shown = 150;
const left = 46;
const step = 5;
const top = 8;
const bottom = 24;
const height = 320;
const least = 10_000;
const most = 2 * 3_600_000;
const seconds: readonly (readonly [number, string])[] = [
  [10, '10 s'],
  [60, '1 min'],
  [600, '10 min'],
  [3_600, '1 h'],
];

/** Of one operation, in ms since its submit. */
type Mark = { readonly median: number; readonly bound: number; readonly actual: number };

function markOf({ submitAt, finishAt }: Course, { p50At, p90At }: Prediction): Mark {
  return { median: p50At - submitAt, bound: p90At - submitAt, actual: finishAt - submitAt };
}

function firstPredictions(predictions: readonly Prediction[]): Map<number, Prediction> {
  const first = new Map<number, Prediction>();
  for (const prediction of predictions) {
    const before = first.get(prediction.row);
    if (before === undefined || prediction.at < before.at) first.set(prediction.row, prediction);
  }
  return first;
}

function markLines({ median, bound, actual }: Mark, i: number): string {
  const x = left + i * step + 3;
  const line = `<path class="told" d="M${x} ${y(median)}V${y(bound)}"/>`;
  const dot = `<circle class="${actual > bound ? 'late' : 'held'}" cx="${x}" cy="${y(actual)}" r="2"/>`;
  return line + dot;
}

function tickLine([tick, label]: readonly [number, string], width: number): string {
  const at = y(tick * 1000);
  return `<path class="tick" d="M${left} ${at}H${width}"/><text x="${left - 6}" y="${at + 4}" text-anchor="end">${label}</text>`;
}

/** A logarithmic scale from 10 s to 2 h, to a tenth of a pixel. */
function y(ms: number): number {
  const share = Math.log(Math.min(most, Math.max(ms, least)) / least) / Math.log(most / least);
  return Math.round(10 * (height - bottom - share * (height - top - bottom))) / 10;
}
