import assert from 'node:assert/strict';
import { request as httpRequest } from 'node:http';
import { after, before, describe, it } from 'node:test';
import { limits } from '../core/limits.ts';
import { createEngine } from '../engine/create-engine.ts';
import { defineTask } from '../engine/define-task.ts';
import { memoryStore } from '../store-memory/memory-store.ts';
import { ManualClock } from '../testing/manual-clock.ts';
import { createApp, type App } from './app.ts';
import { fetchHandler } from './fetch-adapter.ts';
import {
  assertProblem,
  kit,
  listening,
  transports,
  viaFetch,
  type Kit,
} from './transports.fixture.ts';

type Told = { readonly event: string; readonly data: Record<string, unknown> };

/** An open stream: `next` returns the next event, however the chunks are cut. */
type Stream = { next(): Promise<Told | null>; leave(): void };

function reading(chunks: AsyncIterable<Uint8Array>, leave: () => void): Stream {
  const iterator = chunks[Symbol.asyncIterator]();
  let text = '';
  return {
    leave,
    async next() {
      for (;;) {
        const end = text.indexOf('\n\n');
        if (end === -1) {
          const { value, done } = await iterator.next();
          if (done === true) return null;
          text += Buffer.from(value).toString();
          continue;
        }
        const block = text.slice(0, end);
        text = text.slice(end + 2);
        const match = /^event: (\w+)\ndata: (.*)$/.exec(block);
        if (match === null) continue;
        return { event: match[1]!, data: JSON.parse(match[2]!) as Record<string, unknown> };
      }
    },
  };
}

const openers: Record<string, (app: App, target: string) => Promise<Stream>> = {
  'through fetch': async (app, target) => {
    const stop = new AbortController();
    const url = `http://raincheck.test${target}`;
    const response = await fetchHandler(app)(new Request(url, { signal: stop.signal }));
    assert.equal(response.status, 200);
    assert.equal(response.headers.get('content-type'), 'text/event-stream; charset=utf-8');
    assert.equal(response.headers.get('cache-control'), 'no-cache, no-transform');
    return reading(response.body as AsyncIterable<Uint8Array>, () => stop.abort());
  },
  'through node:http': async (app, target) => {
    const { port, close } = await listening(app);
    const req = httpRequest({ host: '127.0.0.1', port, path: target });
    req.on('error', () => undefined);
    const res = await new Promise<NodeJS.ReadableStream>((resolve) => {
      req.on('response', resolve);
      req.end();
    });
    return reading(res as AsyncIterable<Uint8Array>, () => {
      req.destroy();
      void close();
    });
  },
};

for (const transport of transports) {
  describe(`The events of all operations ${transport.name}`, () => {
    let k: Kit;
    before(async () => {
      k = await kit();
    });
    after(() => k.stop());
    const open = (target: string): Promise<Stream> => openers[transport.name]!(k.app, target);
    const submit = async (task: string): Promise<string> => {
      const { send, close } = await viaFetch.open(k.app);
      const { id } = (await send('POST', task)).json;
      await close();
      return id as string;
    };

    it('begin with the counts, and tell each operation as the list has it', async () => {
      const stream = await open('/events?task=digits');
      const first = await stream.next();
      assert.equal(first?.event, 'tick');
      assert.deepEqual(Object.keys(first.data), ['pending', 'processing', 'completed', 'failed']);
      await submit('/echo');
      const id = await submit('/digits');
      let last: Told | null = null;
      const ids = new Set<unknown>();
      while (last?.data['status'] !== 'completed') {
        last = await stream.next();
        assert.ok(last !== null);
        if (last.event === 'operation') ids.add(last.data['id']);
      }
      assert.deepEqual([...ids], [id]);
      const { send } = await viaFetch.open(k.app);
      const { json: page } = await send('GET', '/operations?task=digits');
      assert.deepEqual(last.data, page.operations[0]);
      let tick = await stream.next();
      while (tick?.event !== 'tick') tick = await stream.next();
      assert.deepEqual(tick.data, { pending: 0, processing: 0, completed: 1, failed: 0 });
      stream.leave();
    });

    it('end with the server', async () => {
      const other = await kit();
      const stream = await openers[transport.name]!(other.app, '/events');
      await stream.next();
      await other.stop();
      assert.equal(await stream.next(), null);
      stream.leave();
    });

    it('answer HEAD without a stream, and a second `task` with 400', async () => {
      const { send, close } = await transport.open(k.app);
      const head = await send('HEAD', '/events');
      assert.deepEqual([head.status, head.text], [200, '']);
      assertProblem(await send('GET', '/events?task=a&task=b'), 'invalid_request');
      await close();
    });
  });
}

describe('A stream of all operations', () => {
  const quiet = () => {
    const clock = new ManualClock();
    const engine = createEngine({
      store: memoryStore(),
      tasks: [defineTask('echo', { run: () => 1 })],
      clock,
    });
    return { clock, engine, app: createApp({ engine }) };
  };

  it('is refused past the limit, and has its place back when its reader goes', async () => {
    const { engine, app } = quiet();
    const ask = () => fetchHandler(app)(new Request('http://raincheck.test/events'));
    const all = await Promise.all(Array.from({ length: limits.feedStreamsMax }, ask));
    const refused = await ask();
    assert.equal(refused.status, 503);
    assert.equal(((await refused.json()) as { code: string }).code, 'streams_full');
    assert.ok(refused.headers.has('retry-after'));
    for (const response of all) await response.body?.cancel();
    const again = await ask();
    assert.equal(again.status, 200);
    await again.body?.cancel();
    await engine.stop({ now: true });
  });

  it('leaves room for the other tokens, however many one of them opens', async () => {
    const tokens = ['one', 'two'].map((name) => ({
      name,
      token: `token-${name}`,
      scopes: ['read'] as const,
    }));
    const { engine } = quiet();
    const app = createApp({ engine, token: 'token-of-the-owner', tokens });
    const ask = (token: string) => {
      const headers = { authorization: `Bearer ${token}` };
      return fetchHandler(app)(new Request('http://raincheck.test/events', { headers }));
    };
    const readers = Array.from({ length: limits.feedStreamsPerToken }, () => ask('token-one'));
    const held = await Promise.all(readers);
    assert.ok(held.every(({ status }) => status === 200));
    const refused = await ask('token-one');
    assert.equal(refused.status, 503);
    const problem = (await refused.json()) as { code: string; detail: string };
    assert.equal(problem.code, 'streams_full');
    assert.match(problem.detail, /This token has its 50 streams/);
    assert.ok(refused.headers.has('retry-after'));
    for (const other of ['token-two', 'token-of-the-owner']) {
      const response = await ask(other);
      assert.equal(response.status, 200);
      await response.body?.cancel();
    }
    await held[0]!.body?.cancel();
    const again = await ask('token-one');
    assert.equal(again.status, 200);
    for (const { body } of [...held.slice(1), again]) await body?.cancel();
    await engine.stop({ now: true });
  });

  it('leaves nothing behind when its reader goes away, also in the middle', async () => {
    const { clock, engine, app } = quiet();
    const { sleepers } = clock;
    const response = await fetchHandler(app)(new Request('http://raincheck.test/events'));
    const reader = response.body!.getReader();
    await reader.read();
    const tick = reader.read();
    await clock.advance(0);
    assert.match(Buffer.from((await tick).value ?? []).toString(), /^event: tick\n/);
    const waiting = reader.read();
    await clock.advance(0);
    await reader.cancel();
    await waiting;
    await clock.advance(0);
    assert.equal(clock.sleepers, sleepers);
    await engine.stop({ now: true });
  });
});
