import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { limits } from '../core/limits.ts';
import type { WireBatched, WireBatchCount, WireOperation } from '../core/wire-operation.ts';
import { DocumentedAnswers } from './openapi/document.fixture.ts';
import { assertProblem, kit, transports, type Answer, type Kit } from './transports.fixture.ts';

for (const transport of transports) {
  describe(`Batches ${transport.name}`, () => {
    let k: Kit;
    let send: (method: string, target: string, sent?: object) => Promise<Answer>;
    let close: () => Promise<void>;
    before(async () => {
      k = await kit();
      const opened = await transport.open(k.app);
      ({ close } = opened);
      const documented = new DocumentedAnswers((await opened.send('GET', '/openapi.json')).json);
      send = async (method, target, body) => {
        const headers = { 'content-type': 'application/json' };
        const sent = body === undefined ? {} : { headers, body: JSON.stringify(body) };
        const answer = await opened.send(method, target, sent);
        documented.check(method, target, answer);
        return answer;
      };
    });
    after(async () => {
      await close();
      await k.stop();
    });

    const post = (target: string, body: object): Promise<Answer> => send('POST', target, body);
    async function ended(answer: Answer): Promise<WireOperation> {
      assert.equal(answer.status, 202, answer.text);
      const { id } = answer.json as WireOperation;
      await k.engine.waitFor({ id, tenant: '', until: 'final', version: 0, timeoutMs: 10_000 });
      return (await send('GET', `/operations/${id}`)).json as WireOperation;
    }
    const broken = (kind: string): Promise<Answer> => post('/broken', { kind });

    it('tells of a body that is wrong all over only so much', async () => {
      const wrong = Object.fromEntries(Array.from({ length: 5_000 }, (_, i) => [`u${i}`, i]));
      const bodies: readonly (readonly [string, object])[] = [
        ['/operations:batch-cancel', { filter: wrong }],
        ['/operations:batch-retry', { ...wrong, filter: {} }],
        ['/operations:batch-retry', { filter: { input: wrong } }],
        ['/webhooks/endpoints', wrong],
        ['/webhooks/dead-letters/redrive', { filter: wrong }],
      ];
      for (const [target, body] of bodies) {
        const answer = await post(target, body);
        assertProblem(answer, 'validation_failed');
        assert.equal((answer.json as { errors: unknown[] }).errors.length, limits.inputErrors);
      }
    });

    it('count, then retry what a filter finds, as an operation', async () => {
      const failed: string[] = [];
      for (let i = 0; i < 12; i += 1) failed.unshift((await ended(await broken('a'))).id);
      await ended(await broken('b'));
      const filter = { status: 'failed', task: 'broken', input: { kind: 'a' } };
      const counted = await post('/operations:batch-retry', { filter, dry_run: true });
      assert.equal(counted.status, 200, counted.text);
      const { sample, ...rest } = counted.json as WireBatchCount;
      assert.deepEqual(rest, { dry_run: true, count: 12, count_complete: true });
      assert.equal(sample.length, 10);
      assert.ok(sample.every((id) => failed.includes(id)));
      const limited = await post('/operations:batch-retry', { filter, dry_run: true, limit: 3 });
      assert.equal((limited.json as WireBatchCount).count, 3);
      const done = await ended(await post('/operations:batch-retry', { filter }));
      assert.equal(done.task, 'operations.batch-retry');
      assert.equal(done.progress?.total, 12);
      const result: WireBatched = { matched: 12, changed: 12, skipped: 0, failed: 0 };
      assert.deepEqual(done.result, result);
      assert.equal(done.result_url, `/operations/${done.id}/result`);
      assert.deepEqual((await send('GET', done.result_url)).json, result);
      const { json } = await send('GET', '/operations?task=broken&input.kind=a&limit=200');
      const retried = (json as { operations: WireOperation[] }).operations.flatMap(
        (one) => one.retry_of ?? [],
      );
      assert.deepEqual(retried.toSorted(), failed.toSorted());
    });

    it('cancel what a filter finds, and leave alone all else', async () => {
      const label = 'label.batch=cancel';
      const [one, two] = [await post(`/slow/held?${label}`, {}), await post('/slow/held', {})];
      const filter = { labels: { batch: 'cancel' }, status: ['pending', 'processing'] };
      const count = await post('/operations:batch-cancel', { filter, dry_run: true });
      assert.equal((count.json as WireBatchCount).count, 1);
      const done = await ended(await post('/operations:batch-cancel', { filter }));
      assert.deepEqual(done.result, { matched: 1, changed: 1, skipped: 0, failed: 0 });
      assert.equal((await ended(one)).error?.code, 'cancelled');
      const { id } = two.json as WireOperation;
      const left = (await send('GET', `/operations/${id}`)).json as WireOperation;
      assert.equal(left.cancel_requested_at, null);
      await send('POST', `/operations/${id}/cancel`);
    });

    it('leave out a redrive, which would act again or be lost', async () => {
      const target = '/webhooks/dead-letters/redrive';
      const asked = await post(`${target}?delay=1h`, { filter: {}, action: 'discard' });
      const { id } = asked.json as WireOperation;
      const filter = { task: 'webhooks.redrive' };
      const dryRun = async (action: string): Promise<number> => {
        const answer = await post(`/operations:batch-${action}`, { filter, dry_run: true });
        return (answer.json as WireBatchCount).count;
      };
      assert.equal(await dryRun('cancel'), 0);
      await send('POST', `/operations/${id}/cancel`);
      assert.deepEqual([await dryRun('retry'), await dryRun('remove')], [0, 0]);
      for (const action of ['retry', 'remove']) {
        const done = await ended(await post(`/operations:batch-${action}`, { filter }));
        assert.equal((done.result as WireBatched).matched, 0);
      }
      const { json } = await send('GET', '/operations?task=webhooks.redrive');
      const listed = (json as { operations: WireOperation[] }).operations.map((one) => one.id);
      assert.deepEqual(listed, [id]);
    });

    for (const target of ['/operations:batch-remove', '/webhooks/dead-letters/redrive']) {
      it(`are no dry run that acts when ${target} is retried with an edited input`, async () => {
        const waiting = await post(`${target}?delay=1h`, { filter: {} });
        const { id } = waiting.json as WireOperation;
        await send('POST', `/operations/${id}/cancel`);
        const input = { filter: {}, dry_run: true };
        const answer = await post(`/operations/${id}/retry`, { input });
        assertProblem(answer, 'validation_failed');
        assert.match(answer.text, /\/dry_run.*acts, it does not count.*`POST \/[a-z:/-]+`/);
      });
    }

    const refused: [string, unknown, string[]][] = [
      ['retry', {}, ['/filter']],
      ['retry', { filter: {}, dryrun: true }, ['/dryrun']],
      ['retry', { filter: { status: 'pending' } }, ['/filter/status']],
      ['cancel', { filter: { status: ['pending', 'failed'] } }, ['/filter/status']],
      ['remove', { filter: { status: ['completed', 'processing'] } }, ['/filter/status']],
      ['cancel', { filter: { status: [] } }, ['/filter/status']],
      ['cancel', { filter: { status: 'running' } }, ['/filter/status']],
      ['cancel', { filter: { code: 'timeout' } }, ['/filter/code']],
      ['retry', { filter: { code: 'tiemout' } }, ['/filter/code']],
      ['retry', { filter: { since: '2h', q: '' } }, ['/filter/since', '/filter/q']],
      ['retry', { filter: { input: { 'a.0': 'x' } } }, ['/filter/input/a.0']],
      ['retry', { filter: { input: { a: 1 }, labels: [] } }, ['/filter/labels', '/filter/input/a']],
      ['retry', { filter: { error: 'x'.repeat(300) } }, ['/filter/error']],
      ['retry', { filter: { input: { a: 'x'.repeat(300) } } }, ['/filter/input/a']],
      ['retry', { filter: {}, limit: 0 }, ['/limit']],
      ['retry', { filter: {}, limit: 100_001 }, ['/limit']],
      ['cancel', null, ['']],
    ];
    for (const [action, body, pointers] of refused) {
      it(`of ${action} are refused for ${JSON.stringify(body).slice(0, 60)}`, async () => {
        const answer = await post(`/operations:batch-${action}`, body as object);
        assert.equal(answer.status, 422, answer.text);
        assertProblem(answer, 'validation_failed');
        const errors = (answer.json as { errors: { pointer: string }[] }).errors;
        assert.deepEqual(errors.map(({ pointer }) => pointer).toSorted(), pointers.toSorted());
      });
    }

    it('have addresses of their own, with a colon in any form', async () => {
      assert.equal((await send('GET', '/operations:batch-cancel')).status, 405);
      const encoded = await post('/operations%3Abatch-cancel', { filter: {}, dry_run: true });
      assert.equal(encoded.status, 200, encoded.text);
      assert.equal((await send('POST', '/operations:batch-pause', {})).status, 404);
    });
  });
}
