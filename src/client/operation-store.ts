import type { WireOperation } from '../core/wire-operation.ts';
import type { OperationHandle } from './operation.ts';
import { isFinal } from './wait.ts';

/** What is known of an operation. A new object whenever it changes, the same one until then. */
export type OperationSnapshot = {
  /** As last seen; null before the first answer. */
  readonly operation: WireOperation | null;
  /** Why following it has stopped before its end: ProblemError, NetworkError. Else null. */
  readonly error: Error | null;
};

/**
 * One operation as a store in the sense of React's useSyncExternalStore, Svelte, Vue and their like: it follows the
 * operation while somebody listens, by the server's events or by polling, and holds what it is now.
 */
export type OperationStore = {
  /**
   * Calls `listener` at each change; gives what ends that. The first one to come starts the following, unless the
   * operation is final already, the last one to go ends it (not the operation). After an error the next one to come
   * starts it again.
   */
  subscribe(listener: () => void): () => void;
  getSnapshot(): OperationSnapshot;
  /** As the store was made, for a page that was rendered before. */
  getServerSnapshot(): OperationSnapshot;
  /** Starts following again after an error, for those who listen. */
  reconnect(): void;
};

/** Makes no request before somebody listens. `initial`: as known so far, from a server that rendered the page for one. */
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
      // Its own entry, also when the same function subscribes twice.
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
