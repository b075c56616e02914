import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { estimatorSettings as settings } from './settings.ts';
import { StageTable, stageKey } from './stage-table.ts';

describe('StageTable', () => {
  it('knows what remained at a stage once four operations went through it', () => {
    const table = new StageTable();
    const entry = { task: 'reports', stage: stageKey({ fraction: 0.7, message: null })! };
    for (const remainingMs of [900, 950, 1_000]) table.add({ ...entry, remainingMs });
    assert.equal(table.remaining('reports', entry.stage), null);
    table.add({ ...entry, remainingMs: 800 });
    assert.deepEqual(table.remaining('reports', entry.stage)?.values(), [900, 950, 1_000, 800]);
    assert.equal(table.remaining('invoices', entry.stage), null);
  });

  it('keeps no more stages than it may, whatever messages a handler sends', () => {
    const table = new StageTable();
    for (let page = 0; page < 500; page += 1) {
      table.add({ task: 'reports', stage: `:page ${page}`, remainingMs: 1 });
    }
    assert.equal(Object.keys(table.exportStages()['reports'] ?? {}).length, settings.stagesMax);
  });
});

describe('stageKey', () => {
  it('is the 5 % a fraction is in, else the message, else nothing', () => {
    assert.equal(stageKey({ fraction: 0.42, message: 'page 42' }), '8/20');
    assert.equal(stageKey({ fraction: 1.7, message: null }), '20/20');
    assert.equal(stageKey({ fraction: Number.NaN, message: 'drawing' }), ':drawing');
    assert.equal(stageKey({ fraction: null, message: 'x'.repeat(200) })?.length, 101);
    assert.equal(stageKey({ fraction: null, message: null }), null);
  });
});
