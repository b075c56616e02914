import { useMemo, useSyncExternalStore } from 'react';
import { operationStore, type OperationSnapshot } from '../client/operation-store.ts';
import type { OperationHandle } from '../client/operation.ts';
import type { WireOperation } from '../core/wire-operation.ts';

/** The part of a client of `raincheck/client` that the hook needs. */
export type OperationSource = {
  operation<Output = unknown>(urlOrId: string | URL): OperationHandle<Output>;
};

/**
 * The return value of useOperation(): `operation` and `error` as in operationStore(), and the
 * handle.
 */
export type UsedOperation<Output = unknown> = OperationSnapshot & {
  /**
   * The handle, to cancel or retry the operation or to fetch its result; null without an address.
   */
  readonly handle: OperationHandle<Output> | null;
  /** Follows the operation again after an `error`. */
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
 * Follows one operation while the component is mounted, by the server's events, or by polling where
 * those cannot be had. `address` is its URL or id, or null while there is none; it may change.
 * `client` should be the same object from render to render, since a new one starts over. `initial`
 * is a state that is known already: the answer of a submit, or what the server read that rendered
 * the page. It is looked at only when `client` or `address` is new.
 *
 * Nothing is thrown: `error` says why following has stopped, and `reconnect` starts it again.
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
    // `initial` may be a new object in every render, and what was heard since is newer.
  }, [client, key]);
  const seen = useSyncExternalStore(store.subscribe, store.getSnapshot, store.getServerSnapshot);
  return { ...seen, handle, reconnect: store.reconnect };
}
