import { AdmissionSimulation } from './admission-simulation.ts';
import { runningBucket, waitingBucket, type CalibrationBucket } from './calibration.ts';
import type { Basis, Remaining } from './history.ts';
import type { LiveOperation } from './live-queue.ts';
import { QueueView, isHeld, type EstimatorWorld } from './queue-view.ts';
import type { Random } from './random.ts';
import { drawRemaining, type Residual } from './residual.ts';
import type { SharedSnapshot, WaitingForecast } from './shared-snapshot.ts';
import { SlotSimulation } from './slot-simulation.ts';
import { estimatorSettings as settings } from './settings.ts';
import { countAtMost } from './sorted-window.ts';
import { StratifiedDraws } from './stratified-draws.ts';

/** The possible rest of an operation's life, as 64 equally likely futures. */
export type Forecast = {
  readonly foreseen: true;
  /** ms until it finishes, sorted. */
  readonly remaining: Float64Array;
  /** The median of the waits for its start, in ms; null once it has started. */
  readonly startsInMs: number | null;
  /** Operations ahead of it; 0 once it has started. */
  readonly ahead: number;
  readonly bucket: CalibrationBucket;
  readonly basis: Basis;
  readonly samples: number;
  /** It has outlived nine of ten operations of its task, of which enough have finished to know. */
  readonly longerThanUsual: boolean;
};

/** Why there is no forecast. `stalled`: the operation will not start before something changes. */
export type Unforeseen = {
  readonly foreseen: false;
  readonly reason: 'unknown_operation' | 'no_history' | 'no_worker' | 'not_admitted';
  readonly stalled: boolean;
  /** null: not known. */
  readonly ahead: number | null;
};

/**
 * Number of operations behind a held one that are played with it: they take slots while it may not.
 */
const behindHeld = 32;

/**
 * Makes forecasts by playing the queue. The way depends on what is ahead: nothing (the operation
 * starts at once), a plain queue, a queue with caps and delays, or a queue so long that the shared
 * snapshot has to answer.
 */
export class Forecaster {
  readonly #world: EstimatorWorld;
  readonly #random: Random;
  readonly #draws = new StratifiedDraws();
  readonly #slotSimulation = new SlotSimulation();
  readonly #shared: SharedSnapshot;

  constructor(world: EstimatorWorld, random: Random, shared: SharedSnapshot) {
    this.#world = world;
    this.#random = random;
    this.#shared = shared;
  }

  forecast(operation: LiveOperation | undefined, now: number): Forecast | Unforeseen {
    if (operation === undefined) return unforeseen('unknown_operation', null);
    const { history, rulesOf } = this.#world;
    const rules = rulesOf(operation.task);
    const mine = history.remaining(operation, rules, now);
    const started = operation.startedAt !== null;
    const { live, remote } = this.#world;
    const ahead = started ? 0 : (remote ?? live).ahead(operation, now);
    if (!operation.holdsSlot && this.#world.slots() === 0) return unforeseen('no_worker', ahead);
    if (mine === null) return unforeseen('no_history', ahead);
    // Paused: it starts in none of the futures, so none need be played.
    if (!operation.holdsSlot && !started && rules.concurrency === 0) {
      return unforeseen('not_admitted', ahead);
    }
    return started
      ? this.#ofStarted(operation, mine, now)
      : this.#ofWaiting({ operation, mine, ahead, now });
  }

  #ofStarted(operation: LiveOperation, mine: Remaining, now: number): Forecast {
    const remaining = this.#stratified(mine.residual);
    // In a back-off: the windows hold whole times, back-offs included, but the end of this back-off
    // is known.
    const earliest = operation.holdsSlot ? 0 : Math.max(0, operation.readyAt - now);
    for (let i = 0; i < remaining.length; i += 1) {
      remaining[i] = Math.max(earliest, remaining[i] as number);
    }
    const outlived = this.#outlived(operation, now);
    return {
      ...mine,
      foreseen: true,
      remaining,
      startsInMs: null,
      ahead: 0,
      bucket: runningBucket(outlived),
      longerThanUsual: outlived >= 0.9 && mine.samples >= settings.usualSamplesMin,
    };
  }

