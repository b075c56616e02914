import { useSignal, type ReadonlySignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { feedState } from './feed.ts';
import { signedOut } from './session.ts';

/** Data of the server, kept as long as a view shows it. */
export type Loaded<T> = {
  /** null: not read yet. While it is read again, the old data stays. */
  readonly data: ReadonlySignal<T | null>;
  /** Error of the latest reading; null: it succeeded. */
  readonly error: ReadonlySignal<Error | null>;
  readonly isLoading: ReadonlySignal<boolean>;
  reload(): void;
  /** Replaces the data by the answer of an action. */
  put(data: T): void;
};

/**
 * Reads when the view appears, whenever `key` changes (which drops the old data), and every
 * `everyMs` while the page is visible and not paused.
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
      // One reading at a time. Requests meanwhile cause one more reading after it.
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
