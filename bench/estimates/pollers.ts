import type { Poller } from './replay.ts';

/** Polls every two seconds. */
export const everyTwoSeconds: Poller = () => 2_000;

/**
 * google-api-core's default for long-running operations, without its jitter: 1 s, then 1.5 times
 * the last pause, up to 20 s.
 */
export const googleApiCore: Poller = (_course, _at, polls) =>
  Math.min(20_000, 1_000 * 1.5 ** polls);
