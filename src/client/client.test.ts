import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import { describe, it } from 'node:test';
import { scriptedServer, type Scripted, type Seen } from '../../test/support/scripted-server.ts';
import {
  completed,
  failed,
  sampleId,
  wireOperation,
  wireTask,
} from '../../test/support/wire-samples.ts';
import type { Clock } from '../core/clock.ts';
import { createClient } from './client.ts';
import { NetworkError, OperationFailed, ProblemError, WaitTimeout } from './problem.ts';

/** A clock whose sleeps take no time. They are recorded, and now() adds them up. */
function skippingClock(): Clock & { readonly slept: number[] } {
  const slept: number[] = [];
  return {
    slept,
    now: () => slept.reduce((sum, ms) => sum + ms, 1_000_000),
    async sleep(ms) {
      slept.push(ms);
      await turn();
    },
  };
}

const accepted = (members = {}): Scripted => ({ status: 202, body: wireOperation(members) });

function taskOr(answer: (request: Seen, number: number) => Scripted) {
  let number = 0;
  return (request: Seen): Scripted => {
    if (request.path.startsWith('/tasks/')) return { status: 200, body: wireTask() };
    number += 1;
    return answer(request, number);
  };
}

it('a client refuses to be made without an address, or with a name it does not know', () => {
  const make = createClient as (options?: object) => unknown;
  assert.throws(() => make(), { code: 'invalid_option', message: /`baseUrl`/ });
  const mistyped = { baseUrl: 'http://127.0.0.1:1', tokn: 'secret' };
  assert.throws(() => make(mistyped), { code: 'invalid_option', message: /Did you mean `token`/ });
});

it('run and submit refuse an option they do not know, before anything is sent', async () => {
  await using server = await scriptedServer(() => assert.fail('nothing is sent'));
  const client = createClient({ baseUrl: server.url });
  const refused = (options: object, message: RegExp) =>
    assert.rejects(client.run('countdown', {}, options), { code: 'invalid_option', message });
  await refused({ timout: 5 }, /`timout` in the options of run\(\)\. Did you mean `timeout`/);
  await assert.rejects(client.submit('countdown', {}, { dealy: 5 } as object), /`delay`/);
});

