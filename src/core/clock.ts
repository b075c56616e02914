/**
 * Time is a parameter: every instant in Raincheck comes from a Clock, so that tests own it.
 * Instants are integer milliseconds since the Unix epoch.
 */
export type Clock = {
  /** Never goes backwards within one process, whatever the machine's clock does. */
  now(): number;
  /**
   * Milliseconds since some fixed moment, untouched when the machine's clock is set: what a length of time within
   * this process is measured by, so that an hour's jump forward times nothing out. Default: now().
   */
  elapsed?(): number;
  /**
   * What the machine's clock shows, and so what others compare with theirs: it goes back when that is set back, where
   * now() stays ahead until the process ends. Decides nothing here. Default: now().
   */
  wall?(): number;
  /**
   * Resolves after `ms`, or earlier when `signal` aborts (it resolves then too: a woken sleeper looks
   * at its own state). Delays past 24 days are cut: a longer wait lives in the database.
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