  #ofWaiting(p: WaitingForecast): Forecast | Unforeseen {
    const { mine, ahead } = p;
    const waits = this.#waits(p);
    const remaining = this.#stratified(mine.residual);
    for (let i = 0; i < remaining.length; i += 1) {
      // The draws are sorted, and the waits may be too: they are combined in another order, or long
      // waits would only meet long draws.
      const other = (i * 37 + 11) % waits.length;
      remaining[i] = (remaining[i] as number) + (waits[other] as number);
    }
    remaining.sort();
    waits.sort();
    if (remaining.at(-1) === Infinity) return unforeseen('not_admitted', ahead);
    return {
      ...mine,
      foreseen: true,
      remaining,
      startsInMs: waits[waits.length >> 1] as number,
      ahead,
      bucket: waitingBucket(ahead, this.#world.slots()),
      longerThanUsual: false,
    };
  }

  /** 64 waits for a slot, in any order. */
  #waits(p: WaitingForecast): Float64Array {
    const { operation, mine, ahead, now } = p;
    const { live } = this.#world;
    const waits = new Float64Array(settings.samples);
    if (this.#world.remote !== null) {
      this.#world.remote.waits(operation, now, waits);
      return waits;
    }
    const slots = this.#world.slots();
    const held = isHeld(this.#world, operation, now);
    if (!held && ahead < slots - live.running.size) return waits;
    const draws = (live.running.size + ahead) * settings.samples;
    if (draws > this.#world.drawsMax) return this.#shared.waits(p, waits);

    this.#draws.begin(this.#random);
    const line = live.firstWaiting(held ? ahead + 1 + behindHeld : ahead);
    const view = new QueueView(this.#world, now, mine.residual);
    if (!held && !line.some((other) => isHeld(this.#world, other, now))) {
      const queue = view.slotQueue(line);
      const one = new Float64Array(1);
      for (let i = 0; i < waits.length; i += 1) {
        this.#draws.future(i);
        this.#slotSimulation.play(queue, this.#draws.next, { positions: [ahead], starts: one });
        waits[i] = one[0] as number;
      }
      return waits;
    }
    if (draws > settings.admissionDrawsMax) return this.#shared.waits(p, waits);
    // When the operation itself is not held, it can simply come after the others in the line.
    const { queue } = view.admissionQueue(held ? line : [...line, operation]);
    const simulation = new AdmissionSimulation(queue);
    const starts = new Float64Array(queue.line.length);
    for (let i = 0; i < waits.length; i += 1) {
      this.#draws.future(i);
      simulation.play(this.#draws.next, starts, ahead);
      waits[i] = starts[ahead] as number;
    }
    return waits;
  }

  /**
   * 64 draws, one from each sixty-fourth of the distribution. They are sorted, since a draw grows
   * with its rank.
   */
  #stratified(residual: Residual): Float64Array {
    const draws = new Float64Array(settings.samples);
    for (let i = 0; i < draws.length; i += 1) {
      draws[i] = drawRemaining(residual, (i + 0.5) / draws.length);
    }
    return draws;
  }

  /** The share of known service times that `operation` has outlived. */
  #outlived(operation: LiveOperation, now: number): number {
    const elapsed = now - (operation.startedAt ?? now);
    const { history, rulesOf } = this.#world;
    const window = history.whole(operation.task, rulesOf(operation.task))?.window;
    if (window === undefined || elapsed <= 0) return 0;
    return countAtMost(window, elapsed) / window.count;
  }
}

function unforeseen(reason: Unforeseen['reason'], ahead: number | null): Unforeseen {
  const stalled = reason === 'no_worker' || reason === 'not_admitted';
  return { foreseen: false, reason, stalled, ahead };
}
