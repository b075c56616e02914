import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { scriptedServer, type Scripted } from '../../test/support/scripted-server.ts';
import { completed, sampleId, wireOperation } from '../../test/support/wire-samples.ts';
import type { WireOperation } from '../core/wire-operation.ts';
import { kit, listening } from '../http/transports.fixture.ts';
import { createClient } from './client.ts';
import type { OperationEvent } from './events.ts';
import { ProblemError } from './problem.ts';

const running = (fraction: number): WireOperation =>
  wireOperation({
    status: 'processing',
    attempt: 1,
    progress: {
      fraction,
      message: null,
      current: null,
      total: null,
      updated_at: `2026-01-01T00:00:0${fraction * 10}.000Z`,
    },
  });

function stream(...events: readonly (readonly [number, WireOperation])[]): Scripted {
  const body = events
    .map(([id, operation]) => `id: ${id}\nevent: x\ndata: ${JSON.stringify(operation)}\n\n`)
    .join('');
  return { status: 200, body, headers: { 'content-type': 'text/event-stream' } };
}

async function all(events: AsyncIterable<OperationEvent>): Promise<string[]> {
  const told: string[] = [];
  for await (const { type, operation } of events) {
    told.push(`${type} ${operation.progress?.fraction ?? ''}`.trim());
  }
  return told;
}

const atOnce = {
  now: () => performance.now(),
  // Pauses between two connections take no time, and the silence timeout never fires.
  sleep: (ms: number) => (ms < 10_000 ? Promise.resolve() : new Promise<void>(() => undefined)),
};

describe('events()', () => {
  it('follows the stream of a real server to the end', async () => {
    const k = await kit();
    const { port, close } = await listening(k.app);
    const client = createClient({ baseUrl: `http://127.0.0.1:${port}` });
    const operation = await client.submit('held', {});
    const told: string[] = [];
    for await (const { type } of operation.events()) {
      told.push(type);
      k.release();
    }
    assert.equal(told.at(-1), 'completed');
    await k.stop();
    await close();
  });

  it('takes a broken stream up where it was', async () => {
    await using server = await scriptedServer((_, number) =>
      number === 1
        ? stream([3, running(0.1)], [4, running(0.2)])
        : stream([5, running(0.3)], [6, completed('made')]),
    );
    const client = createClient({ baseUrl: server.url, clock: atOnce });
    assert.deepEqual(await all(client.operation(sampleId).events()), [
      'status 0.1',
      'progress 0.2',
      'progress 0.3',
      'completed',
    ]);
    const ids = server.seen.map(({ headers }) => headers['last-event-id']);
    assert.deepEqual(ids, [undefined, '4']);
  });

  const none: readonly (readonly [string, Scripted])[] = [
    ['a server that knows no streams', { status: 200, body: running(0.1) }],
    ['a server whose streams are full', { status: 503, headers: { 'retry-after': '60' } }],
    ['a proxy that ends every stream without an event', stream()],
  ];
  for (const [what, reply] of none) {
    it(`polls ${what}`, async () => {
      let looks = 0;
      await using server = await scriptedServer(({ headers }) => {
        if (headers.accept === 'text/event-stream') return reply;
        looks += 1;
        return { status: 200, body: looks < 3 ? running(looks / 10) : completed('made') };
      });
      const client = createClient({ baseUrl: server.url, clock: atOnce });
      const told = await all(client.operation(sampleId).events());
      assert.equal(told.at(-1), 'completed');
      assert.ok(told.length >= 2, told.join());
    });
  }

  it('ends with the reason of its signal, and throws what the server says', async () => {
    await using server = await scriptedServer(({ path }) =>
      path.endsWith(sampleId) ? 'hang' : { status: 404, body: { status: 404 } },
    );
    const client = createClient({ baseUrl: server.url });
    const stop = new AbortController();
    const reading = all(client.operation(sampleId).events({ signal: stop.signal }));
    stop.abort(new Error('enough'));
    await assert.rejects(reading, /enough/);
    await assert.rejects(all(client.operation(`${sampleId}X`).events()), ProblemError);
  });
});
