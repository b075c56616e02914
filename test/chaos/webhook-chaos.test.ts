import assert from 'node:assert/strict';
import { it } from 'node:test';
import { runWebhookChaos } from './webhook-run.ts';

/** The short form of `npm run chaos -- --webhooks`. */
it('A server that is killed again and again tells the end of every operation, and never twice at once', async () => {
  const seed = Date.now() % 2 ** 31;
  const lines = [`seed ${seed}`];
  const { violations, counts } = await runWebhookChaos({
    operations: 250,
    kills: 4,
    seed,
    report: (line) => lines.push(line),
  });
  const text = [...lines, JSON.stringify(counts), ...violations].join('\n');
  assert.deepEqual(violations, [], text);
  assert.ok((counts['accepted'] ?? 0) === 250, text);
  assert.equal(counts['delivered'], counts['stored'], text);
});
