import assert from 'node:assert/strict';
import { registerHooks } from 'node:module';
import { describe, it, test, type TestContext } from 'node:test';
import { TaskError } from '../core/errors.ts';
import { defineTask } from '../engine/define-task.ts';
import { silentLogger } from '../engine/logger.ts';
import { assertProblem, transports, viaFetch, type Send } from '../http/transports.fixture.ts';
import { memoryStore } from '../store-memory/memory-store.ts';
import { faultyStore } from '../testing/faulty-store.ts';
import { testKit } from '../testing/test-kit.ts';
import type { RaincheckOptions } from './raincheck-options.ts';
import { assembledRaincheck, raincheck } from './raincheck.ts';
import { until } from '../testing/until.fixture.ts';

const tasks = [
  defineTask('echo', { estimate: '1s', run: ({ input }) => input }),
  defineTask('broken', {
    attempts: 1,
    run() {
      throw new TaskError('No paper.');
    },
  }),
];

const json = { 'content-type': 'application/json' };

/** Every sample by its name and labels. */
function samples(text: string): Map<string, number> {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => {
      const at = line.lastIndexOf(' ');
      return [line.slice(0, at), Number(line.slice(at + 1))];
    }),
  );
}

/** The types in the `# TYPE` lines. */
function types(text: string): Record<string, string> {
  const found = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)];
  return Object.fromEntries(found.map(([, name, type]) => [name, type]));
}

async function opened(
  t: TestContext,
  p: Partial<RaincheckOptions> & { transport?: (typeof transports)[number] } = {},
): Promise<Send> {
  const { transport = viaFetch, ...options } = p;
  const rc = raincheck({ tasks, store: 'memory:', logger: silentLogger, ...options });
  const { send, close } = await transport.open(rc.app);
  t.after(async () => {
    await close();
    await rc.stop({ now: true });
  });
  await rc.start();
  return send;
}

for (const transport of transports) {
  describe(`GET /metrics ${transport.name}`, () => {
    it('has the names that operators know, and no other', async (t) => {
      const send = await opened(t, { transport });
      const answer = await send('GET', '/metrics');
      assert.equal(answer.status, 200);
      const type = answer.headers.get('content-type');
      assert.equal(type, 'text/plain; version=0.0.4; charset=utf-8');
      assert.deepEqual(types(answer.text), {
        raincheck_operations_submitted_total: 'counter',
        raincheck_operations_finished_total: 'counter',
        raincheck_operation_wait_seconds: 'histogram',
        raincheck_operation_run_seconds: 'histogram',
        raincheck_operation_total_seconds: 'histogram',
        raincheck_operations: 'gauge',
        raincheck_oldest_pending_seconds: 'gauge',
        raincheck_workers: 'gauge',
        raincheck_dead_letters: 'gauge',
        raincheck_webhook_deliveries_total: 'counter',
        raincheck_webhook_delivery_seconds: 'histogram',
        raincheck_estimate_error_ratio: 'gauge',
      });
    });

    it('counts what ran here, and tells what is in the store', async (t) => {
      const send = await opened(t, { transport });
      const headers = { ...json, prefer: 'wait=30' };
      await send('POST', '/echo', { headers, body: '{}' });
      await send('POST', '/broken', { headers, body: '{}' });
      await send('POST', '/tasks/echo/pause', { headers });
      await send('POST', '/echo', { headers: json, body: '{}' });
      const found = samples((await send('GET', '/metrics')).text);
      const expected = {
        'raincheck_operations_submitted_total{task="echo"}': 2,
        'raincheck_operations_submitted_total{task="broken"}': 1,
        'raincheck_operations_finished_total{task="echo",outcome="completed"}': 1,
        'raincheck_operations_finished_total{task="broken",outcome="task_error"}': 1,
        'raincheck_operations_finished_total{task="broken",outcome="completed"}': 0,
        'raincheck_operation_wait_seconds_count{task="echo"}': 1,
        'raincheck_operation_run_seconds_count{task="broken"}': 1,
        'raincheck_operation_total_seconds_count{task="echo"}': 1,
        'raincheck_operations{task="echo",state="pending"}': 1,
        'raincheck_operations{task="echo",state="processing"}': 0,
        'raincheck_operations{task="broken",state="pending"}': 0,
        'raincheck_oldest_pending_seconds{task="broken"}': 0,
        'raincheck_workers{state="live"}': 1,
        'raincheck_workers{state="dead"}': 0,
        'raincheck_dead_letters{kind="delivery"}': 0,
        'raincheck_webhook_deliveries_total{outcome="delivered"}': 0,
      };
      for (const [name, value] of Object.entries(expected)) {
        assert.equal(found.get(name), value, name);
      }
    });

    it('wants the token, unless a setting says otherwise', async (t) => {
      const token = 'rck_12345678';
      const closed = await opened(t, { transport, token });
      assertProblem(await closed('GET', '/metrics'), 'unauthorized');
      const headers = { authorization: `Bearer ${token}` };
      assert.equal((await closed('GET', '/metrics', { headers })).status, 200);
      const open = await opened(t, { transport, token, metricsOpen: true });
      assert.equal((await open('GET', '/metrics')).status, 200);
      assertProblem(await open('GET', '/stats'), 'unauthorized');
    });
  });
}

