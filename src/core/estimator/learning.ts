import { Accuracy, type Outcome } from './accuracy.ts';
import { Calibration, type CalibrationBucket } from './calibration.ts';
import { History } from './history.ts';
import { learnedStateOf, type LearnedState } from './learned-state.ts';
import type { LiveOperation } from './live-queue.ts';
import { estimatorSettings as settings } from './settings.ts';

/** One fact that was learned. */
type News =
  | { readonly of: 'time'; readonly task: string; readonly ms: number }
  | { readonly of: 'stage'; readonly task: string; readonly stage: string; readonly ms: number }
  | { readonly of: 'bound'; readonly bucket: CalibrationBucket; readonly step: number }
  | { readonly of: 'told'; readonly task: string; readonly outcome: Outcome };

/**
 * Everything that is learned from operations that end. Where several processes learn the same, each
 * keeps its facts as news until they are in the shared state, so that it can learn them again on
 * top of what others contributed meanwhile.
 */
export class Learning {
  readonly history = new History();
  readonly calibration = new Calibration();
  readonly accuracy = new Accuracy();
  readonly #news: News[] | null;

  constructor(p: { readonly isShared: boolean }) {
    this.#news = p.isShared ? [] : null;
  }

  /**
   * `ranHere`: the process that ran the operation learns its duration; every process that gave
   * estimates of it learns how they turned out.
   */
  finished(operation: LiveOperation, at: number, ranHere: boolean): void {
    const { task, startedAt, stages, told, predictions } = operation;
    for (const { bucket, p90At } of predictions) {
      const step = this.calibration.settled(bucket, at > p90At);
      this.#tell({ of: 'bound', bucket, step });
    }
    if (told !== null) {
      this.#tell({ of: 'told', task, outcome: this.accuracy.finished(task, told, at) });
    }
    if (startedAt === null || !ranHere) return;
    const ms = Math.max(0, at - startedAt);
    this.history.times.add(task, ms);
    this.#tell({ of: 'time', task, ms });
    for (const { stage, enteredAt } of stages) {
      const remainingMs = Math.max(0, at - enteredAt);
      this.history.stages.add({ task, stage, remainingMs });
      this.#tell({ of: 'stage', task, stage, ms: remainingMs });
    }
  }

  /** Number of facts that are not in the shared state yet. */
  get newsCount(): number {
    return this.#news?.length ?? 0;
  }

  /** The first `count` news are now in the shared state. */
  newsTold(count: number): void {
    this.#news?.splice(0, count);
  }

  export(): LearnedState {
    return {
      version: 1,
      ...this.history.times.exportWindows(),
      stages: this.history.stages.exportStages(),
      calibration: this.calibration.exportFactors(),
      accuracy: this.accuracy.exportTasks(),
    };
  }

  /**
   * Replaces what was learned. Throws `invalid_option` when `state` is not a result of export().
   */
  import(state: unknown): void {
    const learned = learnedStateOf(state);
    this.#importAll(learned);
    this.calibration.importFactors(learned.calibration);
  }

  /**
   * Replaces what was learned with the shared state, plus our own news. Throws as import() does.
   */
  merge(state: unknown): void {
    const learned = learnedStateOf(state);
    this.#importAll(learned);
    this.calibration.setFactors(learned.calibration);
    for (const one of this.#news ?? []) this.#learnAgain(one);
  }

  #importAll(learned: LearnedState): void {
    this.history.times.importWindows(learned);
    this.history.stages.importStages(learned.stages);
    this.accuracy.importTasks(learned.accuracy ?? {});
  }

  #learnAgain(one: News): void {
    switch (one.of) {
      case 'time':
        return this.history.times.add(one.task, one.ms);
      case 'stage':
        return this.history.stages.add({ ...one, remainingMs: one.ms });
      case 'bound':
        return this.calibration.move(one.bucket, one.step);
      case 'told':
        return this.accuracy.add(one.task, one.outcome);
    }
  }

  #tell(one: News): void {
    if (this.#news === null) return;
    this.#news.push(one);
    // Happens while the store is away. The oldest news go first, as the windows too would forget
    // them first.
    if (this.#news.length > settings.newsMax) this.#news.splice(0, settings.newsMax >> 1);
  }
}
