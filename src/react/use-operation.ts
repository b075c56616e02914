import { useMemo, useSyncExternalStore } from 'react';
import { operationStore, type OperationSnapshot } from '../client/operation-store.ts';
import type { OperationHandle } from '../client/operation.ts';
import type { WireOperation } from '../core/wire-operation.ts';

/** Of a client of `raincheck/client`, what the hook needs. */
export type OperationSource = {
  operation<Output = unknown>(urlOrId: string | URL): OperationHandle<Output>;
};

/** What useOperation() knows of it: `operation` and `error` as operationStore() tells them, and the handle. */
export type UsedOperation<Output = unknown> = OperationSnapshot & {
  /** To cancel it, retry it, fetch its result; null without an address. */
  readonly handle: OperationHandle<Output> | null;
  /** Follows it again after an `error`. */
  readonly reconnect: () => void;
};

const nothing: OperationSnapshot = { operation: null, error: null };
const none = {
  handle: null,
  store: {
    subscribe: () => () => undefined,
    getSnapshot: () => nothing,
    getServerSnapshot: () => nothing,
    reconnect: () => undefined,
  },
};

/**
 * Follows one operation while the component is mounted: by the server's events, or by polling where they cannot be had.
 * `address` is its URL or id, as long as there is none null. It may change; `client` should stay the same from render to
 * render, since a new one starts again. `initial` is what is known of it already: what a submit answered, or what the
 * server read that rendered the page; it is looked at only when `client` or `address` is new.
 *
 * Nothing is thrown: `error` tells why following has stopped, and `reconnect` starts it again.
 */
export function useOperation<Output = unknown>(
  client: OperationSource,
  address: string | URL | null | undefined,
  initial: WireOperation | null = null,
): UsedOperation<Output> {
  const key = address?.toString() ?? '';
  const { handle, store } = useMemo(() => {
    if (key === '') return none;
    const handle = client.operation<Output>(key);
    return { handle, store: operationStore(handle, initial) };
    // `initial` may be a new object in every render: what has been heard since is newer.
  }, [client, key]);
  const seen = useSyncExternalStore(store.subscribe, store.getSnapshot, store.getServerSnapshot);
  return { ...seen, handle, reconnect: store.reconnect };
}
