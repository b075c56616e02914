import { useSignal, type ReadonlySignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { feedState } from './feed.ts';
import { signedOut } from './session.ts';

/** Something of the server for as long as a view shows it. */
export type Loaded<T> = {
  /** null: not there yet. What was there before stays while it is read anew. */
  readonly data: ReadonlySignal<T | null>;
  /** Why the latest reading failed; null: it did not. */
  readonly error: ReadonlySignal<Error | null>;
  readonly isLoading: ReadonlySignal<boolean>;
  reload(): void;
  /** Puts in what an action answered. */
  put(data: T): void;
};

/**
 * Reads when the view appears and whenever `key` changes (then the former data goes), and every `everyMs` while
 * somebody looks and nothing is paused.
 */
export function useLoaded<T>(
  key: string,
  read: (signal: AbortSignal) => Promise<T>,
  everyMs: number | null = null,
): Loaded<T> {
  const data = useSignal<T | null>(null);
  const error = useSignal<Error | null>(null);
  const isLoading = useSignal(true);
  const latest = useRef({ read, reload: (): void => undefined });
  latest.current.read = read;

  useEffect(() => {
    const left = new AbortController();
    let running = false;
    let again = false;
    data.value = null;
    async function load(): Promise<void> {
      // One at a time: what is asked for meanwhile is read once more after it.
      if (running) return void (again = true);
      running = true;
      isLoading.value = true;
      try {
        const value = await latest.current.read(left.signal);
        if (left.signal.aborted) return;
        data.value = value;
        error.value = null;
      } catch (thrown) {
        if (left.signal.aborted) return;
        error.value = thrown instanceof Error ? thrown : new Error(String(thrown));
      } finally {
        running = false;
        isLoading.value = false;
        if (again && !left.signal.aborted) {
          again = false;
          void load();
        }
      }
    }
    latest.current.reload = () => void load();
    void load();
    const timer = everyMs === null ? null : setInterval(() => mayPoll() && void load(), everyMs);
    return () => {
      left.abort();
      if (timer !== null) clearInterval(timer);
    };
  }, [key, everyMs]);

  return {
    data,
    error,
    isLoading,
    reload: () => latest.current.reload(),
    put: (value) => (data.value = value),
  };
}

function mayPoll(): boolean {
  return !document.hidden && feedState.peek() !== 'paused' && !signedOut.peek();
}
