import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, describe, it } from 'node:test';
import { limits } from '../../src/core/limits.ts';
import type { WireOperation, WireOperationPage } from '../../src/core/wire-operation.ts';
import type { WireTask } from '../../src/core/wire-server.ts';
import { dropSchema, newSchema } from '../../src/store-postgres/postgres-schema.fixture.ts';
import { startPostgres } from '../../src/store-postgres/postgres-server.fixture.ts';
import { postJson, ServerProcess, statusWhen } from './server-process.ts';

const database = await startPostgres();
const schema = newSchema();
const folder = mkdtempSync(path.join(tmpdir(), 'raincheck-batch-'));
after(async () => {
  await dropSchema({ url: database.url, schema });
  await database.stop();
  rmSync(folder, { recursive: true });
});

const config = path.join(import.meta.dirname, 'fixtures/batch.config.ts');
const stores = {
  SQLite: path.join(folder, 'raincheck.db'),
  PostgreSQL: `${database.url}?schema=${schema}`,
};
/**
 * More than a batch changes at once. PostgreSQL's cap on a queue is that of the moment, so all of
 * the first chunk may get in when its writes take two lanes; none of the second does.
 */
const failedCount = limits.batchChunk + 20;

function start(store: string): ServerProcess {
  return new ServerProcess(['dev', '--config', config, '--store', store, '--port', '0']);
}

async function json<T>(url: string): Promise<T> {
  const answer = await fetch(url);
  assert.equal(answer.status, 200, `${url}: ${await answer.clone().text()}`);
  return (await answer.json()) as T;
}

async function steer(url: string, action: 'pause' | 'resume'): Promise<void> {
  const answer = await fetch(`${url}/tasks/tight/${action}`, { method: 'POST' });
  assert.equal(answer.status, 200, await answer.text());
}

async function failSome(url: string): Promise<readonly string[]> {
  const ids: string[] = [];
  for (let i = 0; i < failedCount; i += 1) {
    const answer = await postJson(`${url}/tight`, { i }, { prefer: 'wait=10' });
    ids.push(answer.headers.get('location')?.split('/').at(-1) ?? (await answer.text()));
  }
  return ids;
}

for (const [name, store] of Object.entries(stores)) {
  describe(`a batch on ${name}`, () => {
    it('goes on after kill -9 in the middle, and retries nothing twice', async () => {
      let batch = '';
      let failed: readonly string[] = [];
      {
        await using server = start(store);
        const url = await server.url();
        failed = await failSome(url);
        // Nothing of it runs any more, so that the queue fills and the batch waits with a part of
        // its work done.
        await steer(url, 'pause');
        const accepted = await postJson(`${url}/operations:batch-retry`, { filter: {} });
        assert.equal(accepted.status, 202);
        batch = ((await accepted.json()) as WireOperation).status_url;
        while ((await json<WireTask>(`${url}/tasks/tight`)).counts.pending < 30);
        const { status } = await json<WireOperation>(url + batch);
        assert.equal(status, 'processing');
        server.kill('SIGKILL');
        assert.equal(await server.exited, 'SIGKILL');
      }
      await using server = start(store);
      const url = await server.url();
      await steer(url, 'resume');
      const done = await statusWhen(url + batch, ({ status }) => status === 'completed');
      const counts = { matched: failedCount, changed: failedCount, skipped: 0, failed: 0 };
      assert.deepEqual(done.result, counts);
      const list = `${url}/operations?task=tight&limit=200`;
      const { operations } = await json<WireOperationPage>(list);
      const retried = operations.flatMap((one) => one.retry_of ?? []);
      assert.deepEqual(retried.toSorted(), failed.toSorted());
    });
  });
}
