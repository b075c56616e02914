import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { limits } from '../core/limits.ts';
import type { WireBatchCount, WireErrorGroups, WireOperation } from '../core/wire-operation.ts';
import { createEngine } from '../engine/create-engine.ts';
import { defineTask } from '../engine/define-task.ts';
import type { Engine } from '../engine/engine.ts';
import { groupErrors } from '../engine/error-groups.ts';
import { memoryStore } from '../store-memory/memory-store.ts';
import { createApp } from './app.ts';
import { DocumentedAnswers } from './openapi/document.fixture.ts';
import { assertProblem, transports, type Answer } from './transports.fixture.ts';

const run = ({ input }: { input: unknown }): never => {
  throw new Error((input as { error: string }).error);
};
const tasks = [
  defineTask('reports', { attempts: 1, run }),
  defineTask('exports', { attempts: 1, run }),
];

for (const transport of transports) {
  describe(`Errors by kind ${transport.name}`, () => {
    let engine: Engine;
    let send: (method: string, target: string, body?: object) => Promise<Answer>;
    let close: () => Promise<void>;
    before(async () => {
      engine = createEngine({ store: memoryStore(), tasks });
      await engine.start();
      const opened = await transport.open(createApp({ engine }));
      ({ close } = opened);
      const documented = new DocumentedAnswers((await opened.send('GET', '/openapi.json')).json);
      send = async (method, target, body) => {
        const headers = { 'content-type': 'application/json', prefer: 'wait=30' };
        const sent = body === undefined ? {} : { headers, body: JSON.stringify(body) };
        const answer = await opened.send(method, target, sent);
        documented.check(method, target, answer);
        return answer;
      };
      for (let i = 0; i < 4; i += 1) {
        await fail('reports', `connect ECONNREFUSED 10.0.0.${i}:5432`);
        if (i < 2) await fail('exports', `No file "${i}.csv"`);
      }
      const held = await engine.submit({
        task: 'reports',
        tenant: '',
        input: { value: {}, text: '{}' },
        notBefore: Date.now() + 3_600_000,
      });
      await engine.cancel({ id: held.operation.id, tenant: '' });
    });
    after(async () => {
      await close();
      await engine.stop({ now: true });
    });

    const ids: string[] = [];
    async function fail(task: string, error: string): Promise<void> {
      const answer = await send('POST', `/${task}`, { error });
      ids.push(answer.headers.get('location')?.split('/').at(-1) ?? '');
    }
    async function groups(query = ''): Promise<WireErrorGroups['groups']> {
      const answer = await send('GET', `/errors${query}`);
      assert.equal(answer.status, 200, answer.text);
      assert.equal((answer.json as WireErrorGroups).complete, true);
      return (answer.json as WireErrorGroups).groups;
    }

    it('are told, the most frequent first, without what was cancelled', async () => {
      const [refused, missing, ...others] = await groups();
      assert.deepEqual(others, []);
      assert.ok(refused !== undefined && missing !== undefined);
      const { fingerprint, first_at: first, last_at: last, ...rest } = refused;
      assert.match(fingerprint, /^[0-9a-f]{16}$/);
      assert.ok(first <= last);
      assert.deepEqual(rest, {
        task: 'reports',
        code: 'task_error',
        title: 'Task failed',
        sample_detail: 'connect ECONNREFUSED 10.0.0.3:5432',
        count: 4,
        sample_operation_id: ids.at(-1),
      });
      assert.equal(missing.task, 'exports');
      assert.equal(missing.count, 2);
    });

    it('are found by task and time, and cut', async () => {
      assert.deepEqual(
        (await groups('?task=exports')).map(({ task }) => task),
        ['exports'],
      );
      assert.equal((await groups('?limit=1')).length, 1);
      assert.deepEqual(await groups('?since=2100-01-01T00:00:00Z'), []);
      assert.equal((await groups('?since=1h')).length, 2);
      for (const query of ['since=yesterday', 'limit=0', 'task=a&task=b']) {
        assertProblem(await send('GET', `/errors?${query}`), 'invalid_request');
      }
    });

    it('are retried one kind at a time', async () => {
      const [{ fingerprint } = { fingerprint: '' }] = await groups();
      const filter = { fingerprint };
      const counted = await send('POST', '/operations:batch-retry', { filter, dry_run: true });
      assert.equal((counted.json as WireBatchCount).count, 4, counted.text);
      const done = await send('POST', '/operations:batch-retry', { filter });
      assert.deepEqual(done.json, { matched: 4, changed: 4, skipped: 0, failed: 0 });
      const { json } = await send('GET', '/operations?limit=200');
      const retried = (json as { operations: WireOperation[] }).operations.filter(
        (one) => one.retry_of !== null,
      );
      assert.deepEqual(new Set(retried.map(({ task }) => task)), new Set(['reports']));
      assert.equal(retried.length, 4);
      for (const { id } of retried) {
        await engine.waitFor({ id, tenant: '', until: 'final', version: 0, timeoutMs: 10_000 });
      }
      const wrong = await send('POST', '/operations:batch-retry', { filter: { fingerprint: 'x' } });
      assertProblem(wrong, 'validation_failed');
    });

    it('are given up one kind at a time: removed, and nothing else', async () => {
      const [group, ...others] = await groups();
      assert.ok(group !== undefined && others.length > 0);
      const { fingerprint, count, sample_operation_id: sample } = group;
      const filter = { fingerprint };
      const wrong = { filter: { ...filter, status: 'pending' } };
      assertProblem(await send('POST', '/operations:batch-remove', wrong), 'validation_failed');
      const counted = await send('POST', '/operations:batch-remove', { filter, dry_run: true });
      assert.equal((counted.json as WireBatchCount).count, count, counted.text);
      const done = await send('POST', '/operations:batch-remove', { filter });
      assert.deepEqual(done.json, { matched: count, changed: count, skipped: 0, failed: 0 });
      assert.equal((await send('GET', `/operations/${sample}`)).status, 410);
      assert.deepEqual(await groups(), others);
    });
  });
}

describe('Errors by kind', () => {
  it('are of the newest alone when there are very many, and say so', async () => {
    let pages = 0;
    const endless: Pick<Engine, 'list'> = {
      list: async (p) => {
        pages += 1;
        return { operations: [], nextBeforeId: `op_${p.beforeId ?? ''}` };
      },
    };
    const found = await groupErrors(endless, { tenant: '' });
    assert.deepEqual(found, { groups: [], isComplete: false });
    assert.equal(pages, limits.errorScanPages);
  });
});
