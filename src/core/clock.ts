/**
 * The source of every instant in Raincheck, passed as a parameter so that tests control time.
 * Instants are integer milliseconds since the Unix epoch.
 */
export type Clock = {
  /** Never goes backwards within one process, whatever the machine's clock does. */
  now(): number;
  /**
   * Milliseconds since some fixed moment, unaffected when the machine's clock is set. Lengths of
   * time within this process are measured with it, so a jump of an hour times nothing out. Default:
   * now().
   */
  elapsed?(): number;
  /**
   * The time that the machine's clock shows, which others compare with their own. When that clock
   * is set back, wall() goes back with it, whereas now() stays ahead until the process ends. No
   * decision here depends on it. Default: now().
   */
  wall?(): number;
  /**
   * Resolves after `ms`, or earlier when `signal` aborts; it never rejects, because a woken sleeper
   * checks its own state. Delays over 24 days are cut: a longer wait is kept in the database.
   */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
};

/** A clock for lengths of time: its now() is `elapsed()` of `clock`. */
export function elapsedClock(clock: Clock): Pick<Clock, 'now' | 'sleep'> {
  return {
    now: () => clock.elapsed?.() ?? clock.now(),
    sleep: (ms, signal) => clock.sleep(ms, signal),
  };
}

/** Longest delay a timer may be given: setTimeout fires after 1 ms for anything longer. */
export const timerMsMax = 2_147_483_647;