describe('submit', () => {
  it('posts the input to the path of the task, options in the query, with a random key', async () => {
    await using server = await scriptedServer(taskOr(() => accepted()));
    const client = createClient({ baseUrl: server.url, token: 'secret' });
    const handle = await client.submit(
      'countdown',
      { seconds: 3 },
      { priority: 5, delay: 1500, deadline: '1h', labels: { team: 'acme' } },
    );
    assert.equal(handle.id, sampleId);
    assert.equal(handle.url, `${server.url}/operations/${sampleId}`);
    const [task, post] = server.seen;
    assert.equal(task?.path, '/tasks/countdown');
    assert.equal(post?.path, '/countdown');
    assert.deepEqual(post?.body, { seconds: 3 });
    assert.deepEqual(Object.fromEntries(post?.query ?? []), {
      priority: '5',
      delay: '1500ms',
      deadline: '1h',
      'label.team': 'acme',
    });
    assert.match(String(post?.headers['idempotency-key']), /^"[0-9a-f]{32}"$/);
    assert.equal(post?.headers.authorization, 'Bearer secret');
  });

  it('asks for the path of a task once', async () => {
    await using server = await scriptedServer(taskOr(() => accepted()));
    const client = createClient({ baseUrl: server.url });
    await client.submit('countdown', {});
    await client.submit('countdown', {});
    assert.deepEqual(
      server.seen.map((request) => request.path),
      ['/tasks/countdown', '/countdown', '/countdown'],
    );
  });

  it('lets a submit that is given up leave alone the others that wait for the same path', async () => {
    const asked = Promise.withResolvers<void>();
    const answer = Promise.withResolvers<void>();
    await using server = await scriptedServer(async (request) => {
      if (!request.path.startsWith('/tasks/')) return accepted();
      asked.resolve();
      await answer.promise;
      return { status: 200, body: wireTask() };
    });
    const client = createClient({ baseUrl: server.url });
    const stop = new AbortController();
    const reason = new Error('the page was left');
    const first = client.submit('countdown', {}, { signal: stop.signal });
    const second = client.submit('countdown', {});
    await asked.promise;
    stop.abort(reason);
    await assert.rejects(first, (error) => error === reason);
    answer.resolve();
    assert.equal((await second).id, sampleId);
    await assert.rejects(client.submit('countdown', {}, { signal: stop.signal }), reason);
    assert.deepEqual(
      server.seen.map((request) => request.path),
      ['/tasks/countdown', '/countdown'],
    );
  });

  it('does not take any JSON for a task, a list of tasks or a page', async () => {
    await using server = await scriptedServer(() => ({ status: 200, body: { path: 7 } }));
    const client = createClient({ baseUrl: server.url });
    const refused = { name: 'ProblemError', message: /did not answer as a Raincheck server/ };
    await assert.rejects(client.submit('countdown', {}), refused);
    await assert.rejects(client.task('countdown'), refused);
    await assert.rejects(client.tasks(), refused);
    await assert.rejects(client.list(), refused);
  });

  it('asks again with the same key when the answer was lost or the server is busy', async () => {
    const script: Scripted[] = [
      'hang up',
      { status: 503, headers: { 'retry-after': '3' }, body: { code: 'queue_full' } },
      { status: 502, body: '<html>bad gateway</html>' },
      accepted(),
    ];
    await using server = await scriptedServer(taskOr((_, n) => script[n - 1] ?? 'hang'));
    const clock = skippingClock();
    const handle = await createClient({ baseUrl: server.url, clock }).submit('countdown', {});
    assert.equal(handle.id, sampleId);
    const keys = server.seen.slice(1).map((request) => request.headers['idempotency-key']);
    assert.equal(keys.length, 4);
    assert.equal(new Set(keys).size, 1);
    assert.equal(clock.slept[1], 3000, 'Retry-After is honoured');
  });

  it('gives up when its patience is over, with the last problem', async () => {
    await using server = await scriptedServer(
      taskOr(() => ({
        status: 503,
        headers: { 'retry-after': '4' },
        body: { code: 'queue_full', title: 'Queue is full', detail: 'No room.' },
      })),
    );
    const clock = skippingClock();
    const client = createClient({ baseUrl: server.url, clock, patience: '10s' });
    await assert.rejects(client.submit('countdown', {}), (error) => {
      assert.ok(error instanceof ProblemError);
      assert.equal(error.code, 'queue_full');
      assert.equal(error.status, 503);
      assert.equal(error.message, 'No room.');
      return true;
    });
    assert.deepEqual(clock.slept, [4000, 4000]);
  });

  it('does not ask again when the input is wrong, and names the fields', async () => {
    const errors = [{ pointer: '/seconds', detail: 'Expected a number' }];
    await using server = await scriptedServer(
      taskOr(() => ({ status: 422, body: { code: 'validation_failed', errors } })),
    );
    const client = createClient({ baseUrl: server.url });
    await assert.rejects(client.submit('countdown', {}), (error) => {
      assert.ok(error instanceof ProblemError);
      assert.deepEqual(error.problem.errors, errors);
      return true;
    });
    assert.equal(server.seen.length, 2);
  });

  it('is a NetworkError with the address when nobody listens', async () => {
    const server = await scriptedServer(() => 'hang');
    await server[Symbol.asyncDispose]();
    const client = createClient({ baseUrl: server.url, patience: 0 });
    await assert.rejects(client.submit('countdown', {}), (error) => {
      assert.ok(error instanceof NetworkError);
      assert.match(error.message, /No answer from http:.*ECONNREFUSED/);
      return true;
    });
  });
});

