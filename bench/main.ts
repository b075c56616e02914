import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { deliveriesScenario } from './delivery-scenario.ts';
import { LoadProcess } from './load-process.ts';
import { startPeer } from './peer.ts';
import { postgresPeerLines } from './postgres-peers.ts';
import { origin, pairedLine, soloLine, tableHead, tableRow, writeResult } from './report.ts';
import type { Line } from './report.ts';
import {
  endToEndScenario,
  historyScenario,
  lowLoadScenario,
  pollScenario,
  submitScenario,
  type Bench,
} from './scenarios.ts';
import { stopServers } from './server-process.ts';
import { startBare } from './servers.ts';
import { streamsScenario } from './streams.ts';
import { atLeast, atMost, type Target } from './targets.ts';

/**
 * `npm run bench` measures our server, as a user runs it, beside plain node:http. Each is a process
 * of its own, and a third one generates the load. Rounds of the two alternate, and each ratio is
 * the median over pairs of neighbouring rounds, so that a machine that is busy or slows down
 * affects both alike. Every target is listed as `met` or `MISSED`. A wrong answer, or an operation
 * that does not complete, fails the run.
 */
const usage = `npm run bench -- [options]
  --quick          about 20 s: fewer and shorter rounds, 10,000 finished operations of history
  --peers          also Fastify + BullMQ on Redis, and pg-boss and graphile-worker on PostgreSQL, behind the
                   same HTTP surface
  --only <names>   some of: submit, poll, end-to-end, low-load, history, deliveries, streams,
                   peers, postgres-peers (with commas)`;

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    peers: { type: 'boolean', default: false },
    only: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});

const settings = values.quick
  ? { rounds: 3, roundMs: 500, warmMs: 300, ...history(10_000, 2_000, 2), ...crowd(100, 1_000) }
  : {
      rounds: 15,
      roundMs: 1_000,
      warmMs: 3_000,
      ...history(100_000, 15_000, 5),
      ...crowd(1_000, 30_000),
    };

function history(historyCount: number, historyBatch: number, historyRounds: number) {
  return { historyCount, historyBatch, historyRounds };
}

function crowd(watchers: number, idleMs: number) {
  return { watchers, idleMs };
}

const results = path.join(import.meta.dirname, 'results');

