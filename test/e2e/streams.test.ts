import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, it } from 'node:test';
import { Crowd, type Watcher } from '../../bench/crowd.ts';
import { dropSchema, newSchema } from '../../src/store-postgres/postgres-schema.fixture.ts';
import {
  startPostgres,
  type TestServer,
} from '../../src/store-postgres/postgres-server.fixture.ts';
import { ServerProcess } from './server-process.ts';

/**
 * What `npm run bench -- --only streams` measures with a thousand of each, on a small scale: no
 * watcher misses the end.
 */
const watchers = 100;
const config = ['--config', path.join(import.meta.dirname, '../../bench/raincheck.config.ts')];

let folder = '';
let database: TestServer;
before(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'raincheck-streams-'));
  database = await startPostgres();
});
after(async () => {
  await database.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function steer(base: string, verb: 'pause' | 'resume'): Promise<void> {
  const response = await fetch(`${base}/tasks/noop/${verb}`, { method: 'POST' });
  assert.equal(response.status, 200, await response.text());
}

/** Watches twice as many operations on `base`, then lets them all end at once. */
async function everyoneIsTold(base: string): Promise<void> {
  await steer(base, 'pause');
  const crowd = new Crowd(base);
  try {
    const ids = await crowd.submit('/noop', 2 * watchers);
    const all: Watcher[] = ids.map((id, at) =>
      at < watchers ? crowd.byStream(id) : crowd.byPolls(id),
    );
    await Promise.all(all.map(({ waits }) => waits));
    await steer(base, 'resume');
    const told = await Promise.all(all.map(({ ended }) => ended));
    await crowd.checkEnds(ids, told);
  } finally {
    crowd.close();
  }
}

it(`${watchers} streams and ${watchers} long-polls of one node see every operation end`, async () => {
  const store = path.join(folder, 'streams.db');
  await using node = new ServerProcess(['serve', '--store', store, '--port', '0', ...config]);
  await everyoneIsTold(await node.url());
});

it(`${watchers} streams and ${watchers} long-polls see the end of work that other processes do`, async (t) => {
  const schema = newSchema();
  t.after(() => dropSchema({ url: database.url, schema }));
  const env = { DATABASE_URL: `${database.url}?schema=${schema}` };
  await using node = new ServerProcess(['serve', '--role', 'api', '--port', '0', ...config], {
    env,
  });
  const base = await node.url();
  await using _worker = new ServerProcess(['worker', ...config], { env });
  await everyoneIsTold(base);
});
