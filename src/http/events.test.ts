import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { EventSource } from 'eventsource';
import { limits } from '../core/limits.ts';
import { createEngine } from '../engine/create-engine.ts';
import { defineTask } from '../engine/define-task.ts';
import type { TaskContext } from '../engine/task.ts';
import { memoryStore } from '../store-memory/memory-store.ts';
import { ManualClock } from '../testing/manual-clock.ts';
import { createApp } from './app.ts';
import { fetchHandler, type FetchHandler } from './fetch-adapter.ts';
import {
  Answer,
  assertProblem,
  kit,
  listening,
  transports,
  type Kit,
  type Send,
} from './transports.fixture.ts';

type SentEvent = { id: string; event: string; data: Record<string, unknown> };

function eventsIn(text: string): SentEvent[] {
  return text
    .split('\n\n')
    .filter((block) => block.includes('data: '))
    .map((block) => {
      const field = (name: string): string =>
        block
          .split('\n')
          .find((line) => line.startsWith(`${name}: `))!
          .slice(name.length + 2);
      const data = JSON.parse(field('data')) as Record<string, unknown>;
      return { id: field('id'), event: field('event'), data };
    });
}

for (const transport of transports) {
  describe(`Events ${transport.name}`, () => {
    let k: Kit;
    let send: Send;
    let close: () => Promise<void>;
    before(async () => {
      k = await kit();
      ({ send, close } = await transport.open(k.app));
    });
    after(async () => {
      await k.stop();
      await close();
    });
    const submitted = async (target: string): Promise<string> =>
      (await send('POST', target)).json.id as string;
    const events = (id: string, headers = {}) =>
      send('GET', `/operations/${id}/events`, { headers });

    it('tell every state to the final one, each with the whole operation, then end', async () => {
      const id = await submitted('/slow/held');
      const reading = events(id);
      await k.engine.waitFor({ id, tenant: '', until: 'change', version: 1, timeoutMs: 5_000 });
      k.release();
      const answer = await reading;
      assert.equal(answer.headers.get('content-type'), 'text/event-stream; charset=utf-8');
      assert.equal(answer.headers.get('cache-control'), 'no-cache, no-transform');
      assert.equal(answer.headers.get('x-accel-buffering'), 'no');
      assert.match(answer.text, /^retry: 2000\n\n/);
      const told = eventsIn(answer.text);
      const status = await send('GET', `/operations/${id}`);
      assert.deepEqual(told.at(-1)!.data, status.json);
      assert.equal(told.at(-1)!.event, 'completed');
      assert.ok(told.slice(0, -1).every(({ event }) => event === 'status'));
      const ids = told.map((one) => Number(one.id));
      assert.deepEqual(
        ids,
        ids.toSorted((a, b) => a - b),
      );
      assert.equal(new Set(ids).size, ids.length);
    });

    it('are only the final one for an operation that is final, and 204 once that was seen', async () => {
      const id = await submitted('/broken');
      await k.engine.waitFor({ id, tenant: '', until: 'final', version: 0, timeoutMs: 5_000 });
      const [only, ...more] = eventsIn((await events(id)).text);
      assert.deepEqual([only!.event, more.length], ['failed', 0]);
      assert.equal((only!.data['error'] as { title: string }).title, 'Out of paper');
      const again = await events(id, { 'last-event-id': only!.id });
      assert.deepEqual([again.status, again.text], [204, '']);
      const before = await events(id, { 'last-event-id': String(Number(only!.id) - 1) });
      assert.equal(eventsIn(before.text).length, 1);
    });

    it('answer the operation itself to Accept: text/event-stream, and HEAD without a stream', async () => {
      const id = await submitted('/echo');
      await k.engine.waitFor({ id, tenant: '', until: 'final', version: 0, timeoutMs: 5_000 });
      const headers = { accept: 'text/event-stream' };
      const answer = await send('GET', `/operations/${id}`, { headers });
      assert.equal(eventsIn(answer.text)[0]!.event, 'completed');
      const head = await send('HEAD', `/operations/${id}/events`);
      assert.deepEqual([head.status, head.text], [200, '']);
    });

    it('of no operation are 404', async () => {
      assertProblem(await events('op_00000000000000000000000000'), 'operation_not_found');
    });
  });
}