type Scenario = { readonly name: string; run(bench: Bench): Promise<Line[]> };
const scenarios: readonly Scenario[] = [
  {
    name: 'submit',
    run: async (bench) => {
      const rounds = await submitScenario(bench);
      return [
        pairedLine(
          'submit / bare JSON echo',
          rounds.map(({ ours, bare }) => ({ ours, other: bare })),
          [atLeast('ratio', 0.75)],
        ),
        // How close to the first line any server with such a database could come; see
        // floor-server.ts.
        pairedLine(
          'least durable submit / bare JSON echo',
          rounds.map(({ floor, bare }) => ({ ours: floor, other: bare })),
        ),
        pairedLine(
          'submit / least durable submit',
          rounds.map(({ ours, floor }) => ({ ours, other: floor })),
          [atLeast('ratio', 0.75)],
        ),
      ];
    },
  },
  {
    name: 'poll',
    run: async (bench) => [
      pairedLine('status GET / bare GET', await pollScenario(bench), [atLeast('ratio', 0.6)]),
    ],
  },
  {
    name: 'end-to-end',
    run: async (bench) => [
      pairedLine('end to end / bare JSON echo', await endToEndScenario(bench, startBare, true), [
        atMost('cpuMs', 0.35),
        atLeast('perSecond', 8_000),
      ]),
    ],
  },
  {
    name: 'low-load',
    run: async (bench) => [
      soloLine('submit to completed, one at a time', await lowLoadScenario(bench)),
    ],
  },
  {
    name: 'history',
    run: async (bench) => {
      const rounds = await historyScenario(bench);
      const size = bench.historyCount.toLocaleString('en');
      return [
        pairedLine(
          `submit, ${size} finished / none`,
          rounds.map((r) => r.submit),
          [atLeast('ratio', 0.83)],
        ),
        pairedLine(
          `claim, ${size} finished / none`,
          rounds.map((r) => r.drain),
          [atLeast('ratio', 0.83)],
        ),
      ];
    },
  },
  {
    name: 'deliveries',
    run: async (bench) => [
      // A receiver that puts events into a queue of its own answers about this fast; over a network
      // none is faster.
      pairedLine(
        'deliveries / bare undici, 5 ms to answer',
        await deliveriesScenario(bench, { thinkMs: 5 }),
        [atLeast('ratio', 0.5)],
      ),
      // The cost of storing: two records and their commits for each delivery, without waiting for
      // the receiver. --quick flatters the ratio, because undici takes twice the CPU until it is
      // warm.
      pairedLine(
        'deliveries just created / bare undici, answered at once',
        await deliveriesScenario(bench, { thinkMs: 0 }),
        [atLeast('ratio', 0.5)],
      ),
      // A backlog that this process did not create: a delivery has to be read before it is sent.
      pairedLine(
        'deliveries of before a restart / bare undici, at once',
        await deliveriesScenario(bench, { thinkMs: 0, isRestarted: true }),
      ),
    ],
  },
  { name: 'streams', run: streamsScenario },
  {
    name: 'peers',
    run: async (bench) => [
      ...(await peerLines(bench, { durable: true, targets: [atLeast('ratio', 3.5)] })),
      ...(await peerLines(bench, { durable: false, targets: [] })),
    ],
  },
  { name: 'postgres-peers', run: postgresPeerLines },
];

async function peerLines(
  bench: Bench,
  p: { readonly durable: boolean; readonly targets: readonly Target[] },
): Promise<Line[]> {
  const peer = await startPeer(bench.directory, p.durable);
  if (typeof peer === 'string') {
    console.log(`peers: ${peer}`);
    return [];
  }
  try {
    const rounds = await endToEndScenario(bench, peer.start, false);
    const name = p.durable ? 'BullMQ, fsync always' : 'BullMQ, no disk';
    return [pairedLine(`end to end / Fastify + ${name}`, rounds, p.targets)];
  } finally {
    await peer.stop();
  }
}

function chosen(): readonly Scenario[] {
  const names = values.only?.split(',') ?? null;
  const unknown = names?.filter((name) => !scenarios.some((s) => s.name === name)) ?? [];
  if (unknown.length > 0) throw new Error(`No scenario ${unknown.join(', ')}.\n${usage}`);
  return scenarios.filter(({ name }) =>
    names === null ? !name.endsWith('peers') || values.peers : names.includes(name),
  );
}

async function main(): Promise<void> {
  if (values.help) {
    console.log(usage);
    return;
  }
  const selected = chosen();
  mkdirSync(results, { recursive: true });
  // Beside the results rather than in /tmp, which is in memory on many machines; commits must have
  // their real cost.
  const directory = mkdtempSync(path.join(results, 'data-'));
  const load = new LoadProcess();
  const lines: Line[] = [];
  const { machine, node, commit } = origin();
  console.log(`${machine.cpu} x ${machine.cores}, node ${node}, commit ${commit}\n`);
  console.log(tableHead());
  try {
    for (const scenario of selected) {
      const outcome = await scenario.run({ load, directory, ...settings });
      lines.push(...outcome);
      for (const line of outcome) console.log(tableRow(line));
    }
    const file = writeResult({ directory: results, settings, lines });
    console.log(`\n${path.relative(process.cwd(), file)}`);
  } finally {
    load.stop();
    await stopServers();
    rmSync(directory, { recursive: true, force: true });
  }
}

try {
  await main();
} catch (error) {
  console.error(error instanceof Error ? (error.stack ?? error.message) : error);
  process.exitCode = 1;
}
