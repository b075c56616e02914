import { operationId } from '../src/core/id.ts';
import type { NewOperation, Store } from '../src/store/store.ts';

export type ClaimedLease = { readonly id: string; readonly token: string };

/**
 * The calls of the store benches, made one by one as an engine does; calls in one turn share a
 * commit.
 */
export type StoreDriver = {
  readonly create: (made: readonly NewOperation[]) => Promise<void>;
  readonly claim: (limit: number) => Promise<ClaimedLease[]>;
  readonly complete: (claimed: readonly ClaimedLease[]) => Promise<void>;
  readonly read: (ids: readonly string[]) => Promise<void>;
};

export function newOperations(count: number): NewOperation[] {
  return Array.from({ length: count }, () => newOperation(Date.now()));
}

/**
 * An operation as a server makes it for a submit at `now`. `webhook`: the address notified of its
 * end.
 */
export function newOperation(now: number, webhook: NewOperation['webhook'] = null): NewOperation {
  return {
    id: operationId(now, crypto.getRandomValues(new Uint8Array(10))),
    task: 'reports',
    tenant: '',
    input: '{"customer":"c-20391","month":"2026-10","format":"pdf"}',
    attemptsMax: 3,
    retentionMs: 7 * 86_400_000,
    priority: 0,
    readyAt: now,
    waitUntil: null,
    deadlineAt: null,
    concurrencyKey: null,
    labels: {},
    retryOf: null,
    traceparent: null,
    webhook,
    idempotency: null,
    taskPendingMax: null,
  };
}

export function storeDriver(store: Store): StoreDriver {
  let tokens = 0;

  async function create(made: readonly NewOperation[]): Promise<void> {
    await Promise.all(
      made.map((operation) =>
        store.createOperations({ operations: [operation], pendingMax: 1e9, now: Date.now() }),
      ),
    );
  }

  async function claim(limit: number): Promise<ClaimedLease[]> {
    const { claimed } = await store.claimOperations({
      worker: 'bench',
      newToken: () => `token-${(tokens += 1)}-0123456789abcdef`,
      leaseMs: 15_000,
      limit,
      tasks: [{ name: 'reports', concurrency: null, keyConcurrency: null }],
      now: Date.now(),
    });
    return claimed.map(({ operation }) => ({
      id: operation.id,
      token: operation.lease?.token ?? '',
    }));
  }

  async function complete(claimed: readonly ClaimedLease[]): Promise<void> {
    const result = {
      contentType: 'application/json',
      name: null,
      sizeBytes: 40,
      etag: '"r-0123456789abcdef"',
      inline: '{"url":"https://example.com/reports/391"}',
    };
    await Promise.all(
      claimed.map(({ id, token }) =>
        store.settleAttempts({
          settlements: [{ type: 'completed', id, token, result, body: null }],
          // Present as in a server. No operation has a webhook, so it is not called.
          outbox: () => [],
          now: Date.now(),
        }),
      ),
    );
  }

  async function read(ids: readonly string[]): Promise<void> {
    await Promise.all(ids.map((id) => store.readOperation({ id })));
  }

  return { create, claim, complete, read };
}
