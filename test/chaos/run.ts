import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { checkAtTheEnd, checkStore } from './checks.ts';
import { Clients } from './clients.ts';
import { readHandlerLog } from './handler-log.ts';
import { Ledger } from './ledger.ts';
import { randomOf } from './random.ts';
import { freePort, Server } from './server.ts';

/**
 * Load, kill -9 at a random instant, restart on the same file; again and again. Afterwards every
 * promise of the README is checked against what the clients were told, what the handlers recorded
 * themselves, and what the file holds. The seed decides which client sends what and when the kills
 * fall. How the processes interleave depends on the machine, so a seed repeats a run only roughly.
 */
export type ChaosOptions = {
  readonly kills: number;
  readonly seed: number;
  /** Module that breaks the server on purpose. */
  readonly preload: string | null;
  readonly report: (line: string) => void;
};

export type ChaosSummary = {
  readonly violations: readonly string[];
  readonly counts: Readonly<Record<string, number>>;
};

const resumeMsMax = 10_000;
const drainMsMax = 60_000;
/** Fewer acknowledged operations prove nothing; the last kill waits for them. */
const acknowledgedMin = 100;
const acknowledgedMsMax = 60_000;

export async function runChaos(p: ChaosOptions): Promise<ChaosSummary> {
  const directory = mkdtempSync(path.join(os.tmpdir(), 'raincheck-chaos-'));
  const db = path.join(directory, 'chaos.db');
  const log = path.join(directory, 'handlers.log');
  const random = randomOf(p.seed);
  const ledger = new Ledger();
  const server = new Server({ port: await freePort(), db, log, preload: p.preload });
  const clients = new Clients({ base: server.base, ledger, random });
  const run = { ...p, ledger, server, clients, random, log };
  let slowestResumeMs = 0;
  try {
    server.spawn();
    await server.ready();
    clients.start({ submitters: 16, observers: 2 });
    await sleep(300 + random() * 500); // no event: kills fall at random instants on purpose
    for (let kill = 1; kill <= p.kills; kill += 1) {
      if (kill === p.kills) await enoughAcknowledged(run);
      await server.signal('SIGKILL');
      const resumeMs = await restart(run, kill);
      slowestResumeMs = Math.max(slowestResumeMs, resumeMs);
      await sleep(random() * 900);
    }
    await clients.stop();
    await drain(run);
    await checkAtTheEnd(run);
    await server.signal('SIGTERM');
    const stored = await checkStore({ db, ledger, handlerLog: readHandlerLog(log) });
    return summary(run, { ...stored, slowestResumeMs: Math.round(slowestResumeMs) });
  } catch (error) {
    ledger.violate(error instanceof Error ? error.message : String(error));
    return summary(run, {});
  } finally {
    await clients.stop();
    await server.signal('SIGKILL');
    if (ledger.violations.length === 0) rmSync(directory, { recursive: true, force: true });
    else p.report(`kept for a look: ${directory}`);
  }
}

export type Run = ChaosOptions & {
  readonly ledger: Ledger;
  readonly server: Server;
  readonly clients: Clients;
  readonly random: () => number;
  readonly log: string;
};

/**
 * Starts the server again and returns the ms until work that the kill interrupted goes on. One time
 * in five the next kill comes while it starts; then the time counts from the start after that.
 */
async function restart(run: Run, kill: number): Promise<number> {
  const { server, random, report } = run;
  server.spawn();
  if (random() < 0.2) {
    await sleep(random() * 600);
    report(`kill ${kill}: again while it starts`);
    await server.signal('SIGKILL');
    server.spawn();
  }
  const spawnedAt = performance.now();
  await server.ready();
  const readyAt = performance.now();
  const interrupted = await resumed(run, spawnedAt);
  const resumeMs = performance.now() - spawnedAt;
  const startMs = Math.round(readyAt - spawnedAt);
  report(
    `kill ${kill}: up again in ${startMs} ms, ${interrupted} interrupted handlers, ` +
      `first one back ${Math.round(resumeMs)} ms after the restart`,
  );
  return resumeMs;
}

/**
 * Waits until one interrupted operation runs again or is final; returns how many were interrupted.
 */
async function resumed({ log, clients, ledger }: Run, since: number): Promise<number> {
  for (;;) {
    const { interrupted, startedSinceBoot } = readHandlerLog(log);
    if (interrupted.size === 0) return 0;
    for (const id of interrupted) if (startedSinceBoot.has(id)) return interrupted.size;
    const [first] = interrupted;
    const operation = first === undefined ? null : await clients.read(first);
    if (operation !== null && ledger.isFinal(operation.id)) return interrupted.size;
    if (performance.now() - since > resumeMsMax) {
      ledger.violate(`Interrupted work did not resume within ${resumeMsMax} ms.`);
      return interrupted.size;
    }
    await sleep(20);
  }
}

/** Waits until every acknowledged operation is final, and then every other one. */
async function drain({ ledger, clients }: Run): Promise<void> {
  const until = performance.now() + drainMsMax;
  for (const id of ledger.acknowledged.keys()) {
    while (!ledger.isFinal(id) && !ledger.lost.has(id)) {
      const operation = await clients.read(id);
      if (ledger.isFinal(id) || ledger.lost.has(id)) break;
      if (performance.now() > until) {
        const status = operation?.status ?? 'unreadable';
        ledger.violate(`The acknowledged ${id} is ${status} ${drainMsMax} ms after the last kill.`);
        break;
      }
      await sleep(20);
    }
  }
  // Operations whose 202 was lost were promised nothing, but what is stored comes to its end as
  // well.
  while (performance.now() < until && (await clients.unfinished()) !== 0) await sleep(20);
}

async function enoughAcknowledged({ ledger }: Run): Promise<void> {
  const until = performance.now() + acknowledgedMsMax;
  while (ledger.acknowledged.size < acknowledgedMin) {
    if (performance.now() > until) {
      const { size } = ledger.acknowledged;
      ledger.violate(`Only ${size} operations were acknowledged in ${acknowledgedMsMax} ms.`);
      return;
    }
    await sleep(20);
  }
}

function summary({ ledger, log }: Run, more: Readonly<Record<string, number>>): ChaosSummary {
  const { starts, keyPeak, boots } = readHandlerLog(log);
  return {
    violations: ledger.violations,
    counts: {
      boots,
      acknowledged: ledger.acknowledged.size,
      final: ledger.finals,
      idempotencyKeys: ledger.keys,
      replays: ledger.replays,
      lostAnswers: ledger.lostAnswers,
      refusals503: ledger.refusals,
      statusReads: ledger.observations,
      handlerStarts: [...starts.values()].reduce((sum, n) => sum + n, 0),
      keyPeak: keyPeak.count,
      ...more,
    },
  };
}
