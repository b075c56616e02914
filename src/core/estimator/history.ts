import { normalScore } from './normal-score.ts';
import type { LiveOperation } from './live-queue.ts';
import { residualOf, type Residual } from './residual.ts';
import { RingWindow } from './ring-window.ts';
import { ServiceTimes } from './service-times.ts';
import { estimatorSettings as settings } from './settings.ts';
import type { SortedWindow } from './sorted-window.ts';
import { StageTable } from './stage-table.ts';
import type { TaskRules } from './task-rules.ts';

/**
 * The basis of a forecast: durations of finished operations, what remained at this progress, or the
 * author's declaration.
 */
export type Basis = 'declared' | 'history' | 'progress';

/** What remains of one operation's service time, and the basis for it. */
export type Remaining = {
  readonly residual: Residual;
  readonly basis: Basis;
  /** Number of finished operations that it rests on. */
  readonly samples: number;
};

const guessed = 16;

/**
 * All knowledge of service times: the windows of finished operations, and which one to use for an
 * operation.
 */
export class History {
  readonly times = new ServiceTimes();
  readonly stages = new StageTable();
  readonly #declared = new Map<number, RingWindow>();

  /**
   * The rest of `operation` at `now`; null when nothing is known. Use it at once: it reads live
   * windows.
   */
  remaining(operation: LiveOperation, rules: TaskRules, now: number): Remaining | null {
    const stage = operation.stages.at(-1);
    if (stage !== undefined) {
      const window = this.stages.remaining(operation.task, stage.stage);
      if (window !== null) {
        const residual = residualOf(window, now - stage.enteredAt);
        return { residual, basis: 'progress', samples: window.total };
      }
    }
    const elapsed = operation.startedAt === null ? 0 : now - operation.startedAt;
    const whole = this.whole(operation.task, rules);
    const isOthers = this.times.own(operation.task) === null && rules.declaredMs === null;
    // Its own progress says more about it than the durations of other tasks.
    const byProgress = isOthers ? extrapolated(operation.fraction, elapsed) : null;
    if (whole === null || byProgress !== null) return byProgress;
    return { ...whole, residual: residualOf(whole.window, elapsed) };
  }

  /**
   * Service times of a task: its own, else the declared one, else the pool of all tasks; null:
   * nothing is known.
   */
  whole(
    task: string,
    rules: TaskRules,
  ): (Omit<Remaining, 'residual'> & { window: SortedWindow }) | null {
    const own = this.times.own(task);
    if (own !== null) return { window: own, basis: 'history', samples: this.times.finished(task) };
    if (rules.declaredMs !== null) {
      return { window: this.#declaredWindow(rules.declaredMs), basis: 'declared', samples: 0 };
    }
    const pooled = this.times.pooled();
    if (pooled === null) return null;
    return { window: pooled, basis: 'history', samples: this.times.finished(task) };
  }

  #declaredWindow(declaredMs: number): RingWindow {
    let window = this.#declared.get(declaredMs);
    if (window === undefined) {
      window = new RingWindow(guessed);
      for (const ms of spreadAround(declaredMs)) window.push(ms);
      this.#declared.set(declaredMs, window);
    }
    return window;
  }
}

/**
 * Extrapolates from the progress. Only used where nothing is known of the task itself, since a
 * fraction is hardly ever one of time.
 */
function extrapolated(fraction: number | null, elapsedMs: number): Remaining | null {
  if (fraction === null || fraction <= 0 || elapsedMs <= 0) return null;
  const values = spreadAround((elapsedMs * (1 - fraction)) / fraction);
  const residual = { values, from: 0, count: values.length, elapsedMs: 0 };
  return { residual, basis: 'progress', samples: 0 };
}

/** Sorted values around a median, spread as widely as a guess deserves: a lognormal. */
function spreadAround(medianMs: number): Float64Array {
  return Float64Array.from(
    { length: guessed },
    (_, i) => medianMs * Math.exp(settings.declaredSigma * normalScore((i + 0.5) / guessed)),
  );
}
