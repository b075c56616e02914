import assert from 'node:assert/strict';
import path from 'node:path';
import { after, it } from 'node:test';
import { createClient, type WireStats, type WireWorker } from '../../src/client.ts';
import { dropSchema, newSchema } from '../../src/store-postgres/postgres-schema.fixture.ts';
import { startPostgres } from '../../src/store-postgres/postgres-server.fixture.ts';
import { until } from '../../src/testing/until.fixture.ts';
import { ServerProcess } from './server-process.ts';

const database = await startPostgres();
after(() => database.stop());

type Counted = { submitted: number; completed: number; started: boolean };

function counted({ buckets }: WireStats): Counted {
  return {
    submitted: buckets.reduce((sum, bucket) => sum + bucket.submitted, 0),
    completed: buckets.reduce((sum, bucket) => sum + bucket.completed, 0),
    started: buckets.some(({ wait_ms }) => wait_ms !== null),
  };
}

function states(workers: readonly WireWorker[]): Record<string, string> {
  return Object.fromEntries(workers.map(({ id, state }) => [id, state]));
}

it(
  'nodes on one PostgreSQL see each other, tell one sum, and find who was killed',
  { timeout: 120_000 },
  async (t) => {
    const schema = newSchema();
    const env = {
      RAINCHECK_STORE: `${database.url}?schema=${schema}`,
      RAINCHECK_LOG_LEVEL: 'info',
    };
    t.after(() => dropSchema({ url: database.url, schema }));
    const config = ['--config', path.join(import.meta.dirname, '../chaos/nodes.config.ts')];
    await using api = new ServerProcess(['serve', '--role', 'api', '--port', '0', ...config], {
      env,
    });
    const client = createClient({ baseUrl: await api.url() });
    await client.submit('plain', { marker: 'm', key: 'k', failures: 0 });
    const lonely = await client.stats();
    assert.deepEqual([lonely.health.status, lonely.health.code], ['critical', 'no_workers']);
    assert.match(lonely.health.message, /^plain: oldest waiting .*, no workers\.$/);

    await using both = new ServerProcess(['serve', '--port', '0', ...config], { env });
    const other = createClient({ baseUrl: await both.url() });
    const workers = await until(
      'both processes are listed',
      () => client.workers(),
      (found) => found.length === 2,
    );
    const worker = workers.find(({ roles }) => roles.includes('worker'));
    const front = workers.find(({ roles }) => !roles.includes('worker'));
    assert.ok(worker !== undefined && front !== undefined);
    assert.deepEqual(worker.roles, ['api', 'worker']);
    assert.deepEqual([worker.slots, worker.tasks.slice(0, 2)], [64, ['plain', 'keyed']]);
    assert.deepEqual([front.slots, front.tasks], [0, []]);
    assert.notEqual(worker.pid, front.pid);
    assert.deepEqual(states(await other.workers()), { [worker.id]: 'live', [front.id]: 'live' });

    for (const from of [client, other]) {
      await from.run('plain', { marker: 'm', key: 'k', failures: 0 });
    }
    const whole = { submitted: 3, completed: 3, started: true };
    for (const from of [client, other]) {
      const told = await until(
        'what both counted is told',
        () => from.stats(),
        (stats) => counted(stats).completed === 3 && counted(stats).submitted === 3,
      );
      assert.deepEqual(counted(told), whole);
      assert.deepEqual(told.workers, { live: 1, busy: 0, slots: 64 });
      assert.equal(told.health.code, 'ok');
    }

    both.kill('SIGKILL');
    await both.exited;
    const killedAt = performance.now();
    const found = await until(
      'the killed process is dead',
      () => client.workers(),
      (now) => states(now)[worker.id] === 'dead',
    );
    const tookMs = performance.now() - killedAt;
    // 12.5 to 18.5 s, plus what a busy machine adds.
    assert.ok(tookMs > 10_000 && tookMs < 60_000, String(tookMs));
    assert.equal(states(found)[front.id], 'live');
    const after = await client.stats();
    assert.deepEqual(counted(after), whole, 'what it counted is there still');
    assert.equal(after.workers.live, 0);
    api.kill('SIGTERM');
    assert.equal(await api.exited, 0, api.output);
  },
);
