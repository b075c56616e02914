import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { errorTable } from '../core/errors.ts';
import { ManualClock } from '../testing/manual-clock.ts';
import { DocumentedAnswers } from './openapi/document.fixture.ts';
import {
  assertProblem,
  digits,
  kit,
  transports,
  type Answer,
  type Kit,
  type Send,
  type Transport,
} from './transports.fixture.ts';

const json = { 'content-type': 'application/json' };
const unknownId = 'op_00000000000000000000000000';

for (const transport of transports) describe(`HTTP ${transport.name}`, () => suite(transport));

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

  const submit = (target: string, body = '{}', headers = {}): Promise<Answer> =>
    send('POST', target, { headers: { ...json, ...headers }, body });
  const submitted = async (target: string, body?: string): Promise<string> => {
    const answer = await submit(target, body);
    assert.equal(answer.status, 202, answer.text);
    return answer.json.id as string;
  };
  /** Submits and waits for the end. */
  const finished = async (target: string, body?: string): Promise<string> => {
    const answer = await submit(target, body, { prefer: 'wait=30' });
    return answer.headers.get('location')!.slice('/operations/'.length);
  };
  const get = (target: string, headers = {}): Promise<Answer> => send('GET', target, { headers });

  describe('the input of an operation', () => {
    it('is what was submitted, as it was accepted', async () => {
      const id = await submitted('/slow/held', '{"n": 1}');
      const answer = await get(`/operations/${id}/input`);
      assert.equal(answer.status, 200);
      assert.deepEqual(answer.json, { n: 1 });
      assertProblem(await get(`/operations/${unknownId}/input`), 'operation_not_found');
    });
  });

  describe('a submit', () => {
    it('is answered 202 with the operation, its address and a time to wait', async () => {
      const answer = await submit('/slow/held', '{"n":1}');
      assert.equal(answer.status, 202);
      const operation = answer.json;
      assert.equal(answer.headers.get('location'), operation.status_url);
      assert.equal(operation.status_url, `/operations/${operation.id}`);
      assert.equal(operation.operation_id, operation.id);
      assert.equal(operation.task, 'held');
      assert.match(operation.status, /^(pending|processing)$/);
      assert.equal(operation.cancel_url, `${operation.status_url}/cancel`);
      assert.equal(operation.result_url, null);
      assert.match(answer.headers.get('retry-after')!, /^[1-9]\d*$/);
      assert.equal(answer.headers.get('content-type'), 'application/json');
      assert.equal(operation.estimate.basis, 'declared');
      assert.match(operation.created_at, /^\d{4}-\d\d-\d\dT.*Z$/);
    });

    it('without a body is a submit of {}', async () => {
      const answer = await send('POST', '/echo', { headers: { prefer: 'wait=30' } });
      assert.deepEqual(answer.json, { echo: {} });
    });

    it('takes any JSON where the task has no schema', async () => {
      for (const body of ['null', '0', '"x"', '[]', '{"a":{"b":[1]}}']) {
        const answer = await submit('/echo', body, { prefer: 'wait=30' });
        assert.deepEqual(answer.json, { echo: JSON.parse(body) });
      }
    });

    it('that waits gets the result itself', async () => {
      const answer = await submit('/echo', '{"a":1}', { prefer: 'respond-async, wait=30' });
      assert.equal(answer.status, 200);
      assert.deepEqual(answer.json, { echo: { a: 1 } });
      const id = answer.headers.get('location')!.slice('/operations/'.length);
      assert.equal(answer.headers.get('content-location'), `/echo/${id}`);
      assert.equal(answer.headers.get('preference-applied'), 'wait=30');
    });

    it('that waits gets the recorded problem of one that failed', async () => {
      const answer = await submit('/broken', '{}', { prefer: 'wait=30' });
      assert.equal(answer.status, 422);
      assertProblem(answer, 'task_error');
      assert.ok(answer.headers.get('location'));
    });

    it('that waits in vain gets the 202', async () => {
      const answer = await submit('/slow/held', '{}', { prefer: 'respond-async,wait=0' });
      assert.equal(answer.status, 202);
      assert.equal(answer.headers.get('preference-applied'), 'respond-async, wait=0');
    });

    it('at /async never waits', async () => {
      const answer = await submit('/echo/async', '{}', { prefer: 'wait=30, respond-async' });
      assert.equal(answer.status, 202);
      assert.equal(answer.headers.get('preference-applied'), 'respond-async');
    });

    it('takes its options from the query', async () => {
      const query = 'priority=7&delay=1h&deadline=2h&label.team=acme&label.x=1&whatever=%00';
      const { json: operation } = await submit(`/echo?${query}`);
      assert.equal(operation.priority, 7);
      assert.equal(operation.status, 'pending');
      assert.deepEqual(operation.labels, { team: 'acme', x: '1' });
      const delayMs = Date.parse(operation.ready_at) - Date.parse(operation.created_at);
      assert.ok(Math.abs(delayMs - 3_600_000) < 60_000);
      assert.ok(operation.deadline_at > operation.ready_at);
    });

    it('with options that make no sense is refused', async () => {
      for (const query of ['priority=high', 'delay=1h&not_before=2030-01-01T00:00:00Z']) {
        const answer = await submit(`/echo?${query}`);
        assert.equal(answer.status, 400);
        assertProblem(answer, 'invalid_request');
      }
    });

    it('that does not fit the schema is 422 with pointers', async () => {
      const answer = await submit('/strict', '{"from":"2026","days":0}');
      assert.equal(answer.status, 422);
      assertProblem(answer, 'validation_failed');
      assert.deepEqual(
        answer.json.errors.map((one: { pointer: string }) => one.pointer),
        ['/days'],
      );
    });

    it('to a full queue is 503 with Retry-After', async () => {
      await submit('/capped');
      const answers = await Promise.all([1, 2, 3].map(() => submit('/capped?delay=1h')));
      const refused = answers.find((answer) => answer.status !== 202)!;
      assert.equal(refused.status, 503);
      assertProblem(refused, 'queue_full');
      assert.match(refused.json.type, /^https:\/\/iana\.org\//);
    });
  });

  describe('an Idempotency-Key', () => {
    it('gives the same operation again, and says so', async () => {
      const headers = { 'idempotency-key': `k1-${transport.name.length}` };
      const first = await submit('/echo', '{"a":1}', headers);
      const again = await submit('/echo', '{"a":1}', {
        'idempotency-key': `"${headers['idempotency-key']}"`,
      });
      assert.equal(again.status, 202);
      assert.equal(again.json.id, first.json.id);
      assert.equal(first.headers.get('idempotent-replayed'), null);
      assert.equal(again.headers.get('idempotent-replayed'), 'true');
    });

    it('of eight racing requests makes one operation', async () => {
      const headers = { 'idempotency-key': 'race' };
      const answers = await Promise.all(
        Array.from({ length: 8 }, () => submit('/echo', '[]', headers)),
      );
      assert.equal(new Set(answers.map((answer) => answer.json.id)).size, 1);
    });

    it('with another body, task or option is 422', async () => {
      const headers = { 'idempotency-key': 'reused' };
      await submit('/echo', '{"a":1}', headers);
      for (const [target, body] of [
        ['/echo', '{"a":2}'],
        ['/echo', '{"a": 1}'],
        ['/digits', '{"a":1}'],
        ['/echo?priority=5', '{"a":1}'],
      ] as const) {
        const answer = await submit(target, body, headers);
        assert.equal(answer.status, 422);
        assertProblem(answer, 'idempotency_key_reused');
      }
    });

    it('that is malformed is 400', async () => {
      for (const key of ['a b', '"open', 'k'.repeat(300)]) {
        const answer = await submit('/echo', '{}', { 'idempotency-key': key });
        assert.equal(answer.status, 400);
        assertProblem(answer, 'invalid_request');
      }
    });

    it('of an operation that has failed since shows it whole', async () => {
      const headers = { 'idempotency-key': 'failed', prefer: 'wait=30' };
      const first = await submit('/broken', '{}', headers);
      const again = await submit('/broken', '{}', { 'idempotency-key': 'failed' });
      assert.equal(again.status, 202);
      assert.equal(again.json.status, 'failed');
      assert.equal(again.json.error.attempts.length, 1);
      assert.equal(again.json.status_url, first.headers.get('location'));
    });
  });

  describe('a body', () => {
    it('of another type, or of none, is 415 and names the fix', async () => {
      const types = [
        'text/plain',
        'application/x-www-form-urlencoded',
        'application/json; charset=latin1',
        'application/jsonx',
        'json',
      ];
      for (const type of types) {
        const answer = await send('POST', '/echo', {
          headers: { 'content-type': type },
          body: '1',
        });
        assert.equal(answer.status, 415, type);
        assertProblem(answer, 'unsupported_media_type');
        assert.match(answer.json.detail, /Content-Type: application\/json/);
      }
      const untyped = await send('POST', '/echo', { body: Buffer.from('{}') });
      assertProblem(untyped, 'unsupported_media_type');
    });

    it('may be any +json, with a charset of UTF-8', async () => {
      for (const type of [
        'application/json; charset=utf-8',
        'Application/JSON;charset="UTF-8"',
        'application/vnd.acme.v2+json',
      ]) {
        const answer = await send('POST', '/echo', {
          headers: { 'content-type': type },
          body: '1',
        });
        assert.equal(answer.status, 202, type);
      }
    });

    it('that is compressed is 415', async () => {
      for (const encoding of ['gzip', 'br', 'deflate, gzip', 'zstd', 'x']) {
        const answer = await submit('/echo', '{}', { 'content-encoding': encoding });
        assert.equal(answer.status, 415);
        assertProblem(answer, 'unsupported_media_type');
      }
      const answer = await submit('/echo', '{}', { 'content-encoding': 'identity' });
      assert.equal(answer.status, 202);
    });

    it('larger than the limit is 413', async () => {
      const answer = await submit('/echo', `"${'x'.repeat(1_048_576)}"`);
      assert.equal(answer.status, 413);
      assertProblem(answer, 'payload_too_large');
      const next = await submit('/echo', `"${'x'.repeat(1_048_574)}"`);
      assert.equal(next.status, 202);
    });

    it('that is malformed is 400, whatever the malformation', async () => {
      const bodies: (string | Buffer)[] = [
        '{',
        'nope',
        '\ufeff{}',
        '{"a":"\\u0000"}',
        '["\\ud800"]',
        '{"__proto__":{"admin":true}}',
        '[1e999]',
        '['.repeat(100_000),
        '['.repeat(100_000) + ']'.repeat(100_000),
        `[${'0,'.repeat(200_000)}0]`,
        Buffer.from([0x22, 0xc3, 0x28, 0x22]),
        Buffer.from([0, 0, 0]),
      ];
      for (const body of bodies) {
        const answer = await send('POST', '/echo', { headers: json, body });
        assert.equal(answer.status, 400);
        assertProblem(answer, 'invalid_json');
      }
    });
  });

  describe('the status', () => {
    it('is 200 in every state, and tells all of it', async () => {
      const { json: done } = await get(`/operations/${await finished('/echo', '{"a":1}')}`);
      assert.equal(done.status, 'completed');
      assert.deepEqual(done.result, { echo: { a: 1 } });
      assert.equal(done.result_url, `/echo/${done.id}`);
      assert.equal(done.cancel_url, null);
      assert.ok(done.started_at && done.finished_at && done.expires_at > done.finished_at);
      const failed = await get(`/operations/${await finished('/broken')}`);
      assert.equal(failed.status, 200);
      const { error } = failed.json;
      assert.equal(failed.json.status, 'failed');
      assert.equal(error.code, 'task_error');
      assert.equal(error.title, 'Out of paper');
      assert.equal(error.status, 422);
      assert.equal(error.detail, 'The printer has no paper.');
      assert.equal(error.attempts[0].outcome, 'failed');
      assert.equal(error.attempts[0].error.detail, error.detail);
    });

    it('has Retry-After until it is final', async () => {
      const pending = await get(`/operations/${await submitted('/echo?delay=1h')}`);
      assert.equal(pending.headers.get('retry-after'), '60');
      assert.equal(pending.headers.get('cache-control'), 'no-store');
      assert.match(pending.headers.get('vary')!, /Prefer/);
      const done = await get(`/operations/${await finished('/echo')}`);
      assert.equal(done.headers.get('retry-after'), null);
      assert.match(done.headers.get('cache-control')!, /private/);
    });

    it('is 304 for the tag it had, and still says when to come back', async () => {
      const target = `/operations/${await submitted('/echo?delay=1h')}`;
      const first = await get(target);
      const etag = first.headers.get('etag')!;
      assert.match(etag, /^"[^"]+"$/);
      const again = await get(target, { 'if-none-match': `"x", W/${etag}` });
      assert.equal(again.status, 304);
      assert.equal(again.bytes.length, 0);
      assert.equal(again.headers.get('etag'), etag);
      assert.match(again.headers.get('retry-after')!, /^\d+$/);
      await send('POST', `${target}/cancel`);
      const changed = await get(target, { 'if-none-match': etag });
      assert.equal(changed.status, 200);
    });

    it('with Prefer: wait answers at the next change', async () => {
      const target = `/operations/${await submitted('/echo?delay=1h')}`;
      const waiting = get(target, { prefer: 'wait=30' });
      const other = get(target, { prefer: 'wait=30' });
      await send('POST', `${target}/cancel`);
      for (const answer of await Promise.all([waiting, other])) {
        assert.equal(answer.json.status, 'failed');
        assert.equal(answer.headers.get('preference-applied'), 'wait=30');
      }
    });

    it('with Prefer: wait misses no change since the tag the client has', async () => {
      const target = `/operations/${await submitted('/echo?delay=1h')}`;
      const { headers } = await get(target);
      await send('POST', `${target}/cancel`);
      const answer = await get(target, {
        prefer: 'wait=30',
        'if-none-match': headers.get('etag')!,
      });
      assert.equal(answer.status, 200);
      assert.equal(answer.json.status, 'failed');
    });

    it('of an unknown or impossible id is 404', async () => {
      for (const id of [unknownId, 'x', '%00', '..%2F..%2Fetc%2Fpasswd', "'%20OR%201=1--"]) {
        const answer = await get(`/operations/${id}`);
        assert.equal(answer.status, 404, id);
        assertProblem(answer, 'operation_not_found');
      }
    });
  });

  describe('the result', () => {
    it('is 202 with the way to the status until it is there', async () => {
      const id = await submitted('/slow/held');
      const answer = await get(`/slow/held/${id}`);
      assert.equal(answer.status, 202);
      assert.equal(answer.headers.get('location'), `/operations/${id}`);
      assert.match(answer.headers.get('retry-after')!, /^[1-9]\d*$/);
      assert.equal(answer.json.id, id);
    });

    it('is the JSON itself', async () => {
      const answer = await get(`/echo/${await finished('/echo', '{"ü":1}')}`);
      assert.equal(answer.status, 200);
      assert.equal(answer.headers.get('content-type'), 'application/json');
      assert.equal(answer.headers.get('content-length'), String(answer.bytes.length));
      assert.deepEqual(answer.json, { echo: { ü: 1 } });
    });

    it('is the JSON itself when it is too large for the status', async () => {
      const id = await finished('/big');
      const answer = await get(`/big/${id}`);
      assert.equal(answer.json.list.length, 200_000);
      const status = await get(`/operations/${id}`);
      assert.equal('result' in status.json, false);
    });

    it('is the file with its type and name', async () => {
      const answer = await get(`/digits/${await finished('/digits')}`);
      assert.equal(answer.text, digits);
      assert.equal(answer.headers.get('content-type'), 'text/plain; charset=utf-8');
      assert.equal(answer.headers.get('accept-ranges'), 'bytes');
      assert.equal(answer.headers.get('x-content-type-options'), 'nosniff');
      assert.equal(
        answer.headers.get('content-disposition'),
        'attachment; filename="Zahlen _.txt"; filename*=UTF-8\'\'Zahlen%20%C3%BC.txt',
      );
    });

    it('of no bytes is 200 and empty', async () => {
      const answer = await get(`/nothing/${await finished('/nothing')}`);
      assert.equal(answer.status, 200);
      assert.equal(answer.bytes.length, 0);
    });

    it('cannot smuggle headers in through the name', async () => {
      const answer = await get(`/evil/${await finished('/evil')}`);
      assert.equal(answer.status, 200);
      assert.equal(answer.headers.get('set-cookie'), null);
      assert.match(answer.headers.get('content-disposition')!, /^attachment; [ -~]+$/);
    });

    it('comes in ranges', async () => {
      const target = `/digits/${await finished('/digits')}`;
      const { headers } = await get(target);
      const part = await get(target, { range: 'bytes=2-4' });
      assert.equal(part.status, 206);
      assert.equal(part.text, '234');
      assert.equal(part.headers.get('content-range'), 'bytes 2-4/10');
      assert.equal(part.headers.get('content-length'), '3');
      assert.equal((await get(target, { range: 'bytes=-2' })).text, '89');
      assert.equal((await get(target, { range: 'bytes=0-1,3-4' })).text, digits);
      const held = { range: 'bytes=7-', 'if-range': headers.get('etag')! };
      assert.equal((await get(target, held)).text, '789');
      assert.equal((await get(target, { ...held, 'if-range': '"other"' })).text, digits);
      const outside = await get(target, { range: 'bytes=10-' });
      assert.equal(outside.status, 416);
      assertProblem(outside, 'range_not_satisfiable');
      assert.equal(outside.headers.get('content-range'), 'bytes */10');
      const echo = `/echo/${await finished('/echo', '"äö"')}`;
      assert.equal((await get(echo, { range: 'bytes=0-6' })).text, '{"echo"');
    });

    it('is 304 for the tag it has', async () => {
      const target = `/digits/${await finished('/digits')}`;
      const etag = (await get(target)).headers.get('etag')!;
      const answer = await get(target, { 'if-none-match': etag, range: 'bytes=0-1' });
      assert.equal(answer.status, 304);
      assert.equal(answer.bytes.length, 0);
    });

    it('of a failed one is the recorded problem with its own status', async () => {
      const id = await finished('/broken');
      const answer = await get(`/broken/${id}`);
      assert.equal(answer.status, 422);
      assertProblem(answer, 'task_error');
      assert.equal(answer.json.type, 'https://example.com/paper');
      assert.equal(answer.json.title, 'Out of paper');
      assert.equal(answer.json.instance, `/operations/${id}`);
    });

    it('of another task is 404', async () => {
      const id = await finished('/echo');
      const answer = await get(`/digits/${id}`);
      assert.equal(answer.status, 404);
      assertProblem(answer, 'operation_not_found');
    });

    it('is at /operations/{id}/result whatever the task', async () => {
      const answer = await get(`/operations/${await finished('/digits')}/result`);
      assert.equal(answer.text, digits);
    });
  });

  describe('cancel', () => {
    it('ends a pending operation at once, and again changes nothing', async () => {
      const target = `/operations/${await submitted('/echo?delay=1h')}`;
      const answer = await send('POST', `${target}/cancel`);
      assert.equal(answer.status, 200);
      assert.equal(answer.json.error.code, 'cancelled');
      assert.ok(answer.json.cancel_requested_at);
      const again = await send('POST', `${target}/cancel`, { headers: json, body: 'not read' });
      assert.equal(again.status, 200);
      assert.deepEqual(again.json, answer.json);
      const result = await get(`/echo/${answer.json.id}`);
      assert.equal(result.status, 409);
      assertProblem(result, 'cancelled');
    });

    it('notes the wish while an attempt runs', async () => {
      const id = await submitted('/slow/held');
      const target = `/operations/${id}`;
      let { json: operation } = await get(target);
      while (operation.status === 'pending') {
        ({ json: operation } = await get(target, { prefer: 'wait=5' }));
      }
      const answer = await send('POST', `${target}/cancel`);
      assert.equal(answer.status, 202);
      assert.ok(answer.json.cancel_requested_at);
      assert.match(answer.headers.get('retry-after')!, /^[1-9]\d*$/);
      while (operation.status !== 'failed') {
        ({ json: operation } = await get(target, { prefer: 'wait=5' }));
      }
      assert.equal(operation.error.code, 'cancelled');
    });

    it('leaves a final operation as it is', async () => {
      const answer = await send('POST', `/operations/${await finished('/echo')}/cancel`);
      assert.equal(answer.status, 200);
      assert.equal(answer.json.status, 'completed');
    });

    it('of an unknown operation is 404', async () => {
      for (const id of [unknownId, 'x']) {
        const answer = await send('POST', `/operations/${id}/cancel`);
        assertProblem(answer, 'operation_not_found');
      }
    });
  });

  describe('a repeated submit', () => {
    it('finds its operation although its deadline has passed since', async (t) => {
      const clock = new ManualClock();
      const own = await kit({}, { clock });
      const opened = await transport.open(own.app);
      t.after(async () => {
        await own.stop();
        await opened.close();
      });
      const submit = (target: string, headers = {}): Promise<Answer> =>
        opened.send('POST', target, { headers: { ...json, ...headers }, body: '{}' });
      const deadline = new Date(clock.now() + 200).toISOString();
      const target = `/echo?deadline=${deadline}`;
      const headers = { 'idempotency-key': 'late' };
      const first = await submit(target, headers);
      assert.equal(first.status, 202);
      await clock.advance(200);
      const second = await submit(target, headers);
      assert.equal(second.status, 202);
      assert.equal(second.json.id, first.json.id);
      const unkeyed = await submit(target);
      assertProblem(unkeyed, 'invalid_request');
      assert.match(unkeyed.json.detail, /deadline/);
    });
  });

  describe('between two attempts', () => {
    it('shows when the next one starts and why the last one failed', async () => {
      const id = await submitted('/uphill');
      let answer = await get(`/operations/${id}`);
      while (answer.json.attempt === 0 || answer.json.status !== 'pending') {
        const etag = answer.headers.get('etag')!;
        answer = await get(`/operations/${id}`, { prefer: 'wait=30', 'if-none-match': etag });
      }
      assert.ok(Date.parse(answer.json.ready_at) > Date.parse(answer.json.created_at));
      const [attempt, ...others] = answer.json.attempts;
      assert.deepEqual(others, []);
      assert.equal(attempt.number, 1);
      assert.deepEqual(attempt.error, { code: 'task_error', detail: 'Upstream 503' });
      assert.equal(attempt.retry_at, answer.json.ready_at);
    });
  });

  describe('retry', () => {
    it('makes a new operation linked to the failed one', async () => {
      const id = await finished('/broken', '{"a":1}');
      const answer = await send('POST', `/operations/${id}/retry`);
      assert.equal(answer.status, 202);
      assert.equal(answer.json.retry_of, id);
      assert.notEqual(answer.json.id, id);
      assert.equal(answer.headers.get('location'), `/operations/${answer.json.id}`);
    });

    it('with an Idempotency-Key makes one operation, however often it is asked', async () => {
      const id = await finished('/broken', '{"a":1}');
      const headers = { 'idempotency-key': `retry-${id}` };
      const answers = await Promise.all(
        Array.from({ length: 8 }, () => send('POST', `/operations/${id}/retry`, { headers })),
      );
      assert.ok(answers.every(({ status }) => status === 202));
      assert.equal(new Set(answers.map(({ json }) => json.id)).size, 1);
      const replays = answers.filter(({ headers: h }) => h.get('idempotent-replayed') === 'true');
      assert.equal(replays.length, 7);
      const other = await submit(`/operations/${id}/retry`, '{"input":{"a":2}}', headers);
      assertProblem(other, 'idempotency_key_reused');
    });

    it('may come with another input, which is checked', async () => {
      const id = await submitted('/strict?delay=1h', '{"from":"x","days":1}');
      await send('POST', `/operations/${id}/cancel`);
      const wrong = await submit(`/operations/${id}/retry`, '{"input":{"from":"x","days":0}}');
      assert.equal(wrong.status, 422);
      assertProblem(wrong, 'validation_failed');
      assert.equal(wrong.json.errors[0].pointer, '/input/days');
      const right = await submit(`/operations/${id}/retry`, '{"input":{"from":"x","days":9}}');
      assert.equal(right.status, 202);
      const waited = await get(`/operations/${right.json.id}`, { prefer: 'wait=5' });
      assert.equal(waited.json.retry_of, id);
    });

    it('is 400 for a body that is not {"input": …}', async () => {
      const id = await finished('/broken');
      for (const body of ['[]', '1', '{"inptu":1}']) {
        const answer = await submit(`/operations/${id}/retry`, body);
        assert.equal(answer.status, 400);
        assertProblem(answer, 'invalid_request');
      }
    });

    it('is 409 for an operation that has not failed', async () => {
      const answer = await send('POST', `/operations/${await finished('/echo')}/retry`);
      assert.equal(answer.status, 409);
      assertProblem(answer, 'operation_not_failed');
    });
  });

  describe('DELETE', () => {
    it('removes a final operation, which is gone then', async () => {
      const id = await finished('/echo');
      const answer = await send('DELETE', `/operations/${id}`);
      assert.equal(answer.status, 204);
      assert.equal(answer.bytes.length, 0);
      for (const target of [`/operations/${id}`, `/echo/${id}`]) {
        const gone = await get(target);
        assert.equal(gone.status, 410);
        assertProblem(gone, 'operation_gone');
      }
    });

    it('cancels one that is not final', async () => {
      const id = await submitted('/echo?delay=1h');
      const answer = await send('DELETE', `/operations/${id}`);
      assert.equal(answer.status, 200);
      assert.equal(answer.json.error.code, 'cancelled');
    });
  });

  describe('the list', () => {
    it('is newest first and pages through Link', async () => {
      const label = `label.list=${transport.name.length}`;
      const ids: string[] = [];
      for (let i = 0; i < 5; i += 1) ids.push(await submitted(`/echo?delay=1h&${label}`));
      const seen: string[] = [];
      let target: string | undefined = `/operations?limit=2&task=echo&${label}`;
      while (target !== undefined) {
        const page = await get(target);
        assert.equal(page.status, 200);
        seen.push(...page.json.operations.map((one: { id: string }) => one.id));
        const link = page.headers.get('link');
        assert.equal(link === null, page.json.next_cursor === null);
        target = /^<(.*)>; rel="next"$/.exec(link ?? '')?.[1];
      }
      assert.deepEqual(seen.toSorted(), ids.toSorted());
      assert.deepEqual(seen, seen.toSorted().toReversed());
    });

    it('filters by status, code, time and text', async () => {
      const id = await finished('/broken', '{"needle":"hay"}');
      const ids = async (query: string): Promise<string[]> => {
        const page = await get(`/operations?limit=200&${query}`);
        assert.equal(page.status, 200, page.text);
        return page.json.operations.map((one: { id: string }) => one.id);
      };
      assert.ok((await ids('status=failed,completed&code=task_error')).includes(id));
      assert.ok((await ids(`q=${id.slice(10)}`)).includes(id));
      assert.ok((await ids('q=needle&since=1h')).includes(id));
      assert.ok(!(await ids('status=pending&status=processing')).includes(id));
      assert.ok(!(await ids('until=1h')).includes(id));
      assert.deepEqual(await ids('task=never-heard-of'), []);
      assert.ok((await ids('error=no+PAPER')).includes(id));
      assert.ok(!(await ids('error=needle')).includes(id));
      assert.deepEqual(await ids('input.needle=hay'), [id]);
      assert.deepEqual(await ids('input.needle=straw'), []);
      const other = await finished('/echo', '{"needle":"straw","to":{"id":42}}');
      assert.deepEqual(await ids('input.to.id=42&input.needle=straw'), [other]);
      assert.deepEqual(await ids('input.to.id=42&input.needle=hay'), []);
      assert.deepEqual(await ids('input.needle='), []);
    });

    it('shows neither results nor attempts, which could be megabytes', async () => {
      await finished('/broken');
      const failed = await get('/operations?task=broken&status=failed&limit=1');
      assert.equal(failed.json.operations[0].error.code, 'task_error');
      assert.equal('attempts' in failed.json.operations[0].error, false);
      await finished('/echo', '{"a":1}');
      const completed = await get('/operations?task=echo&status=completed&limit=1');
      assert.match(completed.json.operations[0].result_url, /^\/echo\/op_/);
      assert.equal('result' in completed.json.operations[0], false);
    });

    const refused: [string, string][] = [
      ['cursor=1', 'invalid_cursor'],
      ['cursor=c1_%27%20OR%201=1', 'invalid_cursor'],
      ['cursor=', 'invalid_cursor'],
      [`cursor=${'x'.repeat(2000)}`, 'invalid_cursor'],
      ['limit=0', 'invalid_request'],
      ['limit=201', 'invalid_request'],
      ['limit=1e1', 'invalid_request'],
      ['limit=1&limit=2', 'invalid_request'],
      ['status=running', 'invalid_request'],
      ['status=', 'invalid_request'],
      ['code=tiemout', 'invalid_request'],
      ['since=yesterday', 'invalid_request'],
      ['until=2026', 'invalid_request'],
      ['label.a%3Bb=1', 'invalid_request'],
      [`q=${'x'.repeat(300)}`, 'invalid_request'],
      ['q=%00', 'invalid_request'],
      [`error=${'x'.repeat(300)}`, 'invalid_request'],
      ['input.=1', 'invalid_request'],
      ['input.a.0=1', 'invalid_request'],
      ['input.a%22=1', 'invalid_request'],
      ['input.a=1&input.a=2', 'invalid_request'],
      [`input.a=${'x'.repeat(300)}`, 'invalid_request'],
      ['abcdefghi'.replaceAll(/./g, 'input.$&=1&'), 'invalid_request'],
      ['task=a%00', 'invalid_request'],
    ];
    for (const [query, code] of refused) {
      it(`is refused for ${query.slice(0, 40)}`, async () => {
        const answer = await get(`/operations?${query}`);
        assert.equal(answer.status, 400);
        assertProblem(answer, code);
      });
    }
  });

  describe('the tasks', () => {
    it('are listed with what they take and how they stand', async () => {
      const { json: list } = await get('/tasks');
      const names = list.tasks.map((task: { name: string }) => task.name);
      assert.deepEqual(names, names.toSorted());
      const strict = (await get('/tasks/strict')).json;
      assert.equal(strict.path, '/strict');
      assert.equal(strict.description, 'Takes a date range.');
      assert.deepEqual(strict.input_schema.required, ['from', 'days']);
      assert.equal((await get('/tasks/held')).json.estimate_ms, 5000);
    });

    it('pause and resume', async () => {
      assert.equal((await send('POST', '/tasks/strict/pause')).json.paused, true);
      const { json: operation } = await submit('/strict', '{"from":"x","days":1}');
      assert.equal((await get(`/operations/${operation.id}`)).json.status, 'pending');
      assert.equal((await send('POST', '/tasks/strict/resume')).json.paused, false);
      let { json: now } = await get(operation.status_url);
      while (now.status !== 'completed') {
        ({ json: now } = await get(operation.status_url, { prefer: 'wait=5' }));
      }
    });

    it('that are unknown are 404', async () => {
      for (const [method, target] of [
        ['GET', '/tasks/nope'],
        ['POST', '/tasks/nope/pause'],
        ['POST', '/tasks/__proto__/resume'],
      ] as const) {
        const answer = await send(method, target);
        assert.equal(answer.status, 404);
        assertProblem(answer, 'task_not_found');
      }
    });
  });

  describe('the rest', () => {
    it('is alive and ready', async () => {
      assert.equal((await get('/livez')).status, 200);
      assert.equal((await get('/readyz')).status, 200);
    });

    it('explains every error code', async () => {
      for (const [code, { status, title }] of Object.entries(errorTable)) {
        const { json: problem } = await get(`/problems/${code}`);
        assert.equal(problem.status, status);
        assert.equal(problem.title, title);
      }
      assertProblem(await get('/problems/constructor'), 'not_found');
    });

    it('leads from its root to everything', async () => {
      const { json: index } = await get('/');
      for (const [name, target] of Object.entries(index)) {
        if (!name.endsWith('_url')) continue;
        assert.equal((await get(target as string)).status, 200, name);
      }
      assert.equal(index.submit_urls.held, '/slow/held');
    });

    it('answers HEAD like GET without the body', async () => {
      const id = await finished('/digits');
      const final = `/operations/${id}`;
      for (const target of ['/', final, `/digits/${id}`, '/tasks', '/livez', '/nope']) {
        const whole = await get(target);
        const head = await send('HEAD', target);
        assert.equal(head.status, whole.status, target);
        assert.equal(head.bytes.length, 0);
        assert.equal(head.headers.get('content-length'), String(whole.bytes.length), target);
        assert.equal(head.headers.get('etag'), whole.headers.get('etag'));
      }
    });

    it('says what an address allows', async () => {
      const cases: [string, string][] = [
        ['/echo', 'POST, OPTIONS'],
        [`/echo/${unknownId}`, 'GET, HEAD, OPTIONS'],
        [`/operations/${unknownId}`, 'GET, HEAD, DELETE, OPTIONS'],
        [`/operations/${unknownId}/cancel`, 'POST, OPTIONS'],
        ['/operations', 'GET, HEAD, OPTIONS'],
        ['/webhooks/endpoints', 'GET, HEAD, POST, OPTIONS'],
        ['/webhooks/endpoints/ep_x', 'GET, HEAD, PATCH, DELETE, OPTIONS'],
      ];
      for (const [target, allow] of cases) {
        const options = await send('OPTIONS', target);
        assert.equal(options.status, 204);
        assert.equal(options.headers.get('allow'), allow);
        for (const method of ['PUT', 'PATCH', 'PROPFIND']) {
          if (allow.includes(method)) continue;
          const answer = await send(method, target);
          assert.equal(answer.status, 405);
          assertProblem(answer, 'method_not_allowed');
          assert.equal(answer.headers.get('allow'), allow);
        }
      }
    });

    it('is 404 anywhere else', async () => {
      const targets = [
        '/nope',
        '/operations/',
        '/echo/',
        '//',
        '/echo/a/b',
        '/operations/%zz',
        '/%ff%fe',
        '/.git/config',
        '/operations/../../etc/passwd',
        `/operations/${'x'.repeat(3000)}`,
        '/<script>alert(1)</script>',
      ];
      for (const target of targets) {
        const answer = await get(target);
        assert.equal(answer.status, 404, `${target}: ${answer.text}`);
        assert.equal(answer.headers.get('content-type'), 'application/problem+json');
        assert.doesNotMatch(answer.text, /script|etc|git/);
      }
    });

    it('reads percent-encoded addresses as what they mean', async () => {
      const id = await finished('/echo');
      assert.equal((await get(`/%6fperations/${id}`)).status, 200);
      assert.equal((await get(`/operations/%6fp_${id.slice(3)}`)).status, 200);
      assert.equal((await submit('/%65cho', '1')).status, 202);
    });

    it('refuses an address that is too long', async () => {
      for (const target of [`/${'x'.repeat(9000)}`, `/operations?q=${'x'.repeat(9000)}`]) {
        const answer = await get(target);
        assert.equal(answer.status, 414);
        assertProblem(answer, 'uri_too_long');
      }
    });
  });
}

