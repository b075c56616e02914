import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import type { Operation } from '../core/operation.ts';
import { faultyStore } from '../testing/faulty-store.ts';
import { memoryStore } from '../store-memory/memory-store.ts';
import { redriveTask } from './redrive-input.ts';
import type { Redriven } from './redrive-task.ts';
import {
  answered,
  webhooksFixture,
  type Script,
  type WebhooksFixture,
} from './webhooks.fixture.ts';

/** `count` dead letters, and a receiver that accepts everything from then on. */
async function withDeadLetters(
  t: TestContext,
  count: number,
  p: Parameters<typeof webhooksFixture>[1] & { readonly later?: Script } = {},
): Promise<WebhooksFixture> {
  let isUp = false;
  const { later = () => 200, ...options } = p;
  const script: Script = (sent) => (isUp ? later(sent) : answered(422, { abort: true }));
  const f = await webhooksFixture(t, { script, ...options });
  for (let i = 0; i < count; i += 1) {
    await f.complete({ url: `https://hooks.example/${i % 2 === 0 ? 'even' : 'odd'}` });
  }
  // No time passes: they may be redriven in the very millisecond in which they died.
  await f.clock.advance(0);
  assert.equal((await f.deliveries({ states: ['dead'] })).length, count);
  isUp = true;
  return f;
}

async function redrive(f: WebhooksFixture, body: object): Promise<Operation> {
  const input = { value: body, text: JSON.stringify(body) };
  const { operation } = await f.engine.submit({ task: redriveTask.name, tenant: '', input });
  return operation;
}

function read(f: WebhooksFixture, { id }: Operation): Promise<Operation> {
  return f.engine.read({ id, tenant: '' });
}

