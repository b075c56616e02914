import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { scriptedServer } from '../../test/support/scripted-server.ts';
import { completed, sampleId, wireOperation } from '../../test/support/wire-samples.ts';
import { kit, listening, type Kit } from '../http/transports.fixture.ts';
import { createClient, type Client } from './client.ts';
import { operationStore, type OperationSnapshot, type OperationStore } from './operation-store.ts';
import { NetworkError, ProblemError } from './problem.ts';

/** Resolves to the first snapshot that `wanted` accepts; listens until then. */
function snapshotWhen(
  store: OperationStore,
  wanted: (snapshot: OperationSnapshot) => boolean,
): Promise<OperationSnapshot> {
  return new Promise((resolve) => {
    const look = (): void => {
      const snapshot = store.getSnapshot();
      if (!wanted(snapshot)) return;
      leave();
      resolve(snapshot);
    };
    const leave = store.subscribe(look);
  });
}

describe('operationStore', () => {
  let k: Kit;
  let client: Client;
  let close: () => Promise<void>;
  let asked = 0;
  before(async () => {
    k = await kit();
    const server = await listening(k.app);
    close = server.close;
    client = createClient({
      baseUrl: `http://127.0.0.1:${server.port}`,
      fetch(...args) {
        asked += 1;
        return fetch(...args);
      },
    });
  });
  after(async () => {
    await k.stop();
    await close();
  });

  it('asks for nothing before somebody listens, then follows to the end, one stream for all', async () => {
    const handle = await client.submit('held', {});
    const before = asked;
    const store = operationStore(client.operation(handle.url));
    assert.deepEqual(store.getSnapshot(), { operation: null, error: null });
    assert.equal(asked, before);
    const told: OperationSnapshot[] = [];
    const leave = store.subscribe(() => told.push(store.getSnapshot()));
    const others = [1, 2].map(() =>
      snapshotWhen(store, ({ operation }) => operation?.status === 'completed'),
    );
    await snapshotWhen(store, ({ operation }) => operation?.status === 'processing');
    k.release();
    const [one, two] = await Promise.all(others);
    assert.equal(one, two);
    assert.equal(one, told.at(-1));
    assert.equal(one!.operation!.result, 'released');
    assert.equal(asked, before + 1, 'one request, however many listen');
    assert.equal(store.getSnapshot(), store.getSnapshot(), 'the same object until it changes');
    assert.equal(new Set(told).size, told.length, 'another object at each change');
    leave();
    store.subscribe(() => undefined)();
    assert.equal(asked, before + 1, 'what is final is not followed again');
  });

  it('holds what a submit answered, and what the page was rendered with', async () => {
    const handle = await client.submit('echo', {});
    assert.equal(operationStore(handle).getSnapshot().operation, handle.accepted);
    const initial = wireOperation({ status: 'processing' });
    const store = operationStore(client.operation(handle.url), initial);
    assert.equal(store.getSnapshot().operation, initial);
    await snapshotWhen(store, ({ operation }) => operation?.status === 'completed');
    assert.deepEqual(store.getServerSnapshot(), { operation: initial, error: null });
  });

  it('hangs up when the last one goes, and follows again when one comes back', async () => {
    const fresh = await kit();
    const { port, close: stop } = await listening(fresh.app);
    const baseUrl = `http://127.0.0.1:${port}`;
    const handle = await createClient({ baseUrl }).submit('held', {});
    let streams = 0;
    const gone = Promise.withResolvers<void>();
    const own = createClient({
      baseUrl,
      async fetch(...args) {
        const response = await fetch(...args);
        streams += 1;
        const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
        // Fails when the reader hangs up before the end.
        void response.body!.pipeTo(writable).catch(() => gone.resolve());
        return new Response(readable, response);
      },
    });
    const store = operationStore(own.operation(handle.url));
    await snapshotWhen(store, ({ operation }) => operation !== null);
    await gone.promise;
    assert.equal(streams, 1);
    const ended = snapshotWhen(store, ({ operation }) => operation?.status === 'completed');
    fresh.release();
    await ended;
    assert.equal(streams, 2);
    await fresh.stop();
    await stop();
  });

  it('says why it stopped, and starts again when asked to', async () => {
    let isBack = false;
    await using server = await scriptedServer(() =>
      isBack
        ? { status: 200, body: completed('made') }
        : { status: 404, body: { code: 'operation_not_found', title: 'No such operation' } },
    );
    const store = operationStore(createClient({ baseUrl: server.url }).operation(sampleId));
    const leave = store.subscribe(() => undefined);
    const { error } = await snapshotWhen(store, (snapshot) => snapshot.error !== null);
    assert.ok(error instanceof ProblemError && error.code === 'operation_not_found');
    assert.equal(server.seen.length, 1);
    isBack = true;
    store.reconnect();
    const end = await snapshotWhen(store, ({ operation }) => operation?.status === 'completed');
    assert.equal(end.error, null);
    const before = server.seen.length;
    store.reconnect();
    assert.equal(server.seen.length, before, 'nothing to take up again');
    leave();
  });

  it('tells of a server that never answered', async () => {
    const server = await scriptedServer(() => 'hang');
    await server[Symbol.asyncDispose]();
    const unreachable = createClient({ baseUrl: server.url, patience: 0 });
    const store = operationStore(unreachable.operation(sampleId));
    const { error } = await snapshotWhen(store, (snapshot) => snapshot.error !== null);
    assert.ok(error instanceof NetworkError);
  });
});
