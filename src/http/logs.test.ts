import assert from 'node:assert/strict';
import { after, before, describe, it, test } from 'node:test';
import { limits } from '../core/limits.ts';
import { createEngine } from '../engine/create-engine.ts';
import { defineTask } from '../engine/define-task.ts';
import type { Engine } from '../engine/engine.ts';
import type { TaskContext } from '../engine/task.ts';
import { memoryStore } from '../store-memory/memory-store.ts';
import { ManualClock } from '../testing/manual-clock.ts';
import { createApp } from './app.ts';
import { assertProblem, transports, type Answer, type Send } from './transports.fixture.ts';

type Told = { id: string; event: string; data: { lines?: { message: string }[] } };

function eventsIn(text: string): Told[] {
  return [...text.matchAll(/^(?:id: (.*)\n)?event: (.*)\ndata: (.*)\n$/gm)].map(
    ([, id = '', event = '', data = '']) => ({ id, event, data: JSON.parse(data) as Told['data'] }),
  );
}

/** The contents of the events, in order: the lines of `log` events, and the names of the others. */
function story(answer: Answer): string[] {
  return eventsIn(answer.text).flatMap(({ event, data }) =>
    event === 'log' ? data.lines!.map(({ message }) => message) : [event],
  );
}

/** An engine whose handlers hand out their contexts and wait until the test lets them end. */
async function logging(): Promise<{
  engine: Engine;
  app: ReturnType<typeof createApp>;
  begun: () => Promise<TaskContext>;
  end: () => void;
}> {
  const waiting: ((context: TaskContext) => void)[] = [];
  const contexts: TaskContext[] = [];
  const ends: (() => void)[] = [];
  const task = defineTask('talker', {
    attempts: 1,
    run(context) {
      const next = waiting.shift();
      if (next === undefined) contexts.push(context);
      else next(context);
      return new Promise((resolve, reject) => {
        ends.push(() => resolve('said'));
        context.signal.addEventListener('abort', () => reject(context.signal.reason as Error));
      });
    },
  });
  const engine = createEngine({ store: memoryStore(), tasks: [task] });
  await engine.start();
  return {
    engine,
    app: createApp({ engine, version: '0.0.0', basePath: '/ops' }),
    begun: () => {
      const context = contexts.shift();
      return context === undefined
        ? new Promise((resolve) => waiting.push(resolve))
        : Promise.resolve(context);
    },
    end: () => ends.shift()?.(),
  };
}

