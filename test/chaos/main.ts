import path from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { runChaos } from './run.ts';
import { runWebhookChaos } from './webhook-run.ts';

const usage = `npm run chaos -- [options]
  --kills <n>    kill -9 so many times; default 20
  --seed <n>     who sends what and when the kills fall; default by the clock
  --sabotage     break durability on purpose: the run must then find violations
  --webhooks     1,000 operations whose ends must be told to a receiver`;

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '20' },
    seed: { type: 'string', default: String(Date.now() % 2 ** 31) },
    sabotage: { type: 'boolean', default: false },
    webhooks: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

if (values.help) {
  console.log(usage);
} else {
  const seed = Number(values.seed);
  const kills = Number(values.kills);
  if (!Number.isInteger(kills) || kills < 1 || !Number.isInteger(seed)) throw new Error(usage);
  console.log(`seed ${seed}`);
  const preload = values.sabotage ? path.join(import.meta.dirname, 'sabotage.ts') : null;
  const report = (line: string): void => console.log(line);
  const { violations, counts } = values.webhooks
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