describe('wait', () => {
  it('looks at once, then waits for each change by ETag until the end', async () => {
    const headers = { 'preference-applied': 'wait=25' };
    const script: Scripted[] = [
      { status: 200, body: wireOperation(), headers: { etag: '"1"' } },
      {
        status: 200,
        body: wireOperation({ status: 'processing' }),
        headers: { ...headers, etag: '"2"' },
      },
      { status: 304, headers: { ...headers, etag: '"2"' } },
      { status: 200, body: completed({ slept: 3 }), headers: { ...headers, etag: '"3"' } },
    ];
    await using server = await scriptedServer((_, n) => script[n - 1] ?? 'hang');
    const clock = skippingClock();
    const states: string[] = [];
    const handle = createClient({ baseUrl: server.url, clock }).operation(sampleId);
    const operation = await handle.wait({ onChange: ({ status }) => states.push(status) });
    assert.equal(operation.status, 'completed');
    assert.deepEqual(states, ['pending', 'processing', 'completed']);
    assert.deepEqual(
      server.seen.map(({ headers }) => [headers.prefer, headers['if-none-match']]),
      [
        [undefined, undefined],
        ['wait=25', '"1"'],
        ['wait=25', '"2"'],
        ['wait=25', '"2"'],
      ],
    );
  });

  it('polls by Retry-After where the server does not wait', async () => {
    const pending: Scripted = {
      status: 200,
      body: wireOperation(),
      headers: { 'retry-after': '7' },
    };
    await using server = await scriptedServer((_, n) =>
      n < 4 ? pending : { status: 200, body: completed(1) },
    );
    const clock = skippingClock();
    await createClient({ baseUrl: server.url, clock }).operation(sampleId).wait();
    assert.deepEqual(clock.slept, [7000, 7000]);
  });

  it('polls to the millisecond where the server says so, and as late as a full budget puts it off', async () => {
    const waits = ['1234', '450000', '1e9', 'soon'];
    await using server = await scriptedServer((_, n) =>
      n <= waits.length + 1
        ? {
            status: 200,
            body: wireOperation(),
            headers: { 'retry-after': '7', 'retry-after-ms': waits[Math.max(0, n - 2)] ?? '' },
          }
        : { status: 200, body: completed(1) },
    );
    const clock = skippingClock();
    await createClient({ baseUrl: server.url, clock }).operation(sampleId).wait();
    assert.deepEqual(clock.slept, [1234, 450_000, 960_000, 7000]);
  });

  it('never spins on a server that answers every wait at once', async () => {
    const headers = { 'preference-applied': 'wait=25' };
    await using server = await scriptedServer((_, n) =>
      n < 30
        ? { status: 200, body: wireOperation({ priority: n }), headers }
        : { status: 200, body: completed(1) },
    );
    const clock = skippingClock();
    await createClient({ baseUrl: server.url, clock }).operation(sampleId).wait();
    assert.ok(clock.slept.filter((ms) => ms === 250).length >= 20, String(clock.slept));
  });

  it('lasts through lost connections, gateways and overload, however long', async () => {
    const script: Scripted[] = [
      'hang up',
      { status: 502, body: 'bad gateway' },
      { status: 429, headers: { 'retry-after': '20' }, body: {} },
      { status: 503, headers: { 'retry-after': '60' }, body: {} },
      { status: 504, body: 'gateway timeout' },
      { status: 200, body: completed('done') },
    ];
    await using server = await scriptedServer((_, n) => script[n - 1] ?? 'hang');
    const clock = skippingClock();
    const troubles: number[] = [];
    const client = createClient({
      baseUrl: server.url,
      clock,
      onRetry: ({ delayMs }) => troubles.push(delayMs),
    });
    assert.equal(await client.operation(sampleId).result(), 'done');
    assert.deepEqual(troubles.slice(2, 4), [20_000, 60_000]);
    assert.equal(troubles.length, 5);
  });

  it('goes by a Retry-After that is a date, as the server tells the time', async () => {
    const at = (seconds: number): string =>
      new Date(1_800_000_000_000 + seconds * 1000).toUTCString();
    const script: Scripted[] = [
      { status: 200, body: wireOperation(), headers: { date: at(0), 'retry-after': at(1) } },
      { status: 200, body: wireOperation(), headers: { date: at(0), 'retry-after': at(9) } },
      { status: 503, body: {}, headers: { date: at(9), 'retry-after': at(13) } },
      { status: 200, body: wireOperation(), headers: { date: at(13), 'retry-after': at(2) } },
      { status: 200, body: completed(1) },
    ];
    await using server = await scriptedServer((_, n) => script[n - 1] ?? 'hang');
    const clock = skippingClock();
    await createClient({ baseUrl: server.url, clock }).operation(sampleId).wait();
    assert.deepEqual(clock.slept, [9_000, 4_000, 1_000]);
  });

  it('lasts through a server that breaks now and then, not through one that is broken for good', async () => {
    const broken: Scripted = { status: 500, body: { code: 'internal', title: 'Internal error' } };
    let answers = 0;
    await using server = await scriptedServer(() => {
      answers += 1;
      if (answers % 3 !== 0) return broken;
      return { status: 200, body: answers < 30 ? wireOperation() : completed('mended') };
    });
    const client = createClient({ baseUrl: server.url, clock: skippingClock(), patience: '2s' });
    assert.equal(await client.operation(sampleId).result(), 'mended');
    answers = Number.NaN; // from now on nothing but 500
    const clock = skippingClock();
    const hopeless = createClient({ baseUrl: server.url, clock, patience: '5s' });
    await assert.rejects(hopeless.operation(sampleId).wait(), { status: 500, code: 'internal' });
    const total = clock.slept.reduce((sum, ms) => sum + ms, 0);
    assert.ok(clock.slept.length >= 3 && total <= 5_000, String(clock.slept));
  });

  for (const status of [401, 403, 404, 410, 500]) {
    it(`stops at once on ${status}`, async () => {
      await using server = await scriptedServer(() => ({ status, body: { code: 'x' } }));
      const handle = createClient({ baseUrl: server.url }).operation(sampleId);
      await assert.rejects(handle.wait(), { name: 'ProblemError', status });
      assert.equal(server.seen.length, 1);
    });
  }

  it('ends with WaitTimeout while the operation keeps running, and tells how to come back', async () => {
    await using server = await scriptedServer((request) =>
      request.headers.prefer === undefined ? { status: 200, body: wireOperation() } : 'hang',
    );
    const handle = createClient({ baseUrl: server.url }).operation(sampleId);
    await assert.rejects(handle.wait({ timeout: 50 }), (error) => {
      assert.ok(error instanceof WaitTimeout);
      assert.equal(error.url, `${server.url}/operations/${sampleId}`);
      assert.equal(error.operation.status, 'pending');
      return true;
    });
  });

  it('looks once with a timeout of 0', async () => {
    await using server = await scriptedServer(() => ({ status: 200, body: completed('there') }));
    const handle = createClient({ baseUrl: server.url }).operation(sampleId);
    assert.equal((await handle.wait({ timeout: 0 })).status, 'completed');
  });

  it('rejects with the reason of its signal', async () => {
    await using server = await scriptedServer((_, n) =>
      n === 1 ? { status: 200, body: wireOperation() } : 'hang',
    );
    const stop = new AbortController();
    const reason = new Error('the page was left');
    const wait = createClient({ baseUrl: server.url })
      .operation(sampleId)
      .wait({ signal: stop.signal, onChange: () => stop.abort(reason) });
    await assert.rejects(wait, (error) => error === reason);
  });
});

