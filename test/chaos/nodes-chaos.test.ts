import assert from 'node:assert/strict';
import process from 'node:process';
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

it('A database that is restarted three times under load costs clients a 503 with Retry-After and nothing else', async (t) => {
  if (process.env['RAINCHECK_TEST_POSTGRES']) return t.skip('the server is not ours to restart');
  const seed = Date.now() % 2 ** 31;
  const lines = [`seed ${seed}`];
  const { violations, counts } = await runNodesChaos({
    apis: 2,
    workers: 2,
    operations: 300,
    sendMs: 8_000,
    kills: 0,
    killEveryMs: 1_000,
    restarts: 3,
    seed,
    report: (line) => lines.push(line),
  });
  const text = [...lines, JSON.stringify(counts), ...violations].join('\n');
  assert.deepEqual(violations, [], text);
  assert.equal(counts['acknowledged'], 300, text);
  assert.equal(counts['delivered'], counts['stored'], text);
  assert.ok((counts['refusals503'] ?? 0) > 0, text);
});
