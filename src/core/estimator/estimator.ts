import type { TaskAccuracy } from './accuracy.ts';
import type { CalibrationBucket } from './calibration.ts';
import {
  middleOf,
  noEstimate,
  type CompletionEstimate,
  type NoEstimate,
} from './completion-estimate.ts';
import { FirstEstimates, isNew } from './first-estimates.ts';
import { Forecaster, type Forecast, type Unforeseen } from './forecaster.ts';
import type { LearnedState } from './learned-state.ts';
import { Learning } from './learning.ts';
import { LineBuilding, type SeenLine } from './line-building.ts';
import { LiveQueue, type LiveOperation } from './live-queue.ts';
import { quantile } from './quantile.ts';
import type { QueueSnapshot, SnapshotBuilding } from './queue-snapshot.ts';
import type { EstimatorWorld } from './queue-view.ts';
import type { Random } from './random.ts';
import { RemoteQueue, type TakenLine } from './remote-queue.ts';
import { RetryAfter, type PollWait } from './retry-after.ts';
import { estimatorSettings as settings, pollSettings } from './settings.ts';
import { SharedSnapshot } from './shared-snapshot.ts';
import { stageKey } from './stage-table.ts';
import { taskRulesDefault, type TaskRules } from './task-rules.ts';
import { toldFirst, toldNext } from './told.ts';
import type { Queued } from './waiting-line.ts';

export type EstimatorOptions = {
  /** Uniform in [0, 1). */
  readonly random: Random;
  /** Polls a second that this node asks clients to make; see PollBudget. Default 1,000. */
  readonly pollsPerSecond?: number;
  /** The longest Retry-After. Default 60 s. */
  readonly retryAfterMsMax?: number;
  /**
   * Most draws of one forecast, 10 ns each. Beyond it the shared snapshot answers, which is up to a
   * quarter of a second old. Default 8,192.
   */
  readonly drawsMax?: number;
  /**
   * Whether other processes take operations from the same queue, and learn the same. If so,
   * adoptLine supplies the waiting operations, and the owner must pass on to the others what was
   * learned here: see newsCount. Default false.
   */
  readonly isShared?: boolean;
};

/**
 * Learns from events how long operations take, and estimates when one will end and when to ask
 * again. Pure: instants and random numbers are passed in, so that the server and a replay of a
 * recorded load run the same code. How it works, its figures and limits: docs/estimates.md.
 *
 * Events of one operation must come in order: onSubmit, onStart, onProgress, (onBackOff, onStart,
 * …), onFinish. Events of operations that it does not know change nothing.
 */
export class Estimator {
  readonly #learning: Learning;
  readonly #live = new LiveQueue();
  readonly #world: EstimatorWorld;
  readonly #random: Random;
  readonly #rules = new Map<string, TaskRules>();
  readonly #shared: SharedSnapshot;
  readonly #forecaster: Forecaster;
  readonly #retryAfter: RetryAfter;
  readonly #firsts = new FirstEstimates();
  #slots = 0;
  /**
   * The latest forecast, kept because a status answer asks for the estimate and for Retry-After
   * together.
   */
  #latest: { id: string; at: number; forecast: Forecast | Unforeseen } | null = null;
  /** The latest first estimate that was taken over from another operation, with its poll wait. */
  #first: { id: string; at: number; pollWaitMs: number } | null = null;

