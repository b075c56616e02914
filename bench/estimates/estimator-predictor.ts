import { Estimator } from '../../src/core/estimator/estimator.ts';
import type { Random } from '../../src/core/estimator/random.ts';
import { cpuMicros } from './cost.ts';
import type { Poller, Predictor } from './replay.ts';

/** The server's estimator, in a replay. */
export class EstimatorPredictor implements Predictor {
  readonly estimator: Estimator;

  constructor(p: { readonly random: Random; readonly workers: number }) {
    this.estimator = new Estimator({
      random: p.random,
      // The traces contain operations of hours, whose polls would be determined by the server's cap
      // of 60 s.
      retryAfterMsMax: 3_600_000,
    });
    this.estimator.setSlots(p.workers);
  }

  submitted: Predictor['submitted'] = ({ id, task, submitAt }) =>
    this.estimator.onSubmit({ id, task, at: submitAt });

  started: Predictor['started'] = ({ id, startAt }) => this.estimator.onStart({ id, at: startAt });

  finished: Predictor['finished'] = ({ id, finishAt }) =>
    this.estimator.onFinish({ id, at: finishAt });

  /** The cost of the calls, without snapshots. */
  readonly predicting = new Stopwatch();
  readonly polling = new Stopwatch();

  predict: Predictor['predict'] = ({ id }, at) => {
    this.#refresh(at);
    const estimate = this.predicting.time(() => this.estimator.predict({ id, at }));
    return estimate.known ? estimate : null;
  };

  readonly poller: Poller = ({ id }, at) => {
    this.#refresh(at);
    return this.polling.time(() => this.estimator.retryAfter({ id, at })).ms;
  };

  /** The server makes snapshots between requests. In virtual time that takes no time. */
  #refresh(at: number): void {
    if (!this.estimator.snapshotDue(at)) return;
    const building = this.estimator.beginSnapshot(at);
    for (;;) {
      const snapshot = building.step();
      if (snapshot === null) continue;
      this.estimator.adoptSnapshot(snapshot);
      return;
    }
  }
}

class Stopwatch {
  #count = 0;
  #micros = 0;

  time<Result>(call: () => Result): Result {
    const startedAt = cpuMicros();
    const result = call();
    this.#micros += cpuMicros() - startedAt;
    this.#count += 1;
    return result;
  }

  /** Mean µs of CPU a call. */
  get mean(): number {
    return this.#micros / Math.max(1, this.#count);
  }
}
