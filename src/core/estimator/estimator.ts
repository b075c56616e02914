import { Accuracy, type TaskAccuracy } from './accuracy.ts';
import { Calibration, type CalibrationBucket } from './calibration.ts';
import { FirstEstimates, isNew } from './first-estimates.ts';
import { Forecaster, type Forecast, type Unforeseen } from './forecaster.ts';
import { History, type Basis } from './history.ts';
import { learnedStateOf, type LearnedState } from './learned-state.ts';
import { LiveQueue, type LiveOperation } from './live-queue.ts';
import { quantile } from './quantile.ts';
import type { QueueSnapshot, SnapshotBuilding } from './queue-snapshot.ts';
import type { EstimatorWorld } from './queue-view.ts';
import type { Random } from './random.ts';
import { RetryAfter, type PollWait } from './retry-after.ts';
import { estimatorSettings as settings, pollSettings } from './settings.ts';
import { SharedSnapshot } from './shared-snapshot.ts';
import { stageKey } from './stage-table.ts';
import { taskRulesDefault, type TaskRules } from './task-rules.ts';
import { toldFirst, toldNext } from './told.ts';
import type { Queued } from './waiting-line.ts';

/** When an operation is expected to start and to end. Instants are integer ms, never before the asking. */
export type CompletionEstimate = {
  readonly known: true;
  /** Median; once it has started, when it did. */
  readonly startsAt: number;
  /** Median. */
  readonly p50At: number;
  /** Nine of ten operations end by then; never before p50At. */
  readonly p90At: number;
  readonly queuePosition: number;
  readonly basis: Basis;
  /** Finished operations behind it. */
  readonly samples: number;
  /** low: fewer than 100 operations of the task have finished. */
  readonly confidence: 'low' | 'ok';
  /** It has been running longer than nine of ten of its task. */
  readonly longerThanUsual: boolean;
};

export type NoEstimate = {
  readonly known: false;
  readonly reason: Unforeseen['reason'];
  readonly queuePosition: number | null;
  readonly basis: 'none';
  readonly samples: 0;
  readonly confidence: 'none';
};

export type EstimatorOptions = {
  /** Uniform in [0, 1). */
  readonly random: Random;
  /** Polls a second that clients are asked to make of this node; see SlotRing. Default 1,000. */
  readonly pollsPerSecond?: number;
  /** The longest Retry-After. Default 60 s. */
  readonly retryAfterMsMax?: number;
  /**
   * Draws of one forecast, 10 ns each: past it the shared snapshot answers, which is up to a quarter of a second old.
   * Default 8,192.
   */
  readonly drawsMax?: number;
};

/**
 * Learns from events what operations take and says when one will end and when to ask again. Pure: instants and random
 * numbers are passed in, so that the server and a replay of a recorded load run the same code. How it works, its
 * figures and limits: docs/estimates.md.
 *
 * Events of one operation come in order: onSubmit, onStart, onProgress, (onBackOff, onStart, …), onFinish. Events of
 * operations that it does not know change nothing.
 */
export class Estimator {
  readonly #history = new History();
  readonly #live = new LiveQueue();
  readonly #calibration = new Calibration();
  readonly #rules = new Map<string, TaskRules>();
  readonly #shared: SharedSnapshot;
  readonly #forecaster: Forecaster;
  readonly #retryAfter: RetryAfter;
  readonly #firsts = new FirstEstimates();
  readonly #accuracy = new Accuracy();
  #slots = 0;
  /** The latest forecast: a status answer asks for the estimate and for Retry-After in one go. */
  #latest: { id: string; at: number; forecast: Forecast | Unforeseen } | null = null;
  /** The latest first estimate that was another's, with its plan. */
  #first: { id: string; at: number; pollWaitMs: number } | null = null;

