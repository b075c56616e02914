import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { EventLoopLag } from '../engine/node.ts';

/** Node measures how far apart the rounds of a timer of this length are; what is more than that is lag. */
const resolutionMs = 20;

/** How long what is due waits for the event loop of this process. One timer of libuv, which keeps nothing alive. */
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