describe('result', () => {
  it('takes null for a result', async () => {
    await using server = await scriptedServer(() => ({ status: 200, body: completed(null) }));
    assert.equal(await createClient({ baseUrl: server.url }).operation(sampleId).result(), null);
  });

  it('fetches what is not inlined: JSON parsed, anything else as a File of its name', async () => {
    const { result: _, ...large } = completed(0);
    let headers: Record<string, string> = { 'content-type': 'application/json' };
    await using server = await scriptedServer((request) =>
      request.path.startsWith('/operations/')
        ? { status: 200, body: large }
        : { status: 200, body: '[1,2]', headers },
    );
    const handle = createClient({ baseUrl: server.url }).operation(sampleId);
    assert.deepEqual(await handle.result(), [1, 2]);
    headers = {
      'content-type': 'application/pdf',
      'content-disposition': `attachment; filename="x.pdf"; filename*=UTF-8''sales%20%E2%82%AC.pdf`,
    };
    const file = await handle.result();
    assert.ok(file instanceof File);
    assert.equal(file.name, 'sales €.pdf');
    assert.equal(file.type, 'application/pdf');
    assert.equal(await file.text(), '[1,2]');
  });

  it('rejects with OperationFailed and its code', async () => {
    await using server = await scriptedServer(() => ({ status: 200, body: failed('timeout') }));
    const handle = createClient({ baseUrl: server.url }).operation(sampleId);
    await assert.rejects(handle.result(), (error) => {
      assert.ok(error instanceof OperationFailed);
      assert.equal(error.code, 'timeout');
      assert.equal(error.message, 'UpstreamError 503');
      return true;
    });
  });
});