describe('A bulk redrive', () => {
  it('sends what its filter names again, with the ids and bodies as they were, at its pace', async (t) => {
    const f = await withDeadLetters(t, 20);
    const before = new Map(f.sent.map(({ id, body }) => [id, body]));
    const [{ endpointId } = { endpointId: '' }] = await f.deliveries();
    const sentBefore = f.sent.length;
    const operation = await redrive(f, { filter: { endpoint: endpointId }, per_second: 4 });
    await f.clock.advance(0);
    assert.equal(f.sent.length - sentBefore, 1, 'the first at once');
    await f.clock.advance(1_000);
    const running = await read(f, operation);
    assert.equal(running.state, 'running');
    assert.equal(running.progress?.total, 10);
    assert.equal(f.sent.length - sentBefore, 5, 'then four a second');
    await f.clock.advance(10_000);
    const { state, result } = await read(f, operation);
    assert.equal(state, 'completed');
    assert.deepEqual(JSON.parse(result?.inline ?? ''), {
      action: 'redrive',
      changed: 10,
      skipped: 0,
    });
    const again = f.sent.slice(sentBefore);
    assert.equal(new Set(again.map(({ id }) => id)).size, 10);
    for (const { id, body } of again) assert.equal(body, before.get(id));
    assert.equal((await f.deliveries({ states: ['dead'] })).length, 10, 'others are left alone');
  });

  it('can discard them for good', async (t) => {
    const f = await withDeadLetters(t, 3);
    const operation = await redrive(f, { filter: {}, action: 'discard', per_second: 1000 });
    await f.clock.advance(1_000);
    const { result } = await read(f, operation);
    assert.deepEqual(JSON.parse(result?.inline ?? ''), {
      action: 'discard',
      changed: 3,
      skipped: 0,
    });
    assert.equal((await f.deliveries({ states: ['cancelled'] })).length, 3);
    assert.equal(f.sent.length, 3);
  });

  it('discards nothing that another one has sent again meanwhile', async (t) => {
    const f = await withDeadLetters(t, 6, { later: () => 500 });
    // Both have listed the same six before the first of them changes any.
    const sending = await redrive(f, { filter: {}, per_second: 1000 });
    const giving = await redrive(f, { filter: {}, action: 'discard', per_second: 2 });
    await f.clock.advance(4_000);
    const told = async (one: Operation) =>
      JSON.parse((await read(f, one)).result?.inline ?? '') as Redriven;
    const [sent, given] = [await told(sending), await told(giving)];
    assert.equal(sent.changed + given.changed, 6);
    const count = async (state: 'pending' | 'cancelled') =>
      (await f.deliveries({ states: [state] })).length;
    const counted = [await count('pending'), await count('cancelled')];
    assert.deepEqual(counted, [sent.changed, given.changed]);
    assert.ok(sent.changed > 0);
  });

  it('leaves what died again since to the next one, however long the receiver stays down', async (t) => {
    const f = await withDeadLetters(t, 6, { later: () => answered(422, { abort: true }) });
    const operation = await redrive(f, { filter: {}, per_second: 2 });
    await f.clock.advance(60_000);
    assert.equal((await read(f, operation)).state, 'completed');
    assert.equal(f.sent.length, 12);
    assert.equal((await f.deliveries({ states: ['dead'] })).length, 6);
  });

  it('leaves to another one what that has sent again already', async (t) => {
    const f = await withDeadLetters(t, 6);
    // All three have listed the same six before the first of them changes any.
    const operations = [];
    for (let i = 0; i < 3; i += 1) operations.push(await redrive(f, { filter: {}, per_second: 4 }));
    await f.clock.advance(60_000);
    const results = await Promise.all(operations.map((one) => read(f, one)));
    const told = results.map(({ result }) => JSON.parse(result?.inline ?? '') as Redriven);
    assert.equal(f.sent.length, 12, 'each once more');
    assert.equal(
      told.reduce((sum, { changed }) => sum + changed, 0),
      6,
    );
    for (const { changed, skipped } of told) assert.equal(changed + skipped, 6);
  });

  it('stops when it is cancelled', async (t) => {
    const f = await withDeadLetters(t, 10);
    const operation = await redrive(f, { filter: {}, per_second: 1 });
    await f.clock.advance(2_500);
    await f.engine.cancel({ id: operation.id, tenant: '' });
    await f.clock.advance(60_000);
    const { state, error } = await read(f, operation);
    assert.deepEqual([state, error?.code], ['failed', 'cancelled']);
    assert.equal((await f.deliveries({ states: ['dead'] })).length, 7);
  });

  for (const status of [200, 422]) {
    it(`goes on half-way with the next process, and sends nothing twice, when ${status} is the answer`, async (t) => {
      const store = memoryStore();
      const later: Script = () => answered(status, { abort: status === 422 });
      const f = await withDeadLetters(t, 10, { store, later });
      const operation = await redrive(f, { filter: {}, per_second: 1 });
      await f.clock.advance(3_500);
      // A graceful stop hands the attempt back; a kill does the same when the lease ends
      // (test/chaos).
      await f.engine.stop({ now: true });
      await f.webhooks.stop({ now: true });
      const next = await webhooksFixture(t, { store, clock: f.clock, script: later });
      await f.clock.advance(60_000);
      const { state, result, progress } = await read(next, operation);
      assert.equal(state, 'completed');
      const told = { action: 'redrive', changed: 10, skipped: 0 };
      assert.deepEqual(JSON.parse(result?.inline ?? ''), told);
      assert.equal(progress?.current, 10);
      const all = [...f.sent.slice(10), ...next.sent].map(({ id }) => id);
      assert.equal(all.length, 10);
      assert.equal(new Set(all).size, 10);
    });
  }

  for (const when of ['before', 'after'] as const) {
    it(`is tried again when the store fails ${when} a call took effect`, async (t) => {
      const faulty = faultyStore(memoryStore(), { nth: 1, when, verbs: ['redeliver'] });
      const f = await withDeadLetters(t, 5, { store: faulty.store });
      const operation = await redrive(f, { filter: {}, per_second: 1000 });
      await f.clock.advance(60_000);
      assert.equal(faulty.failures(), 1);
      const { state, attempt, result } = await read(f, operation);
      assert.deepEqual([state, attempt], ['completed', 2]);
      const told = { action: 'redrive', changed: 5, skipped: 0 };
      assert.deepEqual(JSON.parse(result?.inline ?? ''), told);
      assert.equal((await f.deliveries({ states: ['delivered'] })).length, 5);
      assert.equal(f.sent.length, 10, 'each once more');
    });
  }

  for (const verb of ['redeliver', 'writeNote', 'settleAttempts'] as const) {
    for (const when of ['before', 'after'] as const) {
      it(`tells all that it did, the store gone ${when} any ${verb}`, async (t) => {
        for (let nth = 1; ; nth += 1) {
          const inner = memoryStore();
          const dead = await withDeadLetters(t, 6, { store: inner });
          await dead.engine.stop({ now: true });
          await dead.webhooks.stop({ now: true });
          const faulty = faultyStore(inner, { nth, when, verbs: [verb] });
          const f = await webhooksFixture(t, { store: faulty.store, clock: dead.clock });
          const operation = await redrive(f, { filter: {}, per_second: 8 });
          await f.clock.advance(60_000);
          const { result } = await read(f, operation);
          const told = { action: 'redrive', changed: 6, skipped: 0 };
          assert.deepEqual(JSON.parse(result?.inline ?? ''), told, `the ${nth}th`);
          assert.equal(f.sent.length, 6);
          if (faulty.failures() === 0) break;
        }
      });
    }
  }

  it('leaves no more notes behind than one', async (t) => {
    const f = await withDeadLetters(t, 2);
    for (let i = 0; i < 3; i += 1) {
      await redrive(f, { filter: {}, per_second: 1000 });
      await f.clock.advance(1_000);
    }
    const notes = await f.store.readNotes({ prefix: 'redrive:', now: f.clock.now() });
    assert.ok(notes.length <= 1, JSON.stringify(notes));
  });

  it('refuses a filter it does not know, naming the member', async (t) => {
    const f = await webhooksFixture(t);
    await assert.rejects(redrive(f, { filter: { endpiont: 'x' } }), (error: Error) => {
      assert.match(error.message, /\/filter\/endpiont.*Did you mean `endpoint`/);
      return true;
    });
  });

  it('is of no task that anyone can see, pause or submit by its name', async (t) => {
    const f = await webhooksFixture(t);
    assert.deepEqual([...f.engine.tasks.keys()], ['quick']);
    // Registered endpoints get its events only when they name the task.
    await f.register();
    await redrive(f, { filter: {} });
    await f.clock.advance(1_000);
    assert.deepEqual(f.sent, []);
  });
});
