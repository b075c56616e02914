import type { Poller } from './replay.ts';

/** Every two seconds, whatever is polled. */
export const everyTwoSeconds: Poller = () => 2_000;

/** google-api-core's default for long-running operations: 1 s, each 1.5 times the last, up to 20 s; without its jitter. */
export const googleApiCore: Poller = (_course, _at, polls) =>
  Math.min(20_000, 1_000 * 1.5 ** polls);