describe('run', () => {
  it('submits, reports progress as it changes, and gives the result', async () => {
    const at = '2026-01-01T00:00:01.000Z';
    const progress = (fraction: number) => ({
      fraction,
      message: null,
      current: null,
      total: null,
      updated_at: at,
    });
    const script = [0.25, 0.25, 0.5].map((fraction) =>
      wireOperation({ status: 'processing', progress: progress(fraction) }),
    );
    await using server = await scriptedServer(
      taskOr((request, n) => {
        if (request.method === 'POST') return accepted();
        const body = script[n - 2] ?? completed({ slept: 3 });
        return { status: 200, body };
      }),
    );
    const seen: (number | null)[] = [];
    const client = createClient({ baseUrl: server.url, clock: skippingClock() });
    const result = await client.run(
      'countdown',
      { seconds: 3 },
      { onProgress: ({ fraction }) => seen.push(fraction) },
    );
    assert.deepEqual(result, { slept: 3 });
    assert.deepEqual(seen, [0.25, 0.5]);
  });
});

describe('cancel and retry', () => {
  it('cancels by POST and gives the operation', async () => {
    await using server = await scriptedServer(() => ({ status: 200, body: failed('cancelled') }));
    const operation = await createClient({ baseUrl: server.url }).operation(sampleId).cancel();
    assert.equal(operation.error?.code, 'cancelled');
    assert.equal(server.seen[0]?.path, `/operations/${sampleId}/cancel`);
  });

  it('asks again for a retry whose answer was lost, under the same Idempotency-Key', async () => {
    await using server = await scriptedServer((_, number) =>
      number === 1 ? 'hang up' : accepted({ id: 'op_new' }),
    );
    const handle = createClient({ baseUrl: server.url, clock: skippingClock() }).operation(
      sampleId,
    );
    assert.equal((await handle.retry()).id, 'op_new');
    const keys = server.seen.map(({ headers }) => headers['idempotency-key']);
    assert.equal(keys.length, 2);
    assert.ok(keys[0] !== undefined && keys[0] === keys[1]);
  });

  it('retries with another input inside `input`', async () => {
    await using server = await scriptedServer(() => accepted({ id: 'op_new' }));
    const handle = createClient({ baseUrl: server.url }).operation(sampleId);
    const again = await handle.retry({ seconds: 1 });
    assert.equal(again.id, 'op_new');
    assert.deepEqual(server.seen[0]?.body, { input: { seconds: 1 } });
  });
});

describe('remove', () => {
  it('is null for what is gone, the operation for what is cancelled instead', async () => {
    const script: Scripted[] = [
      { status: 202, body: wireOperation({ status: 'processing' }) },
      'hang up',
      { status: 410, body: { code: 'operation_gone', title: 'Gone' } },
      { status: 204 },
      { status: 404, body: { code: 'operation_not_found', title: 'No such operation' } },
    ];
    await using server = await scriptedServer((_, n) => script[n - 1] ?? 'hang');
    const handle = createClient({ baseUrl: server.url, clock: skippingClock() }).operation(
      sampleId,
    );
    assert.equal((await handle.remove())?.status, 'processing');
    assert.equal(await handle.remove(), null, 'the answer of the first try was lost');
    assert.equal(await handle.remove(), null);
    await assert.rejects(handle.remove(), { code: 'operation_not_found' });
    assert.deepEqual(new Set(server.seen.map(({ method }) => method)), new Set(['DELETE']));
  });
});

describe('every call', () => {
  it('can be given up by its signal, and rejects with its reason', async () => {
    await using server = await scriptedServer(() => 'hang');
    // The lookup of the task goes on, and with the default patience it would outlive the test.
    const client = createClient({ baseUrl: server.url, patience: 0 });
    const handle = client.operation(sampleId);
    const reason = new Error('the page was left');
    type Call = (options: { signal: AbortSignal }) => Promise<unknown>;
    const calls: Record<string, Call> = {
      submit: (options) => client.submit('countdown', {}, options),
      list: (options) => client.list(options),
      tasks: (options) => client.tasks(options),
      task: (options) => client.task('countdown', options),
      status: (options) => handle.status(options),
      wait: (options) => handle.wait(options),
      result: (options) => handle.result(options),
      download: (options) => handle.download(options),
      cancel: (options) => handle.cancel(options),
      retry: (options) => handle.retry(undefined, options),
      remove: (options) => handle.remove(options),
    };
    for (const [name, call] of Object.entries(calls)) {
      const stop = new AbortController();
      const pending = call({ signal: stop.signal });
      stop.abort(reason);
      await assert.rejects(pending, (error) => error === reason, name);
    }
  });
});

