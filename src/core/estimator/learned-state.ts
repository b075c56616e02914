import type { AccuracyState } from './accuracy.ts';
import { expected } from '../options.ts';
import { calibrationBuckets, type CalibrationState } from './calibration.ts';
import type { WindowState } from './service-times.ts';
import { estimatorSettings as settings } from './settings.ts';

/**
 * All that the estimator has learned, as plain data (a round trip through JSON changes nothing),
 * which a store keeps across restarts. It contains neither the queue nor predictions whose
 * operations have not finished.
 */
export type LearnedState = {
  readonly version: 1;
  readonly pooled: WindowState;
  /** Service times in ms by task. */
  readonly tasks: Readonly<Record<string, WindowState>>;
  /** The time in ms that remained at the entry of a stage, by task and stage. */
  readonly stages: Readonly<Record<string, Readonly<Record<string, WindowState>>>>;
  readonly calibration: CalibrationState;
  /** How the estimates turned out, by task; absent: not known. */
  readonly accuracy?: AccuracyState;
};

/** Reads `value` as a LearnedState. Throws `invalid_option`, naming the member that is wrong. */
export function learnedStateOf(value: unknown): LearnedState {
  const state = recordOf('learned', value);
  if (state['version'] !== 1) throw expected('learned.version', '1', state['version']);
  const pooled = windowStateOf('learned.pooled', state['pooled']);
  const tasks = mapOf('learned.tasks', state['tasks'], windowStateOf);
  const stages = mapOf('learned.stages', state['stages'], (name, entry) =>
    mapOf(name, entry, windowStateOf),
  );
  const factors = mapOf('learned.calibration', state['calibration'], lambdaOf);
  const missing = calibrationBuckets.find((bucket) => factors[bucket] === undefined);
  if (missing !== undefined) {
    throw expected(`learned.calibration.${missing}`, 'a number', undefined);
  }
  const accuracy = mapOf('learned.accuracy', state['accuracy'] ?? {}, (name, entry) => {
    const { errors, late } = recordOf(name, entry);
    return {
      errors: windowStateOf(`${name}.errors`, errors),
      late: windowStateOf(`${name}.late`, late),
    };
  });
  const calibration = factors as CalibrationState;
  return { version: 1, pooled, tasks, stages, calibration, accuracy };
}

function windowStateOf(name: string, value: unknown): WindowState {
  const { values, total } = recordOf(name, value);
  if (!Array.isArray(values) || values.length > settings.pooledWindow) {
    throw expected(`${name}.values`, `at most ${settings.pooledWindow} numbers`, values);
  }
  const wrong = values.findIndex((ms) => !isNumberFrom0(ms));
  if (wrong !== -1) {
    throw expected(`${name}.values[${wrong}]`, 'a number from 0 up', values[wrong]);
  }
  if (!Number.isSafeInteger(total) || (total as number) < values.length) {
    throw expected(`${name}.total`, `an integer from ${values.length} up`, total);
  }
  return { values: values as number[], total: total as number };
}

function lambdaOf(name: string, value: unknown): number {
  if (isNumberFrom0(value) && value <= settings.lambdaMax) return value;
  throw expected(name, `a number from 0 to ${settings.lambdaMax}`, value);
}

function isNumberFrom0(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0;
}

function mapOf<Value>(
  name: string,
  value: unknown,
  read: (name: string, value: unknown) => Value,
): Record<string, Value> {
  const entries = Object.entries(recordOf(name, value));
  return Object.fromEntries(entries.map(([key, entry]) => [key, read(`${name}.${key}`, entry)]));
}

function recordOf(name: string, value: unknown): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return value as Record<string, unknown>;
  }
  throw expected(name, 'an object', value);
}
