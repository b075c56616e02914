import assert from 'node:assert/strict';
import { it } from 'node:test';
import { pairedLine, soloLine, tableRow } from '../bench/report.ts';
import { atLeast, atMost } from '../bench/targets.ts';

const sample = { count: 1, p50Ms: 1, p99Ms: 2 };
const rounds = [
  {
    ours: { ...sample, perSecond: 8_000, cpuMs: 0.4 },
    other: { ...sample, perSecond: 10_000, cpuMs: 0.1 },
  },
];

it('A benchmark says of every target whether it is met', () => {
  const line = pairedLine('submit', rounds, [
    atLeast('ratio', 0.75),
    atLeast('perSecond', 8_000),
    atMost('cpuMs', 0.35),
  ]);
  assert.match(
    tableRow(line),
    /ratio >= 0\.75 met, ops\/s >= 8000 met, CPU ms\/op <= 0\.35 MISSED$/,
  );
});

it('A benchmark without a target claims nothing', () => {
  assert.doesNotMatch(tableRow(soloLine('low load', rounds[0]!.ours)), /met|MISSED/);
});

it('A figure that could not be measured misses its target', () => {
  const unknown = { ...sample, perSecond: Number.NaN, cpuMs: Number.NaN };
  assert.match(tableRow(soloLine('x', unknown, [atMost('cpuMs', 1)])), /MISSED$/);
});
