import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { routeTable } from '../routes.ts';
import {
  contextOf,
  kit,
  transports,
  viaFetch,
  type Answer,
  type Kit,
  type Send,
} from '../transports.fixture.ts';

const json = { 'content-type': 'application/json' };
const unknownId = 'op_00000000000000000000000000';
const struct = 'type.googleapis.com/google.protobuf.Struct';

for (const transport of transports) {
  describe(`Views ${transport.name}`, () => {
    let k: Kit;
    let send: Send;
    let close: () => Promise<void>;
    before(async () => {
      k = await kit({ basePath: '/ops' });
      ({ send, close } = await transport.open(k.app));
    });
    after(async () => {
      await k.stop();
      await close();
    });
    const get = (target: string): Promise<Answer> => send('GET', target);
    const post = (target: string, body = '{}'): Promise<Answer> =>
      send('POST', target, { headers: json, body });
    /** Submits to the native path; returns the id once the operation is final. */
    const finished = async (path: string, body?: string): Promise<string> => {
      const { json: operation } = await post(`/ops${path}`, body);
      await ended(operation.id);
      return operation.id;
    };
    const ended = (id: string) =>
      k.engine.waitFor({ id, tenant: '', until: 'final', version: 0, timeoutMs: 5_000 });
    const cancelled = async (): Promise<string> => {
      const { json: operation } = await post('/ops/echo?delay=1h');
      await post(`/ops/operations/${operation.id}/cancel`);
      return operation.id;
    };

    it('every 202 to a submit names the Azure monitor, absolutely', async () => {
      const answer = await post('/ops/echo');
      const url = new URL(answer.headers.get('operation-location')!);
      assert.equal(url.pathname, `/ops/azure/operations/${answer.json.id}`);
      assert.equal((await get(url.pathname)).status, 200);
    });

    it('a host that could lead elsewhere is put into no address', async () => {
      const headers = { ...json, host: 'evil.example/x?' };
      if (transport === viaFetch) return; // there the address of the request is what counts
      const answer = await send('POST', '/ops/echo', { headers, body: '{}' });
      assert.equal(answer.headers.get('operation-location'), null);
    });

    describe('Azure', () => {
      const monitor = (id: string) => get(`/ops/azure/operations/${id}`);

      it('ends in Succeeded with the result, Failed and Canceled with an error', async () => {
        const good = (await monitor(await finished('/echo', '{"a":[1]}'))).json;
        assert.deepEqual(
          [good.status, good.percentComplete, good.result, good.error, good.resourceLocation],
          ['Succeeded', 100, { echo: { a: [1] } }, undefined, undefined],
        );
        const bad = (await monitor(await finished('/broken'))).json;
        assert.deepEqual([bad.status, bad.provisioningState], ['Failed', 'Failed']);
        assert.deepEqual(bad.error, { code: 'task_error', message: 'The printer has no paper.' });
        const away = (await monitor(await cancelled())).json;
        assert.equal(away.status, 'Canceled');
        assert.equal(away.error.code, 'cancelled');
      });

      it('is NotStarted or Running before, with a time to wait', async () => {
        const { json: later } = await post('/ops/echo?delay=1h');
        const waiting = await monitor(later.id);
        assert.equal(waiting.json.status, 'NotStarted');
        assert.match(waiting.headers.get('retry-after')!, /^[1-9]\d*$/);
        const { json: held } = await post('/ops/slow/held');
        await k.engine.waitFor({
          id: held.id,
          tenant: '',
          until: 'change',
          version: 1,
          timeoutMs: 5_000,
        });
        assert.equal((await monitor(held.id)).json.status, 'Running');
        const answer = await post(`/ops/azure/operations/${held.id}:cancel`);
        assert.equal(answer.status, 200);
        await ended(held.id);
        assert.equal((await monitor(held.id)).json.status, 'Canceled');
      });

      it('tells where a file is, and puts large JSON in whole', async () => {
        const { result } = (await monitor(await finished('/digits'))).json;
        assert.equal(result.content_type, 'text/plain; charset=utf-8');
        assert.equal((await get(new URL(result.url).pathname)).text, '0123456789');
        const big = (await monitor(await finished('/big'))).json;
        assert.ok(big.result.list?.length === 200_000 || typeof big.result.url === 'string');
      });

      it('submits without a Location, and says errors as Azure does', async () => {
        const answer = await post('/ops/azure/echo');
        assert.equal(answer.status, 202);
        assert.equal(answer.headers.get('location'), null);
        assert.ok(answer.headers.get('operation-location')!.endsWith(answer.json.id));
        const missing = await monitor(unknownId);
        assert.equal(missing.status, 404);
        assert.equal(missing.json.error.code, 'operation_not_found');
        assert.equal(missing.headers.get('x-ms-error-code'), 'operation_not_found');
        const wrong = await post('/ops/azure/strict', '{"from":1}');
        assert.equal(wrong.status, 422);
        assert.equal(wrong.json.error.details[0].target, '/from');
        assert.equal((await post(`/ops/azure/operations/${unknownId}:explode`)).status, 404);
      });
    });

    describe('Google', () => {
      const read = (id: string) => get(`/ops/v1/operations/${id}`);

      it('is done with a response or an error, both as types anyone can read', async () => {
        const good = (await read(await finished('/echo', '{"a":1}'))).json;
        assert.equal(good.done, true);
        assert.deepEqual(good.response, { '@type': struct, value: { echo: { a: 1 } } });
        assert.equal(good.metadata['@type'], struct);
        const bad = (await read(await finished('/broken'))).json;
        assert.deepEqual([bad.done, bad.error.code, bad.response], [true, 2, undefined]);
        // Only Struct, because a client that does not know the type of one Any cannot read the
        // operation at all.
        assert.deepEqual(bad.error.details, [
          {
            '@type': struct,
            value: { reason: 'TASK_ERROR', domain: 'raincheck', title: 'Out of paper' },
          },
        ]);
        assert.equal((await read(await cancelled())).json.error.code, 1);
      });

      it('is found under its name in one segment, cancels, waits and forgets', async () => {
        const { json: held } = await post('/ops/slow/held');
        const name = `operations%2F${held.id}`;
        assert.equal((await get(`/ops/v1/${name}`)).json.done, false);
        const waited = await post(`/ops/v1/${name}:wait`, '{"timeout":"0.01s"}');
        assert.equal(waited.json.done, false);
        assert.deepEqual((await send('DELETE', `/ops/v1/${name}`)).json, {});
        assert.equal((await get(`/ops/v1/${name}`)).json.done, false, 'forgetting cancels nothing');
        for (const verb of ['', ':', ':stop', ':cancel:wait', ':cancel:']) {
          assert.equal((await post(`/ops/v1/operations/${held.id}${verb}`)).status, 404, verb);
        }
        assert.equal((await get(`/ops/v1/${name}`)).json.metadata.value.cancelRequested, false);
        assert.deepEqual((await post(`/ops/v1/operations/${held.id}:cancel`)).json, {});
        await ended(held.id);
        assert.equal((await get(`/ops/v1/${name}`)).json.error.code, 1);
        assert.deepEqual((await send('DELETE', `/ops/v1/${name}`)).json, {});
        assert.equal((await get(`/ops/v1/${name}`)).status, 410);
      });

      it('lists by pages and filters, and submits with 200', async () => {
        const made = await post('/ops/v1/echo', '{"list":1}');
        assert.equal(made.status, 200);
        assert.match(made.json.name, /^operations\/op_/);
        await ended(made.json.name.slice('operations/'.length));
        await finished('/echo');
        const seen: string[] = [];
        let token = '';
        do {
          const filter = encodeURIComponent('done=true AND task="echo"');
          const page = await get(
            `/ops/v1/operations?pageSize=2&filter=${filter}&pageToken=${token}`,
          );
          assert.ok(page.json.operations.length <= 2);
          seen.push(...page.json.operations.map((one: { name: string }) => one.name));
          token = page.json.nextPageToken;
        } while (token !== '');
        assert.equal(new Set(seen).size, seen.length);
        assert.ok(seen.includes(made.json.name));
      });

      it('says errors as AIP-193 has them', async () => {
        const missing = await read(unknownId);
        assert.deepEqual(
          [missing.status, missing.json.error.code, missing.json.error.status],
          [404, 404, 'NOT_FOUND'],
        );
        const wrong = await post('/ops/v1/strict', '{"from":1}');
        assert.equal(wrong.json.error.status, 'INVALID_ARGUMENT');
        assert.equal(wrong.json.error.details[1].fieldViolations[0].field, '/from');
        for (const query of ['pageSize=x', 'filter=color%3Dred', 'pageToken=zzz']) {
          assert.equal((await get(`/ops/v1/operations?${query}`)).status, 400, query);
        }
      });
    });

    describe('RFC 7240', () => {
      const monitor = (id: string) => get(`/ops/async/operations/${id}`);

      it('leads from the 202 to exactly what was made', async () => {
        const headers = { ...json, prefer: 'respond-async' };
        const answer = await send('POST', '/ops/async/slow/held', { headers, body: '{}' });
        assert.equal(answer.status, 202);
        assert.equal(answer.headers.get('preference-applied'), 'respond-async');
        const url = answer.headers.get('location')!;
        assert.equal(answer.headers.get('content-location'), url);
        assert.equal(answer.headers.get('operation-location'), null);
        const { pathname: location } = new URL(url); // absolute: not every client resolves
        const running = await get(location);
        assert.equal(running.status, 202);
        assert.equal(running.headers.get('location'), url);
        assert.match(running.headers.get('retry-after')!, /^[1-9]\d*$/);
        assert.equal((await send('DELETE', location)).status, 202);
        await ended(answer.json.id);
        assert.equal((await get(location)).json.code, 'cancelled');
        assert.equal((await send('DELETE', location)).status, 204);
        assert.equal((await get(location)).status, 410);
        const made = await monitor(await finished('/digits'));
        assert.deepEqual([made.status, made.text], [200, '0123456789']);
        const broken = await monitor(await finished('/broken'));
        assert.deepEqual([broken.status, broken.json.title], [422, 'Out of paper']);
      });
    });
  });
}

it('every address of a view stands in docs/compatibility.md, and no other', async () => {
  const k = await kit();
  const routed = routeTable(contextOf(k))
    .all.filter(({ audience }) => audience === 'otherClients')
    .map(({ pattern }) => {
      const tasks = [...k.engine.tasks.values()].toSorted((a, b) => b.path.length - a.path.length);
      const task = tasks.find(({ path }) => pattern.endsWith(path));
      const named = task === undefined ? pattern : pattern.replace(task.path, '{task.path}');
      return named.replaceAll(/:(\w+)/g, '{$1}');
    });
  await k.stop();
  const text = readFileSync(new URL('../../../docs/compatibility.md', import.meta.url), 'utf8');
  const [table = ''] = text.split('## Clients');
  const written = [...table.matchAll(/`(?:[A-Z]+ )?(\/[^`:?]+)[^`]*`/g)].map(
    ([, path = '']) => path,
  );
  assert.deepEqual([...new Set(written)].toSorted(), [...new Set(routed)].toSorted());
});
