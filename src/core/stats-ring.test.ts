import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StatsRing, statsTiers, type StatsWidthMs } from './stats-ring.ts';

const start = Date.UTC(2026, 0, 1);
const minute = 60_000;
const hour = 60 * minute;

function submittedOf(ring: StatsRing, widthMs: StatsWidthMs): Record<number, number> {
  const buckets = [...ring.buckets(widthMs)];
  return Object.fromEntries(buckets.map(([at, { submitted }]) => [at - start, submitted]));
}

test('what happens is counted in a bucket of each width', () => {
  const ring = new StatsRing();
  ring.submitted(start);
  ring.started(start + 5_000, 5_000);
  ring.finished(start + 65_000, { code: null, runMs: 60_000 });
  ring.finished(start + 65_000, { code: 'timeout', runMs: 1_000 });
  ring.finished(start + 66_000, { code: 'cancelled', runMs: null });
  const [, [at, second] = []] = [...ring.buckets(minute)];
  assert.equal(at, start + minute);
  assert.deepEqual([second?.submitted, second?.completed, second?.failed], [0, 1, 2]);
  assert.deepEqual(
    [...second!.failedByCode],
    [
      ['timeout', 1],
      ['cancelled', 1],
    ],
  );
  assert.equal(second?.runs.total, 2);
  const [[, whole] = []] = [...ring.buckets(300_000)];
  assert.deepEqual([whole?.submitted, whole?.completed, whole?.failed], [1, 1, 2]);
  assert.equal(whole?.waits.total, 1);
  const waited = whole?.waits.quantile(0.5) ?? 0;
  assert.ok(waited > 4_000 && waited < 6_300, String(waited));
  assert.deepEqual(submittedOf(ring, 10_000), { 0: 1, 60_000: 0 });
});

test('buckets go when they are older than is kept of their width, and what comes late is counted where there is one', () => {
  const ring = new StatsRing();
  for (let at = 0; at < 2 * hour; at += 10_000) ring.submitted(start + at);
  assert.equal(Object.keys(submittedOf(ring, 10_000)).length, 91);
  assert.equal(Object.keys(submittedOf(ring, minute)).length, 61);
  assert.equal(submittedOf(ring, 300_000)[0], 30);
  ring.submitted(start);
  assert.equal(submittedOf(ring, 300_000)[0], 31);
  assert.equal(submittedOf(ring, minute)[0], undefined);
  ring.submitted(start + 48 * hour);
  for (const { widthMs } of statsTiers) {
    assert.deepEqual(submittedOf(ring, widthMs), { [48 * hour]: 1 });
  }
});

test('two rings have one sum, whoever is merged into whom, and come back from their text', () => {
  const [a, b] = [new StatsRing(), new StatsRing()];
  for (let i = 0; i < 500; i += 1) {
    const [ring, now] = [i % 3 === 0 ? a : b, start + i * 20_000];
    ring.submitted(now);
    ring.started(now, i * 10);
    ring.finished(now, { code: i % 5 === 0 ? 'task_error' : null, runMs: i });
    if (i % 10 === 0) ring.unstarted(now);
  }
  const charsMax = 1_000_000;
  const copy = (ring: StatsRing): StatsRing => StatsRing.fromText(ring.text(charsMax))!;
  assert.equal(copy(a).text(charsMax), a.text(charsMax));
  const [ab, ba] = [copy(a), copy(b)];
  ab.merge(b);
  ba.merge(a);
  assert.equal(ab.text(charsMax), ba.text(charsMax));
  const sum = [...ab.buckets(300_000)].reduce((n, [, bucket]) => n + bucket.submitted, 0);
  assert.equal(sum, 500);
  const unstarted = [...ab.buckets(300_000)].reduce((n, [, bucket]) => n + bucket.unstarted, 0);
  assert.equal(unstarted, 50);
});

test('what an older version wrote is read, without what it did not count', () => {
  const ring = StatsRing.fromText('{"format":1,"tiers":{"10000":[[7,3,2,{"timeout":1},[],[]]]}}');
  const [[, bucket] = []] = ring?.buckets(10_000) ?? [];
  assert.deepEqual([bucket?.submitted, bucket?.failed, bucket?.unstarted], [3, 1, 0]);
});

test('a text is as long as it may be: the narrow buckets go first, then the old', () => {
  const ring = new StatsRing();
  for (let at = 0; at < 24 * hour; at += 10_000) {
    ring.submitted(start + at);
    ring.started(start + at, at % 100_000);
  }
  const whole = ring.text(1_000_000);
  assert.ok(whole.length > 20_000, String(whole.length));
  const cut = ring.text(whole.length - 1);
  const back = StatsRing.fromText(cut)!;
  assert.ok(cut.length < whole.length);
  assert.deepEqual(submittedOf(back, 10_000), {});
  assert.deepEqual(submittedOf(back, 300_000), submittedOf(ring, 300_000));
  const little = ring.text(2_000);
  assert.ok(little.length <= 2_000);
  const kept = Object.keys(submittedOf(StatsRing.fromText(little)!, 300_000));
  assert.ok(kept.length > 0 && kept.length < 100);
  assert.equal(kept.at(-1), String(24 * hour - 300_000), 'the latest');
});

test('what is no text of it is refused', () => {
  const texts = ['', 'null', '{}', '{"format":2,"tiers":{}}'];
  for (const bucket of [
    '7',
    'null',
    '[1]',
    '[1,-1,0,{},[],[]]',
    '[1,1,1,{},[1],[]]',
    '[1,1,1,{"x":0.5},[],[]]',
    '["1",1,1,{},[],[]]',
    '[1,1,1,{},[],[],-1]',
  ]) {
    texts.push(`{"format":1,"tiers":{"10000":[${bucket}]}}`);
  }
  for (const text of texts) assert.equal(StatsRing.fromText(text), null, text);
  assert.notEqual(StatsRing.fromText('{"format":1,"tiers":{}}'), null);
});