/** An engine on a manual clock, with one task whose handler the test controls. */
async function held() {
  const clock = new ManualClock();
  const started = Promise.withResolvers<TaskContext>();
  const work = Promise.withResolvers<string>();
  const task = defineTask('held', {
    run(context) {
      started.resolve(context);
      return work.promise;
    },
  });
  let reads = 0;
  const store = memoryStore();
  const readOperation = store.readOperation.bind(store);
  const counted = Object.assign(store, {
    readOperation: (p: { id: string }) => {
      reads += 1;
      return readOperation(p);
    },
  });
  const engine = createEngine({ store: counted, tasks: [task], clock });
  await engine.start();
  const fetch = fetchHandler(createApp({ engine }));
  const submitted = await fetch(new Request('http://raincheck.test/held', { method: 'POST' }));
  const { id } = (await submitted.json()) as { id: string };
  return { clock, engine, fetch, id, work, started: started.promise, reads: () => reads };
}

async function answerOf(response: Response): Promise<Answer> {
  const bytes = Buffer.from(await response.arrayBuffer());
  return new Answer(response.status, response.headers, bytes);
}

class Reading {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly stop = new AbortController();

  private constructor(reader: ReadableStreamDefaultReader<Uint8Array>) {
    this.#reader = reader;
  }

  static async open(fetch: FetchHandler, id: string, headers = {}): Promise<Reading> {
    const url = `http://raincheck.test/operations/${id}/events`;
    const response = await fetch(new Request(url, { headers }));
    return new Reading(response.body!.getReader());
  }

  /** The next chunk as text; '' at the end. */
  async next(): Promise<string> {
    const { value } = await this.#reader.read();
    return value === undefined ? '' : Buffer.from(value).toString();
  }

  async cancel(): Promise<void> {
    await this.#reader.cancel();
  }
}

