import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Histogram, Registry } from 'prom-client';
import { HistogramCounts } from './histogram-counts.ts';

for (const byTask of [true, false]) {
  test(`it says to the letter what prom-client's own histogram says, ${byTask ? 'by task' : 'as a whole'}`, async () => {
    const bounds = [0.005, 0.5, 1, 60];
    const [ours, theirs] = [new Registry(), new Registry()];
    const about = { name: 'run_seconds', help: 'How long.' };
    const mine = new HistogramCounts({ bounds, byTask });
    mine.tell({ Histogram }, { ...about, registry: ours });
    const model = new Histogram({
      ...about,
      buckets: bounds,
      labelNames: byTask ? ['task'] : [],
      registers: [theirs],
    });
    assert.equal(await ours.metrics(), await theirs.metrics());
    for (const [i, seconds] of [0, 0.005, 0.006, 0.5, 0.75, 1, 59, 60, 61, 1e9].entries()) {
      const task = i % 3 === 0 ? 'a"b' : 'letters';
      mine.count(task, seconds);
      model.observe(byTask ? { task } : {}, seconds);
    }
    assert.equal(await ours.metrics(), await theirs.metrics());
  });
}