  constructor(options: EstimatorOptions) {
    const world: EstimatorWorld = {
      drawsMax: options.drawsMax ?? settings.drawsMax,
      live: this.#live,
      history: this.#history,
      rulesOf: (task) => this.#rules.get(task) ?? taskRulesDefault,
      slots: () => this.#slots,
    };
    this.#shared = new SharedSnapshot(world, options.random);
    this.#forecaster = new Forecaster(world, options.random, this.#shared);
    this.#retryAfter = new RetryAfter({
      random: options.random,
      pollsPerSecond: options.pollsPerSecond ?? 1_000,
      capMs: options.retryAfterMsMax ?? pollSettings.capMsDefault,
    });
  }

  // What the world is like.

  /** Attempts that may run at once over all live workers; 0: no worker is alive, and nothing is estimated. */
  setSlots(slots: number): void {
    this.#latest = null;
    this.#firsts.clear();
    this.#slots = slots;
  }

  setTask(task: string, rules: TaskRules): void {
    this.#latest = null;
    this.#firsts.clear();
    this.#rules.set(task, rules);
  }

  // What happens.

  onSubmit(p: Omit<Queued, 'priority' | 'readyAt' | 'key'> & Partial<Queued> & At): void {
    this.#latest = null;
    // Member by member: spreading cost half a microsecond of each submit.
    this.#live.submit({
      id: p.id,
      task: p.task,
      key: p.key ?? null,
      priority: p.priority ?? 0,
      readyAt: p.readyAt ?? p.at,
      at: p.at,
    });
  }

  /** An attempt starts. */
  onStart(p: { readonly id: string } & At): void {
    this.#latest = null;
    this.#live.start(p.id, p.at);
  }

  /** The attempt ended, the operation did not: it may start again from `readyAt`. */
  onBackOff(p: { readonly id: string; readonly readyAt: number }): void {
    this.#latest = null;
    this.#live.backOff(p.id, p.readyAt);
  }

  onProgress(
    p: {
      readonly id: string;
      readonly fraction: number | null;
      readonly message: string | null;
    } & At,
  ): void {
    this.#latest = null;
    const stage = stageKey(p);
    const operation = this.#live.get(p.id);
    if (operation === undefined || !operation.holdsSlot) return;
    operation.fraction = p.fraction;
    const { stages } = operation;
    if (stage === null || stages.at(-1)?.stage === stage) return;
    if (stages.length >= settings.stagesMax) return;
    operation.stages = [...stages, { stage, enteredAt: p.at }];
  }

  /** It ended, well or not: what it took is learned, and whether the bounds told of it held. */
  onFinish(p: { readonly id: string } & At): void {
    this.#latest = null;
    const operation = this.#live.remove(p.id);
    if (operation === undefined) return;
    for (const { bucket, p90At } of operation.predictions) {
      this.#calibration.settled(bucket, p.at > p90At);
    }
    const { task, startedAt, stages, told } = operation;
    if (told !== null) this.#accuracy.finished(task, told, p.at);
    if (startedAt === null) return;
    this.#history.times.add(task, Math.max(0, p.at - startedAt));
    for (const { stage, enteredAt } of stages) {
      this.#history.stages.add({ task, stage, remainingMs: Math.max(0, p.at - enteredAt) });
    }
  }

  /** It is gone without having run its course: cancelled or timed out while it waited. Nothing is learned. */
  onWithdraw(p: { readonly id: string }): void {
    this.#latest = null;
    for (const { bucket } of this.#live.remove(p.id)?.predictions ?? []) {
      this.#calibration.dropped(bucket);
    }
  }

  // What to say.

  /** When it will end. The first answer in each phase is remembered, and judged when it ends. */
  predict(p: { readonly id: string } & At): CompletionEstimate | NoEstimate {
    const forecast = this.#forecast(p);
    if (!forecast.foreseen) return noEstimate(forecast);
    const { remaining, bucket, basis, samples } = forecast;
    // The lower of the two in the middle: an estimate too long is further off, relatively, than one too short.
    const p50 = remaining[(remaining.length - 1) >> 1] as number;
    const floor = settings.spreadShareMin * p50 + settings.spreadMsMin;
    const spread = Math.max(quantile(remaining, 0.9) - p50, floor);
    const p90 = p50 + this.#calibration.lambda(bucket) * spread;
    const p50At = p.at + Math.round(p50);
    const p90At = p.at + Math.round(p90);
    const operation = this.#live.get(p.id);
    // What an author declared is no forecast of ours: its misses would spoil the factor for the others.
    if (operation !== undefined && basis !== 'declared') this.#remember(operation, bucket, p90At);
    return {
      known: true,
      startsAt:
        operation?.startedAt ?? Math.min(p50At, p.at + Math.round(forecast.startsInMs ?? 0)),
      p50At,
      p90At,
      queuePosition: forecast.ahead,
      basis,
      samples,
      confidence: samples < settings.confidentSamplesMin ? 'low' : 'ok',
      longerThanUsual: forecast.longerThanUsual,
    };
  }

  /**
   * What to tell the clients of an operation, so that it does not jitter: see told.ts. Of one that was just submitted
   * perhaps what another was told (first-estimates.ts).
   */
  tell(p: { readonly id: string } & At): CompletionEstimate | NoEstimate {
    const operation = this.#live.get(p.id);
    if (operation === undefined) return this.predict(p);
    const { told } = operation;
    if (told === null) return this.#tellFirst(operation, p.at);
    const started = operation.startedAt !== null;
    const fresh = this.predict(p);
    if (!fresh.known) return fresh;
    operation.told = toldNext(told, { fresh, at: p.at, started });
    return operation.told.shown;
  }

  /** When to ask again; for an operation that is not known as for one just submitted. */
  retryAfter(p: { readonly id: string } & At): PollWait {
    const first = this.#first;
    const told = first?.id === p.id && first.at === p.at;
    return this.#retryAfter.reserve(told ? first.pollWaitMs : this.#pollWaitMs(p), p.at);
  }

  #pollWaitMs(p: { readonly id: string } & At): number {
    const forecast = this.#forecast(p);
    const submittedAt = this.#live.get(p.id)?.submittedAt ?? p.at;
    return this.#retryAfter.plan({
      ageMs: Math.max(0, p.at - submittedAt),
      remaining: forecast.foreseen ? forecast.remaining : null,
      stalled: !forecast.foreseen && forecast.stalled,
    });
  }

  /** When to ask again where nothing is foreseen before something changes: as late as it goes. */
  retryLate(at: number): PollWait {
    return this.#retryAfter.reserve(Infinity, at);
  }

  /** Operations that wait for a slot. */
  get waiting(): number {
    return this.#live.waiting;
  }

  /** All that have not finished, as far as they are known; see LiveQueue. */
  ids(): IterableIterator<string> {
    return this.#live.ids();
  }

  /** As known; undefined: not at all. Not to be kept: it changes. */
  known(id: string): Readonly<LiveOperation> | undefined {
    return this.#live.get(id);
  }

  /** Quantiles of what the latest operations of a task took, and how many ever finished; null: too few. */
  durations(
    task: string,
    qs: readonly number[],
  ): { readonly ms: readonly number[]; readonly samples: number } | null {
    const ms = this.#history.times.quantiles(task, qs);
    return ms === null ? null : { ms, samples: this.#history.times.finished(task) };
  }

  /** How the estimates told of a task turned out; null: none has yet. */
  accuracy(task: string): TaskAccuracy | null {
    return this.#accuracy.of(task);
  }

  /** The middle of all service times that are remembered; 0: none is. */
  medianServiceMs(): number {
    return this.#history.times.pooledMedianMs();
  }

  // The shared snapshot: whoever owns the estimator asks when it is due and plays it in its own time.

  snapshotDue(at: number): boolean {
    return this.#shared.due(at);
  }

  beginSnapshot(at: number): SnapshotBuilding {
    return this.#shared.begin(at);
  }

  adoptSnapshot(snapshot: QueueSnapshot): void {
    this.#latest = null;
    this.#shared.adopt(snapshot);
  }

  // What is kept.

  exportLearned(): LearnedState {
    return {
      version: 1,
      ...this.#history.times.exportWindows(),
      stages: this.#history.stages.exportStages(),
      calibration: this.#calibration.exportFactors(),
      accuracy: this.#accuracy.exportTasks(),
    };
  }

  /** Replaces what was learned. Throws `invalid_option` when `state` is not what exportLearned gives. */
  importLearned(state: unknown): void {
    this.#latest = null;
    const learned = learnedStateOf(state);
    this.#history.times.importWindows(learned);
    this.#history.stages.importStages(learned.stages);
    this.#calibration.importFactors(learned.calibration);
    this.#accuracy.importTasks(learned.accuracy ?? {});
    this.#firsts.clear();
  }

  #forecast({ id, at }: { readonly id: string } & At): Forecast | Unforeseen {
    if (this.#latest?.id === id && this.#latest.at === at) return this.#latest.forecast;
    const forecast = this.#forecaster.forecast(this.#live.get(id), at);
    this.#latest = { id, at, forecast };
    return forecast;
  }

  #tellFirst(operation: LiveOperation, at: number): CompletionEstimate | NoEstimate {
    const { id, startedAt } = operation;
    const fresh = isNew(operation, at);
    const slots = this.#slots;
    const ahead = startedAt === null ? this.#live.ahead(operation) : 0;
    const waits = startedAt === null && ahead >= slots - this.#live.running.size;
    const place = { at, ahead, waits, slots };
    const kept = fresh && slots > 0 ? this.#firsts.find(operation, place) : null;
    if (kept !== null) {
      operation.told = toldFirst(kept.estimate, at);
      this.#first = { id, at, pollWaitMs: kept.pollWaitMs };
      return kept.estimate;
    }
    const estimate = this.predict({ id, at });
    if (!estimate.known) return estimate;
    operation.told = toldFirst(estimate, at);
    if (fresh) {
      const pollWaitMs = this.#pollWaitMs({ id, at });
      this.#firsts.keep(operation, place, { estimate, pollWaitMs });
    }
    return estimate;
  }

  #remember(operation: LiveOperation, bucket: CalibrationBucket, p90At: number): void {
    if (operation.predictions.some((prediction) => prediction.bucket === bucket)) return;
    operation.predictions = [...operation.predictions, { bucket, p90At }];
    this.#calibration.predicted(bucket);
  }
}

type At = { readonly at: number };

function noEstimate({ reason, ahead }: Unforeseen): NoEstimate {
  return {
    known: false,
    reason,
    queuePosition: ahead,
    basis: 'none',
    samples: 0,
    confidence: 'none',
  };
}