it('lists by every filter of the server', async () => {
  await using server = await scriptedServer(() => ({
    status: 200,
    body: { operations: [], next_cursor: null },
  }));
  const since = new Date(0);
  const client = createClient({ baseUrl: server.url });
  const page = await client.list({
    status: 'failed',
    q: 'acme',
    since,
    labels: { a: 'b' },
    error: 'ECONN',
    input: { 'user.id': '42' },
    limit: 5,
  });
  assert.deepEqual(page, { operations: [], next_cursor: null });
  assert.deepEqual(Object.fromEntries(server.seen[0]?.query ?? []), {
    status: 'failed',
    q: 'acme',
    limit: '5',
    since: '1970-01-01T00:00:00.000Z',
    'label.a': 'b',
    error: 'ECONN',
    'input.user.id': '42',
  });
});

describe('addresses', () => {
  it('keeps the base path, whether the server writes it or not', async () => {
    await using server = await scriptedServer((request) => {
      if (request.path === '/ops/tasks/countdown') return { status: 200, body: wireTask() };
      return accepted({ status_url: `/ops/operations/${sampleId}` });
    });
    const client = createClient({ baseUrl: `${server.url}/ops/` });
    const handle = await client.submit('countdown', {});
    assert.equal(server.seen[1]?.path, '/ops/countdown');
    assert.equal(handle.url, `${server.url}/ops/operations/${sampleId}`);
    assert.equal(client.operation(handle.url).id, sampleId);
    assert.equal(client.operation(sampleId).url, handle.url);
  });

  it('never sends the token to another server', () => {
    const client = createClient({ baseUrl: 'http://127.0.0.1:1', token: 'secret' });
    assert.throws(() => client.operation('https://evil.example/operations/op_1'), /not sent else/);
    assert.equal(
      client.operation('//evil.example/op_1').url,
      'http://127.0.0.1:1//evil.example/op_1',
    );
  });

  it('does not follow redirects', async () => {
    await using other = await scriptedServer(() => ({ status: 200, body: completed(1) }));
    await using server = await scriptedServer(() => ({
      status: 302,
      headers: { location: other.url },
    }));
    const handle = createClient({ baseUrl: server.url, token: 'secret' }).operation(sampleId);
    await assert.rejects(handle.status(), { name: 'ProblemError', status: 302 });
    assert.equal(other.seen.length, 0);
  });

  it('says so when something else answers with a page', async () => {
    await using server = await scriptedServer(() => ({ status: 200, body: 'hello' }));
    const handle = createClient({ baseUrl: server.url }).operation(sampleId);
    await assert.rejects(handle.status(), /Is the address right\?/);
  });

  it('does not wait for ever on JSON that is no operation', async () => {
    await using server = await scriptedServer(() => ({ status: 200, body: { ok: true } }));
    const handle = createClient({ baseUrl: server.url }).operation(sampleId);
    await assert.rejects(handle.wait(), /Is the address right\?/);
  });

  it('finds the operation by the address of its result too', () => {
    const client = createClient({ baseUrl: 'http://127.0.0.1:1/ops' });
    const status = `http://127.0.0.1:1/ops/operations/${sampleId}`;
    assert.equal(client.operation(`http://127.0.0.1:1/ops/reports/${sampleId}`).url, status);
    assert.equal(client.operation(`/ops/operations/${sampleId}`).url, status);
  });

  it('quotes an idempotency key, and refuses one that cannot stand in a header', async () => {
    await using server = await scriptedServer(taskOr(() => accepted()));
    const client = createClient({ baseUrl: server.url });
    await client.submit('countdown', {}, { idempotencyKey: 'a "b" \\c' });
    assert.equal(server.seen[1]?.headers['idempotency-key'], String.raw`"a \"b\" \\c"`);
    await assert.rejects(client.submit('countdown', {}, { idempotencyKey: 'ü' }), {
      code: 'invalid_option',
    });
  });

  it('refuses a base address with a password in it', () => {
    assert.throws(() => createClient({ baseUrl: 'http://me:pw@host' }), /without a password/);
  });
});
