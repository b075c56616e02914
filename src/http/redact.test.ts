import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { z } from 'zod';
import type { WireOperation, WireOperationPage } from '../core/wire-operation.ts';
import { createEngine } from '../engine/create-engine.ts';
import { defineTask } from '../engine/define-task.ts';
import type { Engine } from '../engine/engine.ts';
import { memoryStore } from '../store-memory/memory-store.ts';
import { collectingLogger, type LogLine } from '../engine/engine.fixture.ts';
import { createApp } from './app.ts';
import { DocumentedAnswers } from './openapi/document.fixture.ts';
import { assertProblem, transports, type Answer } from './transports.fixture.ts';

const secret = 's3cret-4111';
const json = { 'content-type': 'application/json' };

for (const transport of transports) {
  describe(`What a task redacts ${transport.name}`, () => {
    const seen: unknown[] = [];
    const store = memoryStore();
    const { logger, lines } = collectingLogger();
    let engine: Engine;
    let later: Engine;
    let send: (method: string, target: string, body?: unknown) => Promise<Answer>;
    let askLater: (target: string) => Promise<Answer>;
    const closing: (() => Promise<void>)[] = [];
    const pay = defineTask('pay', {
      input: z.object({
        apiKey: z.string(),
        of: z.string(),
        cards: z.array(z.object({ number: z.string(), name: z.string() })).default([]),
      }),
      redact: ['input.apiKey', 'input.cards.number'],
      attempts: 1,
      run({ input }) {
        seen.push(input);
        throw new Error(`No money for ${input.of}`);
      },
    });
    const plain = defineTask('plain', { run: () => null });

    before(async () => {
      engine = createEngine({ store, logger, tasks: [pay, plain] });
      later = createEngine({ store, logger, tasks: [plain] });
      await engine.start();
      const opened = await transport.open(createApp({ engine, logger }));
      const openedLater = await transport.open(createApp({ engine: later }));
      closing.push(opened.close, openedLater.close);
      const documented = new DocumentedAnswers((await opened.send('GET', '/openapi.json')).json);
      send = async (method, target, body) => {
        const sent = body === undefined ? {} : { headers: json, body: JSON.stringify(body) };
        const answer = await opened.send(method, target, sent);
        documented.check(method, target, answer);
        return answer;
      };
      askLater = (target) => openedLater.send('GET', target);
    });
    after(async () => {
      for (const close of closing) await close();
      await engine.stop({ now: true });
    });

    async function failed(body: unknown, target = '/pay'): Promise<WireOperation> {
      const answer = await send('POST', target, body);
      assert.equal(answer.status, 202, answer.text);
      const { id } = answer.json as WireOperation;
      await engine.waitFor({ id, tenant: '', until: 'final', version: 0, timeoutMs: 10_000 });
      return (await send('GET', `/operations/${id}`)).json as WireOperation;
    }
    const order = () => ({
      apiKey: secret,
      of: 'me',
      cards: [
        { number: `${secret}-1`, name: 'a' },
        { number: `${secret}-2`, name: 'b' },
      ],
    });
    const shown = () => ({
      apiKey: '[redacted]',
      of: 'me',
      cards: [
        { number: '[redacted]', name: 'a' },
        { number: '[redacted]', name: 'b' },
      ],
    });
    async function found(query: string): Promise<string[]> {
      const answer = await send('GET', `/operations?${query}`);
      assert.equal(answer.status, 200, answer.text);
      return (answer.json as WireOperationPage).operations.map(({ id }) => id);
    }

    it('reaches the handler, and nobody who reads', async () => {
      const { id } = await failed(order());
      assert.deepEqual(seen.at(-1), order());
      assert.deepEqual((await send('GET', `/operations/${id}/input`)).json, shown());
      const reads = ['', '/logs', '/events?logs=1', '/result'].map(
        (end) => `/operations/${id}${end}`,
      );
      for (const target of [...reads, '/operations', '/errors', '/tasks', `/pay/${id}`]) {
        const { text } = await send('GET', target);
        assert.ok(!text.includes(secret), `${target}: ${text}`);
      }
      const told = lines.map(({ fields, message }: LogLine) => JSON.stringify([fields, message]));
      assert.ok(!told.some((line) => line.includes(secret)));
      assert.deepEqual((await send('GET', '/tasks/pay')).json.redact, pay.redact);
    });

    it('is kept back as a whole where the task is not defined', async () => {
      const { id } = await failed(order());
      const answer = await askLater(`/operations/${id}/input`);
      assert.deepEqual([answer.status, answer.json], [200, '[redacted]']);
      for (const query of ['input.apiKey', 'input.of'].map((path) => `${path}=me`)) {
        assert.deepEqual((await askLater(`/operations?${query}`)).json.operations, []);
      }
      assert.deepEqual((await askLater(`/operations?q=${secret}`)).json.operations, []);
      assert.equal((await askLater(`/operations?q=${id}`)).json.operations.length, 1);
    });

    it('is no filter: by its members refused, by a search not looked at', async () => {
      const { id } = await failed({ ...order(), of: 'someone' });
      const other = await failed({ apiKey: secret, note: 'someone' }, '/plain');
      for (const path of ['apiKey', 'apiKey.x', 'cards.number']) {
        for (const query of [`input.${path}=${secret}`, `input.of=me&input.${path}=x&task=pay`]) {
          const answer = await send('GET', `/operations?${query}`);
          assertProblem(answer, 'invalid_request');
          assert.match(
            answer.json.detail,
            /^`input\.[a-z.]+` cannot be filtered by: .*`pay` redacts/i,
          );
        }
        for (const dry_run of [true, false]) {
          const body = { filter: { input: { [path]: secret } }, dry_run };
          const answer = await send('POST', '/operations:batch-retry', body);
          assertProblem(answer, 'validation_failed');
          assert.equal(answer.json.errors[0].pointer, `/filter/input/${path}`);
        }
      }
      assert.deepEqual(await found(`q=${secret}`), [other.id]);
      assert.deepEqual(await found('q=someone'), [other.id, id], 'the error of one has it');
      assert.deepEqual(await found('input.of=someone'), [id]);
      assert.deepEqual(await found(`task=plain&input.apiKey=${secret}`), [other.id]);
      const body = { filter: { q: secret, task: 'pay' }, dry_run: true };
      assert.equal((await send('POST', '/operations:batch-retry', body)).json.count, 0);
    });

    it('comes back at a retry: of the input as it was shown, edited or not at all', async () => {
      const { id } = await failed(order());
      const retry = (body?: unknown): Promise<WireOperation> =>
        failed(body ?? {}, `/operations/${id}/retry`);
      await retry();
      assert.deepEqual(seen.at(-1), order());
      const next = await retry({ input: { ...shown(), of: 'you' } });
      assert.deepEqual(seen.at(-1), { ...order(), of: 'you' });
      assert.deepEqual((await send('GET', `/operations/${next.id}/input`)).json, {
        ...shown(),
        of: 'you',
      });
      await retry({ input: { ...shown(), apiKey: 'another' } });
      assert.deepEqual(seen.at(-1), { ...order(), apiKey: 'another' });
    });

    it('is never taken for what stands in its place', async () => {
      const { id } = await failed({ apiKey: secret, of: 'x', cards: order().cards });
      const moved = { ...shown(), cards: shown().cards.slice(1) };
      const before = seen.length;
      const retried = await send('POST', `/operations/${id}/retry`, { input: moved });
      assertProblem(retried, 'validation_failed');
      assert.equal(retried.json.errors[0].pointer, '/input/cards/0/number');
      assert.match(retried.json.errors[0].detail, /Send the value itself/);
      const submitted = await send('POST', '/pay', shown());
      assertProblem(submitted, 'validation_failed');
      assert.deepEqual(
        submitted.json.errors.map((one: { pointer: string }) => one.pointer),
        ['/apiKey', '/cards/0/number', '/cards/1/number'],
      );
      assert.equal(seen.length, before);
    });

    it('a batch is not retried with a filter by it', async () => {
      const body = { filter: { task: 'plain' } };
      const { json } = await send('POST', '/operations:batch-retry?delay=1h', body);
      await send('POST', `/operations/${json.id}/cancel`);
      const input = { filter: { input: { apiKey: secret } } };
      const answer = await send('POST', `/operations/${json.id}/retry`, { input });
      assertProblem(answer, 'validation_failed');
      assert.match(answer.text, /`input.apiKey` cannot be filtered by/);
    });

    it('a batch of retries uses what is stored', async () => {
      const { id } = await failed({ ...order(), of: 'batch' });
      const filter = { input: { of: 'batch' } };
      await failed({ filter }, '/operations:batch-retry');
      const [again] = await found('input.of=batch&limit=1');
      assert.ok(again !== undefined && again !== id);
      await engine.waitFor({
        id: again,
        tenant: '',
        until: 'final',
        version: 0,
        timeoutMs: 10_000,
      });
      assert.deepEqual(seen.at(-1), { ...order(), of: 'batch' });
    });
  });
}