  constructor(options: EstimatorOptions) {
    const { random, isShared = false } = options;
    this.#random = random;
    this.#learning = new Learning({ isShared });
    const live = this.#live;
    const { history } = this.#learning;
    const slots = (): number => this.#slots;
    const world: EstimatorWorld = {
      drawsMax: options.drawsMax ?? settings.drawsMax,
      live,
      history,
      rulesOf: (task) => this.#rules.get(task) ?? taskRulesDefault,
      slots,
      remote: isShared ? new RemoteQueue({ live, history, slots }) : null,
    };
    this.#world = world;
    this.#shared = new SharedSnapshot(world, random);
    this.#forecaster = new Forecaster(world, random, this.#shared);
    this.#retryAfter = new RetryAfter({
      random,
      pollsPerSecond: options.pollsPerSecond ?? 1_000,
      capMs: options.retryAfterMsMax ?? pollSettings.capMsDefault,
    });
  }

  // Facts about the surroundings.

  /**
   * Sets how many attempts may run at once over all live workers; 0: no worker is alive, and
   * nothing is estimated.
   */
  setSlots(slots: number): void {
    this.#latest = null;
    this.#firsts.clear();
    this.#slots = slots;
  }

  /** Attempts that may run at once over all live workers. */
  get slots(): number {
    return this.#slots;
  }

  /**
   * So many processes share the promised polls equally, and learn bounds from each other's
   * estimates.
   */
  setNodes(p: { readonly pollsPerSecond: number; readonly nodes: number }): void {
    this.#retryAfter.setPollsPerSecond(p.pollsPerSecond);
    this.#learning.calibration.setNodes(p.nodes);
  }

  setTask(task: string, rules: TaskRules): void {
    this.#latest = null;
    this.#firsts.clear();
    this.#rules.set(task, rules);
  }

  // Events.

  onSubmit(p: Omit<Queued, 'priority' | 'readyAt' | 'key'> & Partial<Queued> & At): void {
    this.#latest = null;
    // Copied member by member: a spread took half a microsecond of each submit.
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

  /** The attempt ended but the operation did not: it may start again from `readyAt`. */
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

  /**
   * The operation ended, well or not. Learns how long it took (only with `ranHere`, the default)
   * and whether the bounds given for it held.
   */
  onFinish(p: { readonly id: string; readonly ranHere?: boolean } & At): void {
    this.#latest = null;
    const operation = this.#live.remove(p.id);
    if (operation !== undefined) this.#learning.finished(operation, p.at, p.ranHere ?? true);
  }

  /**
   * The operation left without running to its end: it was cancelled, or timed out while it waited.
   * Nothing is learned.
   */
  onWithdraw(p: { readonly id: string }): void {
    this.#latest = null;
    for (const { bucket } of this.#live.remove(p.id)?.predictions ?? []) {
      this.#learning.calibration.dropped(bucket);
    }
  }

  // Estimates.

  /**
   * When the operation will end. The first answer in each phase is remembered and judged when it
   * ends.
   */
  predict(p: { readonly id: string } & At): CompletionEstimate | NoEstimate {
    const forecast = this.#forecast(p);
    if (!forecast.foreseen) return noEstimate(forecast);
    const { remaining, bucket, basis, samples } = forecast;
    const p50 = middleOf(remaining);
    const floor = settings.spreadShareMin * p50 + settings.spreadMsMin;
    const spread = Math.max(quantile(remaining, 0.9) - p50, floor);
    const p90 = p50 + this.#learning.calibration.lambda(bucket) * spread;
    const p50At = p.at + Math.round(p50);
    const p90At = p.at + Math.round(p90);
    const operation = this.#live.get(p.id);
    // A declared duration is no forecast of ours: its misses would spoil the factor for other
    // operations.
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
   * The estimate to give clients, held steady so that it does not jitter (told.ts). An operation
   * that was just submitted may get the estimate of another one (first-estimates.ts).
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

  /** When to ask again. An unknown operation is treated as one that was just submitted. */
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

  /** When to ask again where nothing can happen before something changes: as late as allowed. */
  retryLate(at: number): PollWait {
    return this.#retryAfter.reserve(Infinity, at);
  }

  /** Operations that wait for a slot. */
  get waiting(): number {
    return this.#live.waiting;
  }

  /** The known operations that have not finished; see LiveQueue. */
  ids(): IterableIterator<string> {
    return this.#live.ids();
  }

  /**
   * The operation as the estimator knows it; undefined: it is unknown. Do not keep it: it changes.
   */
  known(id: string): Readonly<LiveOperation> | undefined {
    return this.#live.get(id);
  }

  /**
   * Quantiles of how long the latest operations of a task took, and how many ever finished; null:
   * too few did.
   */
  durations(
    task: string,
    qs: readonly number[],
  ): { readonly ms: readonly number[]; readonly samples: number } | null {
    const ms = this.#learning.history.times.quantiles(task, qs);
    return ms === null ? null : { ms, samples: this.#learning.history.times.finished(task) };
  }

  /** How the estimates of a task turned out; null: none has yet. */
  accuracy(task: string): TaskAccuracy | null {
    return this.#learning.accuracy.of(task);
  }

  /** The median of all remembered service times; 0: there are none. */
  medianServiceMs(): number {
    return this.#learning.history.times.pooledMedianMs();
  }

  // The shared snapshot: the estimator's owner asks when one is due and plays it in its own time.

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

  // Learned state to store.

  exportLearned(): LearnedState {
    return this.#learning.export();
  }

  /**
   * Replaces what was learned. Throws `invalid_option` when `state` is not a result of
   * exportLearned.
   */
  importLearned(state: unknown): void {
    this.#latest = null;
    this.#firsts.clear();
    this.#learning.import(state);
  }

  // Exchange between processes on one store.

  /** How many things were learned here that the shared state does not contain yet. */
  get newsCount(): number {
    return this.#learning.newsCount;
  }

  /**
   * Replaces what was learned with the shared state, plus our own news. Throws as importLearned
   * does.
   */
  mergeLearned(state: unknown): void {
    this.#latest = null;
    this.#learning.merge(state);
  }

  /**
   * Our latest exportLearned result is now the shared state; it contained the first `count` news.
   */
  newsTold(count: number): void {
    this.#learning.newsTold(count);
  }

  /** Begins to play a complete queue, one future a step. */
  beginLine(seen: SeenLine, at: number): LineBuilding {
    return new LineBuilding(this.#world, seen, { at, random: this.#random });
  }

  adoptLine(taken: TakenLine): void {
    this.#latest = null;
    this.#world.remote?.adopt(taken);
  }

  /** How many operations wait on the whole store, as of the last count. */
  setPending(pending: number): void {
    this.#world.remote?.setPending(pending);
  }

  /** Whether it waits behind more operations than the shared forecast covers. */
  isBeyondLine(queued: Queued, at: number): boolean {
    return this.#world.remote?.isBeyond(queued, at) ?? false;
  }

  /** Whether places in the queue can be estimated now. */
  knowsLine(at: number): boolean {
    return this.#world.remote?.isKnown(at) ?? true;
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
    const { remote } = this.#world;
    const ahead = startedAt === null ? (remote ?? this.#live).ahead(operation, at) : 0;
    const free = remote === null ? slots - this.#live.running.size : 0;
    const waits = startedAt === null && ahead >= free;
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
    this.#learning.calibration.predicted(bucket);
  }
}

type At = { readonly at: number };