describe('An event stream', () => {
  it('tells progress as progress, in order', async () => {
    const h = await held();
    const { progress } = await h.started;
    const reading = await Reading.open(h.fetch, h.id);
    await reading.next();
    assert.match(await reading.next(), /event: status/);
    const next = reading.next();
    progress(0.5, 'half');
    await h.clock.advance(2_000);
    const [told] = eventsIn(await next);
    assert.equal(told!.event, 'progress');
    assert.equal((told!.data['progress'] as { message: string }).message, 'half');
    h.work.resolve('done');
    assert.match(await reading.next(), /event: completed/);
    assert.equal(await reading.next(), '');
    await h.engine.stop({ now: true });
  });

  it('goes on after the event that was seen: what is known is not told again, what was missed is', async () => {
    const h = await held();
    const { progress } = await h.started;
    const first = await Reading.open(h.fetch, h.id);
    await first.next();
    const [seen] = eventsIn(await first.next());
    await first.cancel();
    const resumed = await Reading.open(h.fetch, h.id, { 'last-event-id': seen!.id });
    assert.match(await resumed.next(), /^retry:/);
    const next = resumed.next();
    progress(0.5, 'half');
    await h.clock.advance(2_000);
    const [news] = eventsIn(await next);
    assert.equal(news!.event, 'progress', 'the status that was seen is not told again');
    await resumed.cancel();
    const late = await Reading.open(h.fetch, h.id, { 'last-event-id': seen!.id });
    await late.next();
    const [missed] = eventsIn(await late.next());
    assert.equal(missed!.id, news!.id);
    assert.deepEqual(missed!.data['progress'], news!.data['progress']);
    await late.cancel();
    h.work.resolve('done');
    await h.engine.stop({ now: true });
  });

  it('shows by a comment every 15 s that it lives, and ends after an hour', async () => {
    const h = await held();
    await h.started;
    const reading = await Reading.open(h.fetch, h.id);
    await reading.next();
    await reading.next();
    let next = reading.next();
    await h.clock.advance(limits.eventPingMs);
    assert.equal(await next, ': ping\n\n');
    next = reading.next();
    for (let told = ': ping\n\n'; told !== ''; next = reading.next()) {
      await h.clock.advance(limits.eventPingMs);
      told = await next;
    }
    assert.ok(h.clock.elapsed() >= limits.eventStreamMs);
    h.work.resolve('done');
    await h.engine.stop({ now: true });
  });

  it('costs one subscription, however many watch the operation', async () => {
    const h = await held();
    await h.started;
    const readings = await Promise.all(
      Array.from({ length: 50 }, () => Reading.open(h.fetch, h.id)),
    );
    for (const reading of readings) {
      await reading.next();
      await reading.next();
    }
    const waiting = readings.map((reading) => reading.next());
    await h.clock.advance(0);
    const before = h.reads();
    h.work.resolve('done');
    for (const told of await Promise.all(waiting)) assert.match(told, /event: completed/);
    assert.ok(h.reads() - before <= 3, `${h.reads() - before} reads for 50 watchers`);
    await h.engine.stop({ now: true });
  });

  it('skips to the newest state when its reader is slow, and holds one at most', async () => {
    const h = await held();
    const { progress } = await h.started;
    const reading = await Reading.open(h.fetch, h.id);
    await reading.next();
    for (let i = 1; i <= 20; i += 1) {
      progress(i / 20);
      await h.clock.advance(2_000);
    }
    const fractions: unknown[] = [];
    h.work.resolve('done');
    await h.engine.waitFor({ id: h.id, tenant: '', until: 'final', version: 0, timeoutMs: 5_000 });
    for (let text = await reading.next(); text !== ''; text = await reading.next()) {
      for (const { data } of eventsIn(text)) {
        fractions.push((data['progress'] as { fraction: number } | null)?.fraction ?? null);
      }
    }
    assert.ok(fractions.length <= 5, JSON.stringify(fractions));
    assert.equal(fractions.at(-1), 1);
    await h.engine.stop({ now: true });
  });

  it('leaves nothing behind when its reader goes away, and ends when the engine stops', async () => {
    const h = await held();
    await h.started;
    await h.clock.advance(0);
    const { sleepers } = h.clock;
    const gone = await Reading.open(h.fetch, h.id);
    await gone.next();
    await gone.next();
    const pending = gone.next();
    await h.clock.advance(0);
    await gone.cancel();
    await pending;
    await h.clock.advance(0);
    assert.equal(h.clock.sleepers, sleepers);
    const reading = await Reading.open(h.fetch, h.id);
    await reading.next();
    await reading.next();
    const last = reading.next();
    await h.engine.stop({ now: true });
    h.work.resolve('done');
    for (let text = await last; text !== ''; text = await reading.next()) assert.ok(text);
  });

  it('is counted when it is promised, and given back also when it never begins', async () => {
    const h = await held();
    await h.started;
    const operation = await h.engine.read({ id: h.id, tenant: '' });
    const { signal } = new AbortController();
    const streams = Array.from({ length: limits.eventStreamsMax }, () =>
      h.engine.watch({ operation, signal }),
    );
    assert.throws(() => h.engine.watch({ operation, signal }), { code: 'streams_full' });
    const answer = await h.fetch(new Request(`http://raincheck.test/operations/${h.id}/events`));
    assertProblem(await answerOf(answer), 'streams_full');
    for (const stream of streams) await stream.return(undefined);
    const again = await h.fetch(new Request(`http://raincheck.test/operations/${h.id}/events`));
    assert.equal(again.status, 200);
    await again.body?.cancel();
    h.work.resolve('done');
    await h.engine.stop({ now: true });
  });

  it('is what EventSource expects: it follows to the end and then stops for good', async () => {
    const k = await kit();
    const { port, close } = await listening(k.app);
    const base = `http://127.0.0.1:${port}`;
    const submitted = await fetch(`${base}/slow/held`, { method: 'POST' });
    const { id } = (await submitted.json()) as { id: string };
    const source = new EventSource(`${base}/operations/${id}/events`);
    const completed = new Promise<{ data: unknown }>((resolve) => {
      source.addEventListener('completed', resolve);
    });
    const first = new Promise((resolve) => {
      source.addEventListener('status', resolve);
    });
    await first;
    // The stream ends with the event; the client comes back with its id, gets 204 and gives up.
    const closed = new Promise<void>((resolve) => {
      source.addEventListener('error', () => {
        if (source.readyState === source.CLOSED) resolve();
      });
    });
    k.release();
    const { data } = await completed;
    assert.equal((JSON.parse(String(data)) as { status: string }).status, 'completed');
    await closed;
    await k.stop();
    await close();
  });
});
