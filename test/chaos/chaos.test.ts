import assert from 'node:assert/strict';
import path from 'node:path';
import { describe, it } from 'node:test';
import { runChaos, type ChaosSummary } from './run.ts';

/** The short form of `npm run chaos`. */
async function chaos(
  kills: number,
  preload: string | null,
): Promise<ChaosSummary & { text: string }> {
  const seed = Date.now() % 2 ** 31;
  const lines = [`seed ${seed}`];
  const summary = await runChaos({ kills, seed, preload, report: (line) => lines.push(line) });
  const text = [...lines, JSON.stringify(summary.counts), ...summary.violations].join('\n');
  return { ...summary, text };
}

describe('a server that is killed under load', () => {
  it('keeps every promise over four kills', async () => {
    const { violations, counts, text } = await chaos(4, null);
    assert.deepEqual(violations, [], text);
    assert.ok((counts['acknowledged'] ?? 0) >= 100, text);
    assert.equal(counts['stored'], (counts['completed'] ?? 0) + (counts['failed'] ?? 0), text);
    assert.ok((counts['final'] ?? 0) >= (counts['acknowledged'] ?? 0), text);
  });

  it('would be caught answering before its commit', async () => {
    const { violations, text } = await chaos(2, path.join(import.meta.dirname, 'sabotage.ts'));
    assert.notDeepEqual(violations, [], text);
  });
});
