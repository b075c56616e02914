import { Estimator } from '../../src/core/estimator/estimator.ts';
import type { Random } from '../../src/core/estimator/random.ts';
import { linearQuantile } from './score-quantile.ts';
import type { SteppedOperation } from './trace.ts';

/** Median of |P50 - finish| / service time, over the ends of all steps. */
export type StepErrors = {
  readonly predictions: number;
  /** With progress used as a key to the remaining time. */
  readonly stages: number;
  /** With progress ignored. */
  readonly ignored: number;
  /** With the remaining time as elapsed * (1 - fraction) / fraction. */
  readonly linear: number;
};

/**
 * Plays operations that report each step's end as a fraction of their steps, all overlapping ones
 * at once.
 */
export function stepErrors(trace: readonly SteppedOperation[], random: Random): StepErrors {
  const told = new Estimator({ random });
  const untold = new Estimator({ random });
  const errors = { stages: [] as number[], ignored: [] as number[], linear: [] as number[] };
  for (const event of eventsOf(trace)) {
    const { at, id, operation } = event;
    const { task, submitAt, serviceMs } = operation;
    if (event.kind === 'progress') {
      told.onProgress({ id, at, fraction: event.fraction, message: null });
      const estimates = [told.predict({ id, at }), untold.predict({ id, at })];
      const [stages, ignored] = estimates.map((e) => (e.known ? e.p50At : null));
      if (typeof stages !== 'number' || typeof ignored !== 'number') continue;
      const finishAt = submitAt + serviceMs;
      const linear = at + ((at - submitAt) * (1 - event.fraction)) / event.fraction;
      errors.stages.push(Math.abs(stages - finishAt) / serviceMs);
      errors.ignored.push(Math.abs(ignored - finishAt) / serviceMs);
      errors.linear.push(Math.abs(linear - finishAt) / serviceMs);
      continue;
    }
    for (const estimator of [told, untold]) {
      estimator.setSlots(trace.length);
      if (event.kind === 'finish') estimator.onFinish({ id, at });
      else {
        estimator.onSubmit({ id, task, at });
        estimator.onStart({ id, at });
      }
    }
  }
  return {
    predictions: errors.stages.length,
    stages: linearQuantile(errors.stages, 0.5),
    ignored: linearQuantile(errors.ignored, 0.5),
    linear: linearQuantile(errors.linear, 0.5),
  };
}

type StepEvent = {
  readonly at: number;
  readonly id: string;
  readonly operation: SteppedOperation;
} & (
  | { readonly kind: 'start' | 'finish' }
  | { readonly kind: 'progress'; readonly fraction: number }
);

function eventsOf(trace: readonly SteppedOperation[]): StepEvent[] {
  const events = trace.flatMap((operation, row): StepEvent[] => {
    const { submitAt, serviceMs, stepEnds } = operation;
    const common = { id: String(row), operation };
    const inside = stepEnds.map((ms, i) => ({ ms, fraction: (i + 1) / stepEnds.length }));
    return [
      { ...common, kind: 'start', at: submitAt },
      ...inside
        .filter(({ ms }) => ms > 0 && ms < serviceMs)
        .map(({ ms, fraction }) => ({
          ...common,
          kind: 'progress' as const,
          at: submitAt + ms,
          fraction,
        })),
      { ...common, kind: 'finish', at: submitAt + serviceMs },
    ];
  });
  return events.sort((a, b) => a.at - b.at);
}