test('an estimate that was wrong, a wait and deliveries show in the metrics', async () => {
  await using kit = await testKit({ tasks });
  const metrics = async (): Promise<Map<string, number>> => {
    const answer = await kit.rc.fetch(new Request('http://raincheck.test/metrics'));
    return samples(await answer.text());
  };
  const webhook_url = 'https://example.com/done';
  await kit.finished((await kit.client.submit('echo', { webhook_url }, { delay: '1m' })).id);
  await until('the webhook is delivered', async () => {
    await kit.clock.advance('1s');
    return (await metrics()).get('raincheck_webhook_deliveries_total{outcome="delivered"}') === 1;
  });
  await kit.client.submit('echo', {}, { delay: '1h' });
  const found = await metrics();
  assert.equal(found.get('raincheck_webhook_delivery_seconds_count'), 1);
  assert.equal(found.get('raincheck_operation_total_seconds_sum{task="echo"}'), 60);
  assert.equal(found.get('raincheck_operation_wait_seconds_sum{task="echo"}'), 0);
  assert.equal(found.get('raincheck_operations{task="echo",state="pending"}'), 1);
  assert.equal(found.get('raincheck_oldest_pending_seconds{task="echo"}'), 0, 'it is not due');
  await kit.client.operation((await kit.client.submit('broken', {})).id).status();
  assert.ok(found.has('raincheck_estimate_error_ratio{task="echo"}'));
});

test('tasks that are not defined here share one label', async (t) => {
  const store = memoryStore();
  const before = assembledRaincheck(
    {
      tasks: [defineTask('gone', { run: () => 1 }), ...tasks],
      store,
      logger: silentLogger,
    },
    {},
  );
  await before.engine.submit({ task: 'gone', tenant: '', input: { value: 1, text: '1' } });
  await before.stop({ now: true });
  const send = await opened(t, { store });
  const { text } = await send('GET', '/metrics');
  assert.equal(samples(text).get('raincheck_operations{task="_other",state="pending"}'), 1);
  assert.doesNotMatch(text, /gone/);
});

test('a server that sends no webhooks has no dead letters, not even none', async (t) => {
  const send = await opened(t, { webhooks: false });
  const { text } = await send('GET', '/metrics');
  assert.equal(samples(text).has('raincheck_dead_letters{kind="delivery"}'), false);
});

test('while the store is away what this process counted is told all the same', async (t) => {
  const inner = memoryStore();
  const { store } = faultyStore(inner, { nth: Infinity, when: 'before' });
  const broken = faultyStore(inner, { nth: 1, count: Infinity, when: 'before' });
  const away = { is: false };
  const readTasks = () => (away.is ? broken.store : store).readTasks();
  const send = await opened(t, { store: { ...store, readTasks } });
  await send('POST', '/echo', { headers: { ...json, prefer: 'wait=30' }, body: '{}' });
  assert.match((await send('GET', '/metrics')).text, /raincheck_operations\{/);
  away.is = true;
  const answer = await send('GET', '/metrics');
  assert.equal(answer.status, 200);
  const found = samples(answer.text);
  assert.equal(found.get('raincheck_operations_submitted_total{task="echo"}'), 1);
  assert.doesNotMatch(answer.text, /raincheck_operations\{/);
});

test('without prom-client everything else works, and its address says what to install', async (t) => {
  const hooks = registerHooks({
    resolve: (specifier, context, next) =>
      next(specifier === 'prom-client' ? 'prom-client-that-is-not-installed' : specifier, context),
  });
  t.after(() => hooks.deregister());
  const told: string[] = [];
  const logger = { ...silentLogger, error: (_: object, message: string) => told.push(message) };
  const send = await opened(t, { logger });
  const ran = await send('POST', '/echo', { headers: { ...json, prefer: 'wait=30' }, body: '1' });
  assert.equal(ran.status, 200);
  const answer = await send('GET', '/metrics');
  assertProblem(answer, 'metrics_unavailable');
  assert.match(answer.text, /npm install prom-client/);
  assert.deepEqual(told, [], 'a scrape is no error of ours');
});
