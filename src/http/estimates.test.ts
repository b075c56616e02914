import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { WireEstimate } from '../core/wire-operation.ts';
import { createEngine } from '../engine/create-engine.ts';
import { defineTask } from '../engine/define-task.ts';
import type { Engine } from '../engine/engine.ts';
import { memoryStore } from '../store-memory/memory-store.ts';
import { ManualClock } from '../testing/manual-clock.ts';
import { createApp } from './app.ts';
import { fetchHandler } from './fetch-adapter.ts';
import { DocumentedAnswers } from './openapi/document.fixture.ts';
import { transports, type Answer, type Send, type Transport } from './transports.fixture.ts';

const second = 1_000;

for (const transport of transports) describe(`Estimates ${transport.name}`, () => suite(transport));

function suite(transport: Transport): void {
  let engine: Engine;
  let clock: ManualClock;
  let send: Send;
  /** Also of addresses that the OpenAPI document leaves out. */
  let plainSend: Send;
  let close: () => Promise<void>;

  before(async () => {
    clock = new ManualClock();
    const tasks = [
      defineTask('timed', {
        run: ({ input, signal }) => clock.sleep((input as { ms: number }).ms, signal),
      }),
      defineTask('declared', { estimate: '1m', run: ({ signal }) => clock.sleep(60_000, signal) }),
    ];
    engine = createEngine({ store: memoryStore(), tasks, clock, concurrency: 1 });
    const opened = await transport.open(createApp({ engine }));
    ({ close, send: plainSend } = opened);
    const documented = new DocumentedAnswers((await opened.send('GET', '/openapi.json')).json);
    send = async (method, target, sent) => {
      const answer = await opened.send(method, target, sent);
      documented.check(method, target, answer);
      return answer;
    };
  });
  after(async () => {
    await engine.stop({ now: true });
    await close();
  });

  const submit = async (task: string, input: object = {}): Promise<Answer> => {
    const headers = { 'content-type': 'application/json' };
    const answer = await send('POST', `/${task}`, { headers, body: JSON.stringify(input) });
    assert.equal(answer.status, 202, answer.text);
    await clock.advance(1);
    return answer;
  };
  const estimateOf = async (accepted: Answer): Promise<WireEstimate> =>
    (await send('GET', `/operations/${accepted.json.id}`)).json.estimate;
  const waitOf = ({ headers }: Answer): { seconds: number; ms: number } => {
    const seconds = Number(headers.get('retry-after'));
    const ms = Number(headers.get('retry-after-ms'));
    assert.equal(seconds, Math.max(1, Math.ceil(ms / 1000)));
    return { seconds, ms };
  };

  it('are null with the reason while no worker is alive, and nobody is asked to poll often', async () => {
    const accepted = await submit('declared');
    assert.deepEqual(accepted.json.estimate, {
      starts_at: null,
      completes_at: null,
      completes_by: null,
      queue_position: 0,
      basis: 'none',
      samples: 0,
      confidence: 'none',
      reason: 'no_worker',
    });
    assert.equal(waitOf(accepted).seconds, 60);
    await engine.start();
    await clock.advance(0);
    const estimate = await estimateOf(accepted);
    assert.equal(estimate.basis, 'declared');
    assert.equal(estimate.reason, undefined);
    await clock.advance(60 * second);
  });

  it('stand in the 202, the status, lists and events, the same for a while, with strong tags', async () => {
    for (let i = 0; i < 5; i += 1) {
      await submit('timed', { ms: 20 * second });
      await clock.advance(20 * second);
    }
    const accepted = await submit('timed', { ms: 20 * second });
    const told = accepted.json.estimate as WireEstimate;
    const now = Date.parse(accepted.json.created_at);
    assert.deepEqual(told, {
      starts_at: new Date(now).toISOString(),
      completes_at: new Date(now + 20 * second).toISOString(),
      completes_by: told.completes_by,
      queue_position: 0,
      basis: 'history',
      samples: 5,
      confidence: 'low',
    });
    assert.ok(told.completes_by! > (told.completes_at ?? ''));
    const target = `/operations/${accepted.json.id}`;
    await clock.advance(10 * second);
    const status = await send('GET', target);
    assert.equal(status.json.estimate.completes_at, told.completes_at);
    // At most half the age and a quarter of the length foreseen, and 3 % of jitter.
    assert.ok(waitOf(status).ms >= 400 && waitOf(status).ms <= 5.15 * second);
    const etag = status.headers.get('etag')!;
    assert.match(etag, /^"/);
    const again = await send('GET', target, { headers: { 'if-none-match': etag } });
    assert.equal(again.status, 304);
    assert.ok(waitOf(again).seconds >= 1);
    const list = await send('GET', '/operations?status=processing');
    assert.deepEqual(list.json.operations[0].estimate, status.json.estimate);

    await clock.advance(11 * second);
    assert.equal((await send('GET', target)).json.estimate, null, 'it is final');
    assert.equal((await send('GET', target)).headers.get('retry-after-ms'), null);
  });

  it('move the tag when they move, and say that it takes longer than usual', async () => {
    const accepted = await submit('timed', { ms: 90 * second });
    const target = `/operations/${accepted.json.id}`;
    await clock.advance(19 * second);
    const before = await send('GET', target);
    await clock.advance(5 * second);
    const late = await send('GET', target, {
      headers: { 'if-none-match': before.headers.get('etag')! },
    });
    assert.equal(late.status, 200, 'the estimate has moved, so the tag has');
    assert.equal(late.json.version, before.json.version);
    assert.equal(late.json.estimate.longer_than_usual, true);
    assert.ok(Date.parse(late.json.estimate.completes_at) >= clock.now());
    await clock.advance(70 * second);
  });

  it('tell who waits its place, and what it waits for', async () => {
    const running = await submit('timed', { ms: 20 * second });
    const waiting = await submit('timed', { ms: 20 * second });
    const last = await submit('timed', { ms: 20 * second });
    assert.equal(waiting.json.estimate.queue_position, 0);
    assert.equal(last.json.estimate.queue_position, 1);
    assert.ok(last.json.estimate.starts_at > waiting.json.estimate.starts_at);
    await send('POST', `/operations/${waiting.json.id}/cancel`);
    assert.equal((await estimateOf(last)).queue_position, 0);
    await send('POST', '/tasks/timed/pause');
    assert.equal((await estimateOf(last)).reason, 'task_paused');
    assert.notEqual((await estimateOf(running)).completes_at, null);
    await send('POST', '/tasks/timed/resume');
    for (const { json } of [running, last]) await send('POST', `/operations/${json.id}/cancel`);
    await clock.advance(0);
  });

  it('are judged: the task tells what its operations took and how good the estimates were', async () => {
    const { json } = await send('GET', '/tasks/timed');
    assert.equal(json.estimate_ms, null);
    assert.equal(json.durations.p50_ms, 20 * second);
    assert.ok(json.durations.p90_ms >= 20 * second);
    assert.equal(json.durations.samples, 7);
    const { samples, within_bound: within, error_median: error } = json.estimate_accuracy;
    assert.equal(samples, 3, 'the first four could be told nothing');
    assert.equal(within, 0.667);
    assert.ok(error >= 0 && error < 1);
    assert.equal((await send('GET', '/tasks/declared')).json.estimate_ms, 60_000);
  });

  it('stand in the views of other clients as Retry-After', async () => {
    const { json } = await submit('timed', { ms: 20 * second });
    for (const target of [
      `/azure/operations/${json.id}`,
      `/v1/operations/${json.id}`,
      `/async/operations/${json.id}`,
      `/timed/${json.id}`,
    ]) {
      assert.ok(waitOf(await plainSend('GET', target)).seconds >= 1, target);
    }
    await clock.advance(20 * second);
  });
}

it('A stream is told when its estimate moves, without an id, and not before', async () => {
  const clock = new ManualClock();
  const task = defineTask('timed', {
    run: ({ input, signal }) => clock.sleep((input as { ms: number }).ms, signal),
  });
  const engine = createEngine({ store: memoryStore(), tasks: [task], clock });
  await engine.start();
  const handle = fetchHandler(createApp({ engine }));
  const post = async (ms: number) => {
    const body = JSON.stringify({ ms });
    const headers = { 'content-type': 'application/json' };
    return (await handle(new Request('http://a/timed', { method: 'POST', headers, body }))).json();
  };
  for (let i = 0; i < 5; i += 1) {
    await post(20 * second);
    await clock.advance(20 * second);
  }
  const { id } = (await post(60 * second)) as { id: string };
  await clock.advance(0);
  const stream = await handle(new Request(`http://a/operations/${id}/events`));
  const reading = stream.text();
  await clock.advance(15 * second);
  await clock.advance(46 * second);
  const events = (await reading).split('\n\n').filter((block) => block.includes('data: '));
  const names = events.map((block) => /event: (\w+)/.exec(block)?.[1]);
  assert.equal(names[0], 'status');
  assert.equal(names.at(-1), 'completed');
  const moved = events.filter((block) => block.startsWith('event: estimate\n'));
  assert.ok(moved.length > 0, names.join());
  assert.ok(moved.length < 46, names.join());
  const ends = moved.map((block) => {
    const { estimate, status } = JSON.parse(block.slice(block.indexOf('data: ') + 6));
    assert.equal(status, 'processing');
    return estimate.completes_at as string;
  });
  assert.ok(Date.parse(ends[0]!) > clock.now() - 46 * second, 'not within the first 15 s');
  assert.equal(new Set(moved).size, moved.length, 'each tells something new');
  await engine.stop({ now: true });
});
