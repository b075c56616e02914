import { readFileSync } from 'node:fs';
import path from 'node:path';

/** One recorded operation. Instants and durations in whole ms since the start of the trace. */
export type TraceOperation = {
  readonly submitAt: number;
  readonly task: string;
  readonly serviceMs: number;
};

/** A trace and the number of workers of its queue. */
export type TraceConfig = {
  readonly name: string;
  readonly file: string;
  readonly workers: number;
};

/** The configurations of the directory's manifest.json. */
export function readConfigs(directory: string): TraceConfig[] {
  const text = readFileSync(path.join(directory, 'manifest.json'), 'utf8');
  const { configs } = JSON.parse(text) as { configs: TraceConfig[] };
  return configs.map(({ name, file, workers }) => ({ name, file, workers }));
}

/** CSV with the header `submit_s,type,service_s`, sorted by submit. */
export function readTrace(file: string): TraceOperation[] {
  return rowsOf(file, ['submit_s', 'type', 'service_s']).map(([submit, task, service]) => ({
    submitAt: Math.round(Number(submit) * 1000),
    task: String(task),
    serviceMs: Math.round(Number(service) * 1000),
  }));
}

/** One recorded operation with the ends of its steps, in ms since the start of the operation. */
export type SteppedOperation = TraceOperation & { readonly stepEnds: readonly number[] };

/** CSV with the header `start_s,type,service_s,steps`, steps separated by `;`. */
export function readSteps(file: string): SteppedOperation[] {
  const rows = rowsOf(file, ['start_s', 'type', 'service_s', 'steps']);
  return rows.map(([start, task, service, steps]) => ({
    submitAt: Math.round(Number(start) * 1000),
    task: String(task),
    serviceMs: Math.round(Number(service) * 1000),
    stepEnds: String(steps)
      .split(';')
      .map((end) => Number(end) * 1000),
  }));
}

function rowsOf(file: string, columns: readonly string[]): string[][] {
  const [head, ...lines] = readFileSync(file, 'utf8').trimEnd().split('\n');
  if (head?.trim() !== columns.join(',')) {
    throw new Error(`Expected ${file} to begin with ${columns.join(',')}, got ${head}.`);
  }
  return lines.map((line) => line.trim().split(','));
}