for (const transport of transports) {
  describe(`A token ${transport.name}`, () => {
    it('is asked for everywhere but at the health checks, and never shown', async () => {
      const token = 'rck_0123456789';
      const k = await kit({ token });
      const { send, close } = await transport.open(k.app);
      try {
        const targets: [string, string][] = [
          ['GET', '/'],
          ['GET', '/openapi.json'],
          ['GET', '/operations'],
          ['GET', `/operations/${unknownId}`],
          ['POST', '/echo'],
          ['GET', '/nope'],
          ['PUT', '/echo'],
          ['OPTIONS', '/echo'],
        ];
        const wrong = [
          undefined,
          'Bearer',
          'Bearer rck_wrong',
          `Basic ${token}`,
          `Bearer ${token}x`,
        ];
        for (const [method, target] of targets) {
          for (const authorization of wrong) {
            const headers = authorization === undefined ? {} : { authorization };
            const answer = await send(method, target, { headers });
            assert.equal(answer.status, 401, `${method} ${target} ${authorization}`);
            assertProblem(answer, 'unauthorized');
            assert.match(answer.headers.get('www-authenticate')!, /^Bearer/);
            assert.ok(!answer.text.includes(token));
          }
          const answer = await send(method, target, {
            headers: { authorization: `bearer ${token}` },
          });
          assert.notEqual(answer.status, 401);
        }
        for (const target of ['/livez', '/readyz']) {
          assert.equal((await send('GET', target)).status, 200);
        }
      } finally {
        await k.stop();
        await close();
      }
    });
  });

  describe(`A base path ${transport.name}`, () => {
    it('is in every address, and may or may not be cut off on the way in', async () => {
      const k = await kit({ publicUrl: 'https://api.example.com/ops/' });
      const { send, close } = await transport.open(k.app);
      try {
        for (const prefix of ['/ops', '']) {
          const answer = await send('POST', `${prefix}/echo`, { headers: { prefer: 'wait=30' } });
          assert.match(answer.headers.get('location')!, /^\/ops\/operations\/op_/);
          assert.match(answer.headers.get('content-location')!, /^\/ops\/echo\/op_/);
          const { json: status } = await send('GET', answer.headers.get('location')!);
          assert.match(status.result_url, /^\/ops\/echo\/op_/);
          const problem = await send('GET', `${prefix}/nope`);
          assert.equal(problem.json.type, '/ops/problems/not_found');
          assert.equal((await send('GET', problem.json.type)).status, 200);
          const page = await send('GET', `${prefix}/operations?limit=1`);
          assert.ok(!page.text.includes('"/operations'));
        }
        assert.equal((await send('GET', '/ops')).status, 200);
        assert.equal((await send('GET', '/opsx')).status, 404);
        const { json: openapi } = await send('GET', '/ops/openapi.json');
        assert.equal(openapi.servers[0].url, 'https://api.example.com/ops');
      } finally {
        await k.stop();
        await close();
      }
    });
  });
}
