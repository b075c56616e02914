import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { scriptedServer, type Scripted } from '../../test/support/scripted-server.ts';
import { completed, sampleId, wireOperation } from '../../test/support/wire-samples.ts';
import type { WireLogLine } from '../core/wire-operation.ts';
import { createEngine } from '../engine/create-engine.ts';
import { defineTask } from '../engine/define-task.ts';
import { createApp } from '../http/app.ts';
import { listening } from '../http/transports.fixture.ts';
import { memoryStore } from '../store-memory/memory-store.ts';
import { createClient } from './client.ts';
import { ProblemError } from './problem.ts';

const line = (number: number): WireLogLine => ({
  number,
  at: '2026-01-01T00:00:00.000Z',
  attempt: 1,
  level: 'info',
  message: `line ${number}`,
  fields: null,
});

function page(...numbers: number[]): Scripted {
  return { status: 200, body: { lines: numbers.map(line), next_after: numbers.at(-1) ?? 0 } };
}

function stream(...events: readonly (readonly [string, unknown])[]): Scripted {
  const body = events
    .map(([event, data]) => `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`)
    .join('');
  return { status: 200, body, headers: { 'content-type': 'text/event-stream' } };
}

async function numbers(lines: AsyncIterable<WireLogLine>): Promise<number[]> {
  const told: number[] = [];
  for await (const { number } of lines) told.push(number);
  return told;
}

const atOnce = {
  now: () => performance.now(),
  sleep: (ms: number) => (ms < 10_000 ? Promise.resolve() : new Promise<void>(() => undefined)),
};

describe('logs()', () => {
  it('gives what there is, and with follow what comes, of a real server', async () => {
    const next = Promise.withResolvers<void>();
    const task = defineTask('talker', {
      async run({ log }) {
        log.info('one', { n: 1 });
        await next.promise;
        log.warn('two');
      },
    });
    const engine = createEngine({ store: memoryStore(), tasks: [task] });
    await engine.start();
    const { port, close } = await listening(createApp({ engine, version: '0.0.0' }));
    const client = createClient({ baseUrl: `http://127.0.0.1:${port}` });
    const operation = await client.submit('talker', {});
    const told: string[] = [];
    for await (const { message, level, fields } of operation.logs({ follow: true })) {
      told.push(`${level} ${message} ${JSON.stringify(fields)}`);
      next.resolve();
    }
    assert.deepEqual(told, ['info one {"n":1}', 'warn two null']);
    assert.equal((await operation.status()).status, 'completed');
    assert.deepEqual(await numbers(operation.logs()), [1, 2]);
    assert.deepEqual(await numbers(operation.logs({ after: 1, follow: true })), [2]);
    await engine.stop({ now: true });
    await close();
  });

  it('asks for pages until there are no more', async () => {
    await using server = await scriptedServer((_, number) =>
      number === 1 ? page(5, 6) : number === 2 ? page(7) : page(),
    );
    const client = createClient({ baseUrl: server.url });
    assert.deepEqual(await numbers(client.operation(sampleId).logs({ after: 4 })), [5, 6, 7]);
    assert.deepEqual(
      server.seen.map(({ query }) => query.get('after')),
      ['4', '6', '7'],
    );
  });

  it('takes a broken stream up where it was, each line once', async () => {
    await using server = await scriptedServer(({ path }, number) => {
      if (path.includes('/logs')) return page();
      return number === 2
        ? stream(['status', wireOperation()], ['log', { lines: [line(1), line(2)], next_after: 2 }])
        : stream(
            ['log', { lines: [line(2), line(3)], next_after: 3 }],
            ['completed', completed(1)],
          );
    });
    const client = createClient({ baseUrl: server.url, clock: atOnce });
    assert.deepEqual(await numbers(client.operation(sampleId).logs({ follow: true })), [1, 2, 3]);
    const { path, query } = server.seen.at(-1)!;
    assert.match(path, /\/events$/);
    assert.equal(query.toString(), 'logs=1&logs_after=2');
  });

  it('polls where there is no stream, to the lines after the end', async () => {
    let looks = 0;
    let asked = 0;
    await using server = await scriptedServer(({ path }) => {
      if (path.includes('/events')) return { status: 503, headers: { 'retry-after': '60' } };
      if (path.includes('/logs')) {
        asked += 1;
        return [2, 4].includes(asked) ? page(asked) : page();
      }
      looks += 1;
      return { status: 200, body: looks < 2 ? wireOperation() : completed(1) };
    });
    const client = createClient({ baseUrl: server.url, clock: atOnce, patience: 0 });
    assert.deepEqual(await numbers(client.operation(sampleId).logs({ follow: true })), [2, 4]);
  });

  it('says what the server says of an operation that there is not', async () => {
    await using server = await scriptedServer(() => ({
      status: 404,
      body: { type: 'about:blank', title: 'No', status: 404, code: 'operation_not_found' },
    }));
    const client = createClient({ baseUrl: server.url });
    await assert.rejects(
      numbers(client.operation(sampleId).logs({ follow: true })),
      (error) => error instanceof ProblemError && error.status === 404,
    );
  });
});
