import { setImmediate as nextTurn } from 'node:timers/promises';
import { elapsedClock, type Clock } from '../core/clock.ts';
import type { Estimator } from '../core/estimator/estimator.ts';

/**
 * After a snapshot nothing is played for this many times as long as it took: at most a twentieth of
 * a core.
 */
const restFactor = 19;

/**
 * Plays long queues between the requests: one future a turn of the event loop, which takes 5 ms
 * where 100,000 wait. Meanwhile estimates come from the snapshot before.
 */
export class EstimateSnapshots {
  readonly #estimator: Estimator;
  readonly #clock: Pick<Clock, 'now'>;
  #isPlaying = false;
  #isStopped = false;
  #restUntil = -Infinity;

  constructor(estimator: Estimator, clock: Clock) {
    this.#estimator = estimator;
    this.#clock = elapsedClock(clock);
  }

  /**
   * Begins a snapshot if one is due. Called whenever an estimate was asked for, so without
   * questions nothing is played.
   */
  consider(at: number): void {
    if (this.#isPlaying || this.#isStopped || this.#clock.now() < this.#restUntil) return;
    if (this.#estimator.snapshotDue(at)) void this.#play(at);
  }

  stop(): void {
    this.#isStopped = true;
  }

  async #play(at: number): Promise<void> {
    this.#isPlaying = true;
    await nextTurn();
    let startedAt = this.#clock.now();
    const building = this.#estimator.beginSnapshot(at);
    let spentMs = this.#clock.now() - startedAt;
    while (!this.#isStopped) {
      await nextTurn();
      startedAt = this.#clock.now();
      const snapshot = building.step();
      spentMs += this.#clock.now() - startedAt;
      if (snapshot === null) continue;
      this.#estimator.adoptSnapshot(snapshot);
      break;
    }
    this.#isPlaying = false;
    this.#restUntil = this.#clock.now() + spentMs * restFactor;
  }
}
