import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { scriptedServer, type Scripted } from '../../test/support/scripted-server.ts';
import { wireOperation } from '../../test/support/wire-samples.ts';
import { kit, listening } from '../http/transports.fixture.ts';
import { createClient } from './client.ts';
import type { FeedEvent } from './feed.ts';
import { NetworkError, ProblemError } from './problem.ts';

const atOnce = {
  now: () => performance.now(),
  // Pauses between two connections take no time, and the silence timeout never fires.
  sleep: (ms: number) => (ms < 10_000 ? Promise.resolve() : new Promise<void>(() => undefined)),
};

function stream(...events: readonly (readonly [string, unknown])[]): Scripted {
  const body = events
    .map(([event, data]) => `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`)
    .join('');
  return {
    status: 200,
    body: `retry: 2000\n\n${body}`,
    headers: { 'content-type': 'text/event-stream' },
  };
}

const tick = { pending: 1, processing: 2, completed: 3, failed: 4 };

describe('feed()', () => {
  it('follows a real server, and ends when the loop is left', async () => {
    const k = await kit();
    const { port, close } = await listening(k.app);
    const client = createClient({ baseUrl: `http://127.0.0.1:${port}` });
    const told: FeedEvent[] = [];
    let id = '';
    for await (const event of client.feed({ task: 'echo' })) {
      told.push(event);
      if (told.length === 1) ({ id } = await client.submit('echo', { a: 1 }));
      if (event.type === 'operation' && event.operation.status === 'completed') break;
    }
    assert.equal(told[0]?.type, 'tick');
    const last = told.at(-1);
    assert.ok(last?.type === 'operation' && last.operation.id === id);
    assert.ok(!('result' in last.operation));
    await k.stop();
    await close();
  });

  it('takes a connection that breaks up again, tells the gap and says when it is not live', async () => {
    const operation = wireOperation({ status: 'processing' });
    await using server = await scriptedServer((_, number) => {
      if (number === 2) return { status: 503 };
      if (number === 3) return 'hang up';
      return stream(['tick', tick], ['operation', operation], ['gap', { missed: 7 }], ['news', {}]);
    });
    const client = createClient({ baseUrl: server.url, clock: atOnce, patience: 0 });
    const states: string[] = [];
    const told: FeedEvent[] = [];
    for await (const event of client.feed({ onConnection: (state) => states.push(state) })) {
      if (told.push(event) === 5) break;
    }
    assert.deepEqual(told, [
      { type: 'tick', ...tick },
      { type: 'operation', operation },
      { type: 'gap', missed: 7 },
      { type: 'gap', missed: null },
      { type: 'tick', ...tick },
    ]);
    assert.deepEqual(states, ['live', 'reconnecting', 'live']);
  });

  it('throws what the server says no with, no answer at the start, and the reason of its signal', async () => {
    await using server = await scriptedServer((_, number) =>
      number === 1 ? { status: 403, body: { status: 403, code: 'forbidden' } } : 'hang',
    );
    const client = createClient({ baseUrl: server.url, clock: atOnce, patience: 0 });
    await assert.rejects(client.feed().next(), (error) => {
      return error instanceof ProblemError && error.status === 403;
    });
    const stop = new AbortController();
    const reading = client.feed({ signal: stop.signal }).next();
    stop.abort(new Error('enough'));
    await assert.rejects(reading, /enough/);
    const nobody = createClient({ baseUrl: 'http://127.0.0.1:1', clock: atOnce, patience: 0 });
    await assert.rejects(nobody.feed().next(), NetworkError);
  });
});

it('whoami() tells what the token may do', async () => {
  const tokens = [{ name: 'ci', token: 'rck_of_the_ci', scopes: ['submit', 'read'] }] as const;
  const k = await kit({ tokens });
  const { port, close } = await listening(k.app);
  const baseUrl = `http://127.0.0.1:${port}`;
  const client = createClient({ baseUrl, token: 'rck_of_the_ci' });
  assert.deepEqual(await client.whoami(), {
    name: 'ci',
    scopes: ['submit', 'read'],
    secured: true,
  });
  await k.stop();
  await close();
});
