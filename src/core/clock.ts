/**
 * Time is a parameter: every instant in Raincheck comes from a Clock, so that tests own it.
 * Instants are integer milliseconds since the Unix epoch.
 */
export type Clock = {
  /** Never goes backwards within one process, whatever the machine's clock does. */
  now(): number;
  /**
   * Resolves after `ms`, or earlier when `signal` aborts (it resolves then too: a woken sleeper looks
   * at its own state). Delays past 24 days are cut: a longer wait lives in the database.
   */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
};

/** Longest delay a timer may be given: setTimeout fires after 1 ms for anything longer. */
export const timerMsMax = 2_147_483_647;
