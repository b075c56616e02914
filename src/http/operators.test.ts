import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { silentLogger } from '../engine/logger.ts';
import { createEngine } from '../engine/create-engine.ts';
import { memoryStore } from '../store-memory/memory-store.ts';
import { faultyStore } from '../testing/faulty-store.ts';
import { ManualClock } from '../testing/manual-clock.ts';
import { until } from '../testing/until.fixture.ts';
import { createApp } from './app.ts';
import { Inbox } from './inbox.fixture.ts';
import { DocumentedAnswers } from './openapi/document.fixture.ts';
import {
  assertProblem,
  kit,
  transports,
  viaFetch,
  type Kit,
  type Send,
  type Transport,
} from './transports.fixture.ts';

const json = { 'content-type': 'application/json' };

for (const transport of transports) {
  describe(`What operators see, ${transport.name}`, () => suite(transport));
}

function suite(transport: Transport): void {
  let k: Kit;
  let send: Send;
  let close: () => Promise<void>;

  before(async () => {
    k = await kit();
    const opened = await transport.open(k.app);
    ({ close } = opened);
    const documented = new DocumentedAnswers((await opened.send('GET', '/openapi.json')).json);
    send = async (method, target, sent) => {
      const answer = await opened.send(method, target, sent);
      documented.check(method, target, answer);
      return answer;
    };
  });
  after(async () => {
    await k.stop();
    await close();
  });

  it('GET /workers tells of this process, busy as it is', async () => {
    await send('POST', '/slow/held', { headers: { ...json, prefer: 'wait=0' }, body: '{}' });
    const { operations } = (await send('GET', '/operations?task=held')).json;
    await k.engine.waitFor({
      id: operations[0].id,
      tenant: '',
      until: 'change',
      version: 1,
      timeoutMs: 10_000,
    });
    const answer = await send('GET', '/workers');
    assert.equal(answer.status, 200);
    const { workers } = answer.json;
    assert.equal(workers.length, 1);
    const [worker] = workers;
    assert.deepEqual([worker.state, worker.busy, worker.slots], ['live', 1, 64]);
    assert.deepEqual(worker.roles, ['api', 'worker']);
    assert.ok(worker.tasks.includes('held'));
    assert.ok(Date.parse(worker.heartbeat_at) >= Date.parse(worker.started_at));
  });

  it('GET /stats tells how it goes in a sentence, and how it went in numbers', async () => {
    for (const target of ['/echo', '/echo', '/broken']) {
      await send('POST', target, { headers: { ...json, prefer: 'wait=30' }, body: '{}' });
    }
    const answer = await send('GET', '/stats?window=15m');
    assert.equal(answer.status, 200, answer.text);
    const { buckets, health, totals, workers, ...rest } = answer.json;
    assert.deepEqual([rest.window_seconds, rest.bucket_seconds, buckets.length], [900, 10, 90]);
    assert.deepEqual([health.status, health.code, health.message], ['healthy', 'ok', 'Healthy.']);
    assert.deepEqual(workers, { live: 1, busy: 1, slots: 64 });
    assert.deepEqual([totals.completed, totals.failed, totals.processing], [2, 1, 1]);
    const counted = { submitted: 0, started: 0, completed: 0, failed: 0, unstarted: 0 };
    for (const bucket of buckets) {
      counted.submitted += bucket.submitted;
      counted.started += bucket.started;
      counted.unstarted += bucket.unstarted;
      counted.completed += bucket.completed;
      counted.failed += bucket.failed;
      if (bucket.failed > 0) assert.deepEqual(bucket.failed_by_code, { task_error: 1 });
      if (bucket.completed > 0) {
        const { p50, p95, p99 } = bucket.run_ms;
        assert.ok(0 <= p50 && p50 <= p95 && p95 <= p99 && p99 < 60_000);
      } else if (bucket.submitted === 0 && bucket.failed === 0) {
        assert.equal(bucket.run_ms, null);
      }
    }
    assert.deepEqual(counted, { submitted: 4, started: 4, completed: 2, failed: 1, unstarted: 0 });
    assert.equal(buckets.at(-1).complete, false);
    assert.equal(buckets[0].complete, true);
    const hour = (await send('GET', '/stats')).json;
    assert.deepEqual([hour.window_seconds, hour.buckets.length], [3600, 60]);
  });

  it('GET /stats counts webhooks that were given up, and says so', async () => {
    const inbox = new Inbox();
    await inbox.open();
    inbox.answers('/broken', () => ({ status: 500 }));
    const body = JSON.stringify({ webhook_url: `${inbox.origin}/broken` });
    await send('POST', '/echo', { headers: { ...json, prefer: 'wait=30' }, body });
    const { json: stats } = await until(
      'a dead letter is counted',
      () => send('GET', '/stats'),
      (answer) => answer.json.totals.dead_letters > 0,
    );
    await inbox.close();
    assert.equal(stats.totals.dead_letters, 1);
    const { status, code, message } = stats.health;
    assert.deepEqual([status, code], ['degraded', 'dead_letters']);
    assert.match(message, /^1 webhook/);
  });

  it('another window than there are is refused', async () => {
    for (const window of ['2h', '', '1h&window=6h']) {
      const answer = await send('GET', `/stats?window=${window}`);
      assert.equal(answer.status, 400);
      assertProblem(answer, 'invalid_request');
    }
  });

  it('takes no other method', async () => {
    assertProblem(await send('DELETE', '/stats'), 'method_not_allowed');
    assertProblem(
      await send('POST', '/workers', { headers: json, body: '{}' }),
      'method_not_allowed',
    );
  });
}

describe('GET /stats while the store is away', () => {
  it('tells what was known last, and that it is old; 503 when nothing was', async () => {
    const clock = new ManualClock();
    const inner = memoryStore();
    const away = { is: true };
    const { store } = faultyStore(inner, { nth: Infinity, when: 'before' });
    const failing = faultyStore(inner, { nth: 1, count: Infinity, when: 'before' }).store;
    const breaking = { ...store, readTasks: () => (away.is ? failing : store).readTasks() };
    const engine = createEngine({ store: breaking, tasks: [], clock, logger: silentLogger });
    const { send, close } = await viaFetch.open(createApp({ engine }));
    assertProblem(await send('GET', '/stats'), 'store_unavailable');
    away.is = false;
    const before = (await send('GET', '/stats')).json;
    assert.equal(before.totals.dead_letters, null, 'it sends no webhooks');
    away.is = true;
    const answer = await send('GET', '/stats');
    assert.equal(answer.status, 200);
    assert.deepEqual(answer.json.totals, before.totals);
    assert.deepEqual(
      [answer.json.health.status, answer.json.health.code],
      ['critical', 'store_unavailable'],
    );
    await close();
  });
});
