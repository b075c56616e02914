import type { Clock } from '../core/clock.ts';
import { Alarm } from './alarm.ts';
import type { Outage } from './outage.ts';

/** The common interface of the engine's loops. `Summary` says what one round did, for tests. */
export type Service<Summary> = {
  start(): void;
  /** Resolves when no round is under way any more, and none begins. */
  stop(): Promise<void>;
  /** Runs one round now, apart from the schedule. Rejects when the round fails. */
  runOnce(): Promise<Summary>;
};

/**
 * A service that runs a round, waits `everyMs`, and runs the next. It goes on after a failed round:
 * the outage is logged when it begins and when it ends, not every round. After a round for which
 * `again` is true, because it left work behind, the next follows at once.
 */
export function periodicService<Summary>(p: {
  readonly clock: Clock;
  readonly everyMs: number;
  readonly outage: Outage;
  readonly round: () => Promise<Summary>;
  readonly again: (summary: Summary) => boolean;
}): Service<Summary> {
  let running = false;
  let underWay: Promise<void> = Promise.resolve();
  const alarm = new Alarm(p.clock, () => {
    underWay = scheduledRound();
  });
  async function scheduledRound(): Promise<void> {
    let delayMs = p.everyMs;
    try {
      const summary = await p.round();
      p.outage.ended();
      if (p.again(summary)) delayMs = 0;
    } catch (error) {
      p.outage.failed(error);
    }
    if (running) alarm.set(p.clock.now() + delayMs);
  }
  return {
    start() {
      running = true;
      alarm.set(p.clock.now() + p.everyMs);
    },
    async stop() {
      running = false;
      alarm.clear();
      await underWay;
    },
    runOnce: p.round,
  };
}
