import { normalScore } from './normal-score.ts';
import type { LiveOperation } from './live-queue.ts';
import { residualOf, type Residual } from './residual.ts';
import { RingWindow } from './ring-window.ts';
import { ServiceTimes } from './service-times.ts';
import { estimatorSettings as settings } from './settings.ts';
import type { SortedWindow } from './sorted-window.ts';
import { StageTable } from './stage-table.ts';
import type { TaskRules } from './task-rules.ts';

/** What a forecast rests on: what finished operations took, what remained at this progress, what the author said. */
export type Basis = 'declared' | 'history' | 'progress';

/** What remains of one operation's service time, and on what that rests. */
export type Remaining = {
  readonly residual: Residual;
  readonly basis: Basis;
  /** Finished operations behind it. */
  readonly samples: number;
};

const guessed = 16;

/** What can be said of service times: the windows of finished operations, and how one is chosen for an operation. */
export class History {
  readonly times = new ServiceTimes();
  readonly stages = new StageTable();
  readonly #declared = new Map<number, RingWindow>();

  /** What remains of `operation` at `now`; null when nothing is known. Not for long: it reads live windows. */
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
    // What other tasks take says less of it than how far it has come.
    const byProgress = isOthers ? extrapolated(operation.fraction, elapsed) : null;
    if (whole === null || byProgress !== null) return byProgress;
    return { ...whole, residual: residualOf(whole.window, elapsed) };
  }

  /** Whole service times of a task: its own, else what is declared, else the pool; null: nothing is known. */
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
 * In proportion to the progress: only where nothing is known of the task itself, since a fraction is hardly ever one of
 * time.
 */
function extrapolated(fraction: number | null, elapsedMs: number): Remaining | null {
  if (fraction === null || fraction <= 0 || elapsedMs <= 0) return null;
  const values = spreadAround((elapsedMs * (1 - fraction)) / fraction);
  const residual = { values, from: 0, count: values.length, elapsedMs: 0 };
  return { residual, basis: 'progress', samples: 0 };
}

/** Sorted values around a median, as far apart as a guess deserves: a lognormal. */
function spreadAround(medianMs: number): Float64Array {
  return Float64Array.from(
    { length: guessed },
    (_, i) => medianMs * Math.exp(settings.declaredSigma * normalScore((i + 0.5) / guessed)),
  );
}
