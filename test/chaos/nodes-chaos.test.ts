import assert from 'node:assert/strict';
import { it } from 'node:test';
import { runNodesChaos } from './nodes-run.ts';

/** The short form of `npm run chaos -- --nodes`. */
it('Several processes on one PostgreSQL, some killed in the middle of it, keep every promise', async () => {
  const seed = Date.now() % 2 ** 31;
  const lines = [`seed ${seed}`];
  const { violations, counts } = await runNodesChaos({
    apis: 2,
    workers: 2,
    operations: 300,
    sendMs: 4_000,
    kills: 4,
    killEveryMs: 1_000,
    seed,
    report: (line) => lines.push(line),
  });
  const text = [...lines, JSON.stringify(counts), ...violations].join('\n');
  assert.deepEqual(violations, [], text);
  assert.equal(counts['acknowledged'], 300, text);
  assert.equal(counts['delivered'], counts['stored'], text);
});
