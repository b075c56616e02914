import { signal } from '@preact/signals';
import type { FeedEvent, WireOperation } from 'raincheck/client';
import { client } from './server.ts';

/**
 * Follows the server over one event stream for all views. Changes of operations go to the
 * subscribers. After a gap, a pause or a lost connection, subscribers are told to read their data
 * again.
 */
export type FeedState = 'connecting' | 'live' | 'paused' | 'reconnecting';

export type Totals = {
  readonly pending: number;
  readonly processing: number;
  readonly completed: number;
  readonly failed: number;
};

export const feedState = signal<FeedState>('connecting');
/** When the stream last brought anything, by this machine's clock. */
export const heardAt = signal(Date.now());
export const totals = signal<Totals | null>(null);

export type FeedReader = {
  readonly operation?: (operation: WireOperation) => void;
  /** Called when changes may have been missed. */
  readonly anew?: () => void;
};

const readers = new Set<FeedReader>();

export function subscribe(reader: FeedReader): () => void {
  readers.add(reader);
  return () => readers.delete(reader);
}

/** Five times the server's tick. A stream silent for longer is dead, or something holds it back. */
const silenceMs = 10_000;
const backoffMs = [500, 1_000, 2_000, 5_000, 10_000] as const;

let running: AbortController | null = null;

export function startFeed(): void {
  if (running !== null) return;
  running = new AbortController();
  void follow(running.signal);
}

export function stopFeed(): void {
  running?.abort();
  running = null;
}

export function pauseFeed(): void {
  stopFeed();
  feedState.value = 'paused';
}

export function resumeFeed(): void {
  feedState.value = 'connecting';
  startFeed();
}

/**
 * Keeps a connection open. The client resumes broken ones; this also replaces those that are silent
 * or that the server refused.
 */
async function follow(signal: AbortSignal): Promise<void> {
  for (let failures = 0; !signal.aborted; failures += 1) {
    const heard = await connection(signal);
    if (signal.aborted) return;
    if (heard) failures = 0;
    feedState.value = 'reconnecting';
    await pause(backoffMs[Math.min(failures, backoffMs.length - 1)] ?? 10_000, signal);
  }
}

/** Follows one connection; returns whether it brought anything before it ended. */
async function connection(signal: AbortSignal): Promise<boolean> {
  const silence = new AbortController();
  let timer = setTimeout(() => silence.abort(), silenceMs);
  let heard = false;
  const missedAny = totals.peek() !== null;
  try {
    const events = client.feed({
      signal: AbortSignal.any([signal, silence.signal]),
      onConnection: (state) => (feedState.value = state),
    });
    for await (const event of events) {
      clearTimeout(timer);
      timer = setTimeout(() => silence.abort(), silenceMs);
      heardAt.value = Date.now();
      if (!heard && missedAny) tellAll((reader) => reader.anew?.());
      heard = true;
      take(event);
    }
  } catch {
    // Whatever ended it, the next attempt to connect shows whether that was for good.
  } finally {
    clearTimeout(timer);
  }
  return heard;
}

function take(event: FeedEvent): void {
  switch (event.type) {
    case 'operation':
      return tellAll((reader) => reader.operation?.(event.operation));
    case 'gap':
      return tellAll((reader) => reader.anew?.());
    case 'tick': {
      const { type: _, ...tick } = event;
      totals.value = tick;
    }
  }
}

function tellAll(tell: (reader: FeedReader) => void): void {
  for (const reader of readers) tell(reader);
}

/** Resolves after `ms`, or earlier when the signal aborts. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener('abort', () => (clearTimeout(timer), resolve()), { once: true });
  });
}
