import type { Server } from 'node:http';
import { constants } from 'node:os';
import type { FlushableLogger } from './logger.ts';
import type { Raincheck } from './raincheck.ts';

/**
 * Stops a server by signals. The first SIGTERM or SIGINT stops it gently: no new work is claimed,
 * submits get 503, and status reads are still answered while running attempts finish within the
 * drain time. Then the connections and the store are closed. A second signal hands the running
 * attempts back at once. Attempts handed back are not counted and start again with the next server,
 * so nothing is lost either way.
 */
const signals = ['SIGTERM', 'SIGINT'] as const;
type Signal = (typeof signals)[number];

/** npm and terminals deliver one Ctrl-C twice, and nobody presses it twice this fast. */
const sameKeyPressMs = 200;
/** How long answers under way may take once everything else has stopped. */
const connectionsMs = 1_000;
/** How long handles of user code may keep the process after everything of ours has stopped. */
const lingerMs = 1_000;
/** How long a stop that was cut short may take before the process leaves without it. */
const cutShortMs = 3_000;

/** Waits for a signal, stops, and resolves with the exit code. */
export async function stopOnSignal(p: {
  readonly rc: Raincheck;
  readonly servers: readonly Server[];
  readonly logger: FlushableLogger;
  /** Resolves when another server takes over: running attempts are handed back at once, connections cut. */
  readonly replaced?: Promise<unknown> | undefined;
}): Promise<number> {
  const { rc, servers, logger } = p;
  const received = receiveSignals();
  const asked: Promise<Signal | null>[] = [received.next()];
  if (p.replaced !== undefined) asked.push(p.replaced.then(() => null));
  const first = await Promise.race(asked);
  if (first === null) return makeWay(p);
  logger.info({ signal: first }, 'stopping: running attempts may finish; again to stop now');
  let exitCode = 0;
  const cutShort = async (): Promise<void> => {
    const signal = await received.next();
    exitCode = 128 + constants.signals[signal];
    logger.warn({ signal }, 'stopping now: running attempts are handed back');
    setTimeout(() => leave(logger, exitCode), cutShortMs).unref();
    await rc.stop({ now: true });
  };
  await Promise.race([rc.stop(), cutShort()]);
  await Promise.all(servers.map(closeServer));
  received.end();
  logger.info({}, 'stopped');
  logger.flush();
  // User code may still hold something open, such as a pool or an interval. It was told to stop.
  setTimeout(() => process.exit(exitCode), lingerMs).unref();
  return exitCode;
}

async function makeWay({ rc, servers, logger }: Parameters<typeof stopOnSignal>[0]): Promise<0> {
  await Promise.all([
    rc.stop({ now: true }),
    ...servers.map(async (server) => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    }),
  ]);
  logger.flush();
  return 0;
}

/**
 * From here on an uncaught exception is logged and ends the process, because nobody knows what it
 * cut short. An unhandled rejection is only logged: it cut nothing short, and ending the process
 * for one forgetful handler would lose the attempts of all others, which fail when lost for the
 * third time (`worker_lost`).
 */
export function exitOnCrash(logger: FlushableLogger): void {
  process.on('unhandledRejection', (error) => {
    logger.error({ err: error }, 'A promise was rejected and nobody waited for it');
  });
  process.on('uncaughtException', (error, origin) => {
    logger.error({ err: error, origin }, 'Uncaught error: the process ends');
    leave(logger, 1);
  });
}

function leave(logger: FlushableLogger, exitCode: number): never {
  logger.flush();
  process.exit(exitCode);
}

function receiveSignals() {
  const waiting: ((signal: Signal) => void)[] = [];
  let lastAt = Number.NEGATIVE_INFINITY;
  const onSignal = (signal: Signal): void => {
    const now = performance.now();
    if (now - lastAt >= sameKeyPressMs) waiting.shift()?.(signal);
    lastAt = now;
  };
  for (const signal of signals) process.on(signal, onSignal);
  return {
    next: () => new Promise<Signal>((resolve) => waiting.push(resolve)),
    end: () => {
      for (const signal of signals) process.off(signal, onSignal);
    },
  };
}

async function closeServer(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  const cut = setTimeout(() => server.closeAllConnections(), connectionsMs);
  await closed;
  clearTimeout(cut);
}
