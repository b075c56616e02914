import { RingWindow } from './ring-window.ts';
import { estimatorSettings as settings } from './settings.ts';
import type { SortedWindow } from './sorted-window.ts';

/** The weight of a value, by how many values came after it. */
const weights = Float64Array.from({ length: settings.taskWindow }, (_, age) =>
  Math.exp(-age / settings.taskFade),
);

/** The sum of the weights of the latest n values, by n. */
const weightOfLatest = new Float64Array(settings.taskWindow + 1);
for (const [age, weight] of weights.entries()) {
  weightOfLatest[age + 1] = (weightOfLatest[age] as number) + weight;
}

/**
 * The latest values of a series, where older ones count ever less. Durations of operations drift
 * and jump, and the best forecast of such a series is an exponential average (Muth, 1960), not the
 * mean of a window that forgets all of a sudden. It has as many effective values, (sum of
 * weights)^2 / (sum of their squares), as a plain window of 70, and the same mean age. So it rests
 * on no fewer values than the former window of 64, and follows changes sooner.
 *
 * Draws come from at most 64 equally likely points, since a draw by weights would cost several
 * times one by rank. They are computed on demand: a window with many additions and few forecasts
 * pays only for keeping its order.
 */
export class FadingWindow implements SortedWindow {
  readonly #latest: RingWindow;
  readonly #points = new Float64Array(settings.samples);
  #madeAt = 0;

  constructor(latest = new RingWindow(settings.taskWindow)) {
    this.#latest = latest;
  }

  get count(): number {
    return Math.min(this.#latest.count, this.#points.length);
  }

  get total(): number {
    return this.#latest.total;
  }

  get sorted(): Float64Array {
    if (this.#madeAt !== this.total) this.#make();
    return this.#points;
  }

  /** `value` must be finite. */
  push(value: number): void {
    this.#latest.push(value);
  }

  /** The values held, oldest first. */
  values(): number[] {
    return this.#latest.values();
  }

  /**
   * Of n points, the k-th is where k + 1/2 n-ths of the weight are reached: at a value, and as far
   * above it as drawRemaining would draw there. Without that shift the several points of a heavy
   * value all lay exactly on it, where polls come too soon: up to 7 % more lag where some
   * operations fail early.
   */
  #make(): void {
    const { sorted, count: held } = this.#latest;
    const { count } = this;
    const whole = weightOfLatest[held] as number;
    let rank = 0;
    let reached = weights[this.#latest.ageAt(0)] as number;
    for (let k = 0; k < count; k += 1) {
      const wanted = ((k + 0.5) / count) * whole;
      while (reached < wanted && rank < held - 1) {
        rank += 1;
        reached += weights[this.#latest.ageAt(rank)] as number;
      }
      const weight = weights[this.#latest.ageAt(rank)] as number;
      const above = settings.gapShare * ((wanted - reached) / weight + 1);
      const value = sorted[rank] as number;
      const next = sorted[Math.min(held - 1, rank + 1)] as number;
      this.#points[k] = value + above * (next - value);
    }
    this.#madeAt = this.total;
  }
}