for (const transport of transports) {
  describe(`Logs ${transport.name}`, () => {
    let k: Awaited<ReturnType<typeof logging>>;
    let send: Send;
    let close: () => Promise<void>;
    before(async () => {
      k = await logging();
      ({ send, close } = await transport.open(k.app));
    });
    after(async () => {
      await k.engine.stop({ now: true });
      await close();
    });
    const submitted = async (): Promise<string> =>
      (await send('POST', '/ops/talker')).json.id as string;
    const final = (id: string) =>
      k.engine.waitFor({ id, tenant: '', until: 'final', version: 0, timeoutMs: 5_000 });
    /** The id of a finished operation that logged `messages`. */
    const said = async (...messages: string[]): Promise<string> => {
      const id = await submitted();
      const { log } = await k.begun();
      for (const [i, message] of messages.entries()) log.info(message, { i });
      k.end();
      await final(id);
      return id;
    };

    it('are pages of lines that go on where the last one ended', async () => {
      const id = await said('a', 'b\n"c"', 'd');
      const first = await send('GET', `/ops/operations/${id}/logs?limit=2`);
      assert.equal(first.status, 200);
      assert.equal(first.headers.get('content-type'), 'application/json');
      assert.equal(first.headers.get('cache-control'), 'no-store');
      assert.equal(first.json.next_after, 2);
      const { at, ...line } = first.json.lines[1];
      assert.deepEqual(line, {
        number: 2,
        attempt: 1,
        level: 'info',
        message: 'b\n"c"',
        fields: { i: 1 },
      });
      assert.match(at, /^\d{4}-\d\d-\d\dT[\d:.]{12}Z$/);
      const next = /<(.*)>; rel="next"/.exec(first.headers.get('link')!)![1]!;
      const second = await send('GET', next);
      assert.deepEqual([second.json.lines.length, second.json.next_after], [1, 3]);
      const none = await send('GET', `/ops/operations/${id}/logs?after=3`);
      assert.deepEqual(none.json, { lines: [], next_after: 3 });
    });

    it('are lines of JSON to who asks for them', async () => {
      const id = await said('a', 'b');
      const headers = { accept: 'application/x-ndjson' };
      const answer = await send('GET', `/ops/operations/${id}/logs`, { headers });
      assert.equal(answer.headers.get('content-type'), 'application/x-ndjson');
      const lines = answer.text.split('\n');
      assert.equal(lines.pop(), '');
      assert.deepEqual(
        lines.map((line) => (JSON.parse(line) as { message: string }).message),
        ['a', 'b'],
      );
      const empty = await send('GET', `/ops/operations/${id}/logs?after=2`, { headers });
      assert.deepEqual([empty.status, empty.text], [200, '']);
    });

    it('are none for an operation that wrote none, and a problem where there is no operation', async () => {
      const id = await said();
      assert.deepEqual((await send('GET', `/ops/operations/${id}/logs`)).json, {
        lines: [],
        next_after: 0,
      });
      for (const unknown of ['op_00000000000000000000000000', 'nonsense']) {
        const answer = await send('GET', `/ops/operations/${unknown}/logs`);
        assertProblem(answer, 'operation_not_found');
      }
      await send('DELETE', `/ops/operations/${id}`);
      assertProblem(await send('GET', `/ops/operations/${id}/logs`), 'operation_gone');
    });

    for (const query of [
      'after=-1',
      'after=x',
      'limit=0',
      `limit=${limits.logPageLines + 1}`,
      'after=1&after=2',
    ]) {
      it(`are refused with ${query}`, async () => {
        const id = 'op_00000000000000000000000000';
        const answer = await send('GET', `/ops/operations/${id}/logs?${query}`);
        assertProblem(answer, 'invalid_request');
        assert.match(answer.json.detail, new RegExp(`\`${query.slice(0, 5)}\``));
      });
    }

    it('are events of the stream as they come, all before the last one', async () => {
      const id = await submitted();
      const { log } = await k.begun();
      log.info('before');
      const reading = send('GET', `/ops/operations/${id}/events?logs=1`);
      const following = k.engine.followLogs({ id, after: 0, signal: AbortSignal.timeout(5_000) });
      await following.next(); // stored while it runs
      log.info('meanwhile');
      await following.next();
      log.info('last words');
      k.end();
      const answer = await reading;
      const told = story(answer);
      assert.deepEqual(
        told.filter((one) => one !== 'status'),
        ['before', 'meanwhile', 'last words', 'completed'],
      );
      const { id: lastId } = eventsIn(answer.text).at(-1)!;
      assert.match(lastId, /^\d+-3$/);
      await following.return(undefined);
    });

    it('are no events to who did not ask', async () => {
      const id = await said('a');
      for (const query of ['', '?logs=0']) {
        const answer = await send('GET', `/ops/operations/${id}/events${query}`);
        assert.deepEqual(story(answer), ['completed']);
        assert.match(answer.text, /\nid: \d+\nevent: completed/);
      }
      const answer = await send('GET', `/ops/operations/${id}/events?logs=yes`);
      assertProblem(answer, 'invalid_request');
    });

    it('go on where a broken stream was', async () => {
      const id = await said('a', 'b', 'c');
      const read = (headers = {}, query = '') =>
        send('GET', `/ops/operations/${id}/events?logs=1${query}`, { headers });
      const whole = await read();
      assert.deepEqual(story(whole), ['a', 'b', 'c', 'completed']);
      const [first, last] = eventsIn(whole.text);
      assert.equal(first!.id, '0-3', 'its state was not told yet');
      assert.deepEqual(story(await read({ 'last-event-id': '0-2' })), ['c', 'completed']);
      assert.deepEqual(story(await read({ 'last-event-id': first!.id })), ['completed']);
      assert.equal((await read({ 'last-event-id': last!.id })).status, 204);
      assert.deepEqual(story(await read({}, '&logs_after=1')), ['b', 'c', 'completed']);
    });
  });
}

test('a store of others is looked at while somebody follows, and only then', async () => {
  const inner = memoryStore();
  let reads = 0;
  const store = new Proxy(inner, {
    get(target, name) {
      if (name === 'capabilities')
        return { singleProcess: false, durable: false, claimsAtAccept: true };
      if (name === 'readLogs') reads += 1;
      const value: unknown = Reflect.get(target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  const task = defineTask('held', {
    run: ({ log, signal }) => {
      log.info('from elsewhere');
      return new Promise((_, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason as Error));
      });
    },
  });
  // Two engines on one store without hints, so that one finds the other's lines only by polling.
  const clock = new ManualClock();
  const worker = createEngine({ store, tasks: [task], clock });
  const reader = createEngine({ store, tasks: [task], clock });
  const { operation } = await reader.submit({
    task: 'held',
    tenant: '',
    input: { value: null, text: 'null' },
  });
  const { signal } = new AbortController();
  const following = reader.followLogs({ id: operation.id, after: 0, signal });
  const next = following.next();
  await worker.start();
  await clock.advance(2_000);
  const { value } = await next;
  assert.equal(value?.[0].message, 'from elsewhere');
  await following.return(undefined);
  await worker.stop({ now: true });
  const before = reads;
  await clock.advance(60_000);
  assert.equal(reads, before, 'nobody follows any more');
  await reader.stop({ now: true });
});
