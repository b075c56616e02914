import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { webhookEvents } from '../core/delivery.ts';
import type { WireOperationEvent } from '../core/wire-webhook.ts';
import { defineTask } from '../engine/define-task.ts';
import { gate } from '../engine/engine.fixture.ts';
import type { TaskContext } from '../engine/task.ts';
import { memoryStore } from '../store-memory/memory-store.ts';
import type { Store } from '../store/store.ts';
import { hook, target, webhooksFixture, type Sent } from './webhooks.fixture.ts';

/** A task whose progress the test reports until the test lets it end. */
function steered() {
  const context = gate<TaskContext>();
  const work = gate<null>();
  const task = defineTask('steered', {
    run(given) {
      context.open(given as TaskContext);
      return work.promise;
    },
  });
  return { task, context: context.promise, work };
}

const input = { value: null, text: 'null' };

function told(sent: readonly Sent[]): string[] {
  return sent.map(({ body }) => {
    const { type, data } = JSON.parse(body) as WireOperationEvent;
    const { progress } = data.operation;
    return progress === null ? type : `${type} ${progress.fraction}`;
  });
}

describe('Events before the end', () => {
  it('tell the start and the progress to a request that asks for them, at most every 500 ms', async (t) => {
    const { task, context, work } = steered();
    const f = await webhooksFixture(t, { tasks: [task] });
    const webhook = target(hook, webhookEvents);
    await f.engine.submit({ task: 'steered', tenant: '', input, webhook });
    const { progress } = await context;
    await f.clock.advance(0);
    assert.deepEqual(told(f.sent), ['operation.started']);
    for (let i = 1; i <= 40; i += 1) {
      progress(i / 100);
      await f.clock.advance(50);
    }
    const events = f.sent.slice(1);
    assert.deepEqual(told(events).slice(0, 3), [
      'operation.progress 0.01',
      'operation.progress 0.1',
      'operation.progress 0.2',
    ]);
    const gaps = events.slice(1).map(({ at }, i) => at - events[i]!.at);
    assert.ok(
      gaps.every((gap) => gap >= 500),
      String(gaps),
    );
    work.open(null);
    await f.clock.advance(5_000);
    assert.match(told(f.sent).at(-1)!, /^operation\.completed/);
    assert.equal(f.sent.filter(({ event }) => event === 'operation.completed').length, 1);
  });

  it('are told to registered endpoints that ask for them, from the moment they are registered', async (t) => {
    const { task, context, work } = steered();
    const f = await webhooksFixture(t, { tasks: [task] });
    await f.register({ url: 'https://final.example/' });
    await f.engine.submit({ task: 'steered', tenant: '', input });
    const { progress } = await context;
    await f.clock.advance(0);
    progress(0.1);
    await f.clock.advance(1_000);
    assert.deepEqual(f.sent, []);
    await f.register({ events: ['operation.progress'] });
    progress(0.2);
    await f.clock.advance(1_000);
    assert.deepEqual(told(f.sent), ['operation.progress 0.2']);
    work.open(null);
    await f.clock.advance(1_000);
    assert.deepEqual(told(f.sent), ['operation.progress 0.2', 'operation.completed 0.2']);
  });

  it('are never retried, and no dead letters', async (t) => {
    const { task } = steered();
    const f = await webhooksFixture(t, { tasks: [task], script: () => 500 });
    const webhook = target(hook, ['operation.started']);
    await f.engine.submit({ task: 'steered', tenant: '', input, webhook });
    await f.clock.advance(60_000);
    assert.equal(f.sent.length, 1);
    assert.deepEqual(
      (await f.deliveries()).map(({ state }) => state),
      ['cancelled'],
    );
  });

  it('come no more once the end is on its way, not even what was held back', async (t) => {
    const { task, context, work } = steered();
    // Nothing is sent yet: events that wait when the end comes are overtaken by it.
    const f = await webhooksFixture(t, { tasks: [task], start: false });
    const webhook = target(hook, webhookEvents);
    await f.engine.submit({ task: 'steered', tenant: '', input, webhook });
    const { progress } = await context;
    progress(0.1);
    await f.clock.advance(400);
    progress(0.2); // goes out at 500 ms
    await f.clock.advance(0);
    work.open(null);
    await f.clock.advance(5_000);
    const states = (await f.deliveries()).map(({ event, state }) => `${event} ${state}`);
    assert.deepEqual(states.sort(), [
      'operation.completed pending',
      'operation.progress cancelled',
      'operation.started cancelled',
    ]);
    await f.webhooks.start();
    await f.clock.advance(0);
    assert.deepEqual(told(f.sent), ['operation.completed 0.2']);
  });

  it('cost the store nothing when nobody asks', async (t) => {
    const calls = new Map<string, number>();
    const f = await webhooksFixture(t, { store: counting(calls) });
    await f.complete({ webhook: undefined });
    await f.clock.advance(0);
    calls.clear();
    for (let i = 0; i < 50; i += 1) await f.complete({ webhook: undefined });
    assert.deepEqual(
      [calls.get('listEndpoints'), calls.get('createDeliveries')],
      [undefined, undefined],
    );
  });
});

function counting(calls: Map<string, number>): Store {
  return new Proxy(memoryStore(), {
    get(inner, verb) {
      const value: unknown = Reflect.get(inner, verb);
      if (typeof value !== 'function') return value;
      return (p: unknown): unknown => {
        calls.set(String(verb), (calls.get(String(verb)) ?? 0) + 1);
        return Reflect.apply(value, inner, [p]);
      };
    },
  });
}
