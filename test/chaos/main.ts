import path from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { runNodesChaos } from './nodes-run.ts';
import { runChaos } from './run.ts';
import { runWebhookChaos } from './webhook-run.ts';

const usage = `npm run chaos -- [options]
  --kills <n>    kill -9 so many times; default 20
  --seed <n>     who sends what and when the kills fall; default by the clock
  --sabotage     break durability on purpose: the run must then find violations
  --webhooks     1,000 operations whose ends must be told to a receiver
  --nodes        three API nodes and four workers on one PostgreSQL, 5,000 operations whose ends must be told, a kill
                 every second; default 60 kills
  --restarts     the same nodes and operations; instead of kills the database is restarted three times`;

const { values } = parseArgs({
  options: {
    kills: { type: 'string' },
    seed: { type: 'string', default: String(Date.now() % 2 ** 31) },
    sabotage: { type: 'boolean', default: false },
    webhooks: { type: 'boolean', default: false },
    nodes: { type: 'boolean', default: false },
    restarts: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

if (values.help) {
  console.log(usage);
} else {
  const seed = Number(values.seed);
  const kills = Number(values.kills ?? (values.nodes ? 60 : 20));
  if (!Number.isInteger(kills) || kills < 1 || !Number.isInteger(seed)) throw new Error(usage);
  console.log(`seed ${seed}`);
  const preload = values.sabotage ? path.join(import.meta.dirname, 'sabotage.ts') : null;
  const report = (line: string): void => console.log(line);
  const nodes = { apis: 3, workers: 4, operations: 5_000, sendMs: 60_000, killEveryMs: 1_000 };
  const { violations, counts } = values.restarts
    ? await runNodesChaos({ ...nodes, kills: 0, restarts: 3, seed, report })
    : values.nodes
      ? await runNodesChaos({ ...nodes, kills, seed, report })
      : values.webhooks
        ? await runWebhookChaos({ operations: 1_000, kills, seed, report })
        : await runChaos({ kills, seed, preload, report });
  console.log('');
  for (const [name, count] of Object.entries(counts)) {
    console.log(`${name.padEnd(20)}${String(count).padStart(10)}`);
  }
  console.log(violations.length === 0 ? '\nEvery promise was kept.' : '\nBroken promises:');
  for (const violation of violations.slice(0, 20)) console.log(`- ${violation}`);
  if (violations.length > 20) console.log(`- and ${violations.length - 20} more`);
  process.exitCode = violations.length === 0 ? 0 : 1;
}
