import type { WireOperation } from '../core/wire-operation.ts';
import type { OperationHandle } from './operation.ts';
import { isFinal } from './wait.ts';

/**
 * The state of an operation as far as it is known: a new object at each change, the same one until
 * then.
 */
export type OperationSnapshot = {
  /** As last seen; null before the first answer. */
  readonly operation: WireOperation | null;
  /** Why following has stopped before the end: a ProblemError or NetworkError. Otherwise null. */
  readonly error: Error | null;
};

/**
 * One operation as an external store for React's useSyncExternalStore, Svelte, Vue and the like.
 * While it has listeners it follows the operation, by the server's events or by polling, and holds
 * the latest state.
 */
export type OperationStore = {
  /**
   * Calls `listener` at each change; returns a function that unsubscribes. The first listener
   * starts following, unless the operation is final already; the last one to leave stops following
   * (not the operation). After an error the next new listener starts it again.
   */
  subscribe(listener: () => void): () => void;
  getSnapshot(): OperationSnapshot;
  /** The state with which the store was made, for pages rendered on a server. */
  getServerSnapshot(): OperationSnapshot;
  /** Starts following again after an error, if there are listeners. */
  reconnect(): void;
};

/**
 * Makes a store; makes no request before somebody listens. `initial` is what is known so far, for
 * example from the server that rendered the page.
 */
export function operationStore(
  handle: OperationHandle,
  initial: WireOperation | null = handle.accepted,
): OperationStore {
  const first: OperationSnapshot = { operation: initial, error: null };
  const listeners = new Set<() => void>();
  let snapshot = first;
  let following: AbortController | null = null;

  function tell(change: Partial<OperationSnapshot>): void {
    snapshot = { ...snapshot, ...change };
    for (const listener of listeners) listener();
  }

  function start(): void {
    const { operation } = snapshot;
    if (following !== null || listeners.size === 0) return;
    if (operation !== null && isFinal(operation)) return;
    const stop = new AbortController();
    following = stop;
    void follow(stop.signal).finally(() => {
      if (following === stop) following = null;
    });
  }

  async function follow(signal: AbortSignal): Promise<void> {
    if (snapshot.error !== null) tell({ error: null });
    try {
      for await (const { operation } of handle.events({ signal })) {
        if (signal.aborted) return;
        tell({ operation });
      }
    } catch (error) {
      if (signal.aborted) return;
      following = null; // a listener may ask for a new start at once
      tell({ error: error instanceof Error ? error : new Error(String(error)) });
    }
  }

  return {
    subscribe(listener) {
      // An entry of its own, since the same function may subscribe twice.
      const entry = (): void => listener();
      listeners.add(entry);
      start();
      return () => {
        listeners.delete(entry);
        if (listeners.size > 0) return;
        following?.abort();
        following = null;
      };
    },
    getSnapshot: () => snapshot,
    getServerSnapshot: () => first,
    reconnect() {
      if (snapshot.error !== null) start();
    },
  };
}
