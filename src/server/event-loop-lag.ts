import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { EventLoopLag } from '../engine/node.ts';

/** Node measures the intervals of a timer of this length; the excess is lag. */
const resolutionMs = 20;

/**
 * Measures how long due work waits for the event loop of this process. Uses one libuv timer, which
 * does not keep the process alive.
 */
export function eventLoopLag(): EventLoopLag {
  const delays = monitorEventLoopDelay({ resolution: resolutionMs });
  return {
    start: () => void delays.enable(),
    stop: () => void delays.disable(),
    p99Ms() {
      if (delays.count === 0) return null;
      const ms = delays.percentile(99) / 1e6 - resolutionMs;
      delays.reset();
      return Math.max(0, Math.round(ms * 10) / 10);
    },
  };
}
