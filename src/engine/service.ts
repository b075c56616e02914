import type { Clock } from '../core/clock.ts';
import { Alarm } from './alarm.ts';
import type { Outage } from './outage.ts';

/** Every loop of the engine is the same kind of thing. `Summary` says what one round did, for tests. */
export type Service<Summary> = {
  start(): void;
  /** Resolves when no round is under way any more; no other begins. */
  stop(): Promise<void>;
  /** One round now, apart from the schedule. Rejects when the round fails. */
  runOnce(): Promise<Summary>;
};

/**
 * A service that runs a round, waits `everyMs` and runs the next, and goes on after a failed one: the
 * outage is logged when it begins and when it ends, not every round. A round of which `again` says that it
 * left work behind is followed by the next at once.
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
