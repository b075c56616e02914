import { signal } from '@preact/signals';
import type { WireOperation } from 'raincheck/client';
import { apiUrl, fetchFromServer } from './server.ts';
import { readStream, type StreamEvent } from './stream.ts';

/**
 * What happens on the server, over one event stream for all views (`GET /events`; by fetch, as EventSource can send no
 * token). `operation` events go to whoever subscribed; after a gap, a pause or a lost connection subscribers are told
 * to read anew what they show.
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
/** The totals of the last ticks, oldest first: the server keeps no history of how much waits and runs. */
export const recentTotals = signal<readonly Totals[]>([]);
const recentMax = 150;

export type FeedReader = {
  readonly operation?: (operation: WireOperation) => void;
  /** Something may have been missed. */
  readonly anew?: () => void;
};

const readers = new Set<FeedReader>();

export function subscribe(reader: FeedReader): () => void {
  readers.add(reader);
  return () => readers.delete(reader);
}

/** Five ticks of the server: silent for longer, the connection is dead or something holds it back. */
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

async function follow(signal: AbortSignal): Promise<void> {
  for (let failures = 0; !signal.aborted; failures += 1) {
    const heard = await connection(signal).catch(() => false);
    if (signal.aborted) return;
    if (heard) failures = 0;
    feedState.value = 'reconnecting';
    await pause(backoffMs[Math.min(failures, backoffMs.length - 1)] ?? 10_000, signal);
  }
}

/** One connection to its end; whether it brought anything. */
async function connection(signal: AbortSignal): Promise<boolean> {
  const silence = new AbortController();
  let timer = setTimeout(() => silence.abort(), silenceMs);
  let heard = false;
  try {
    const response = await fetchFromServer(apiUrl('events'), {
      headers: { accept: 'text/event-stream' },
      signal: AbortSignal.any([signal, silence.signal]),
    });
    if (!response.ok || response.body === null) return false;
    const isFirst = feedState.peek() === 'connecting' && totals.peek() === null;
    for await (const events of readStream(response.body)) {
      clearTimeout(timer);
      timer = setTimeout(() => silence.abort(), silenceMs);
      heardAt.value = Date.now();
      if (!heard) {
        heard = true;
        feedState.value = 'live';
        if (!isFirst) tellAll((reader) => reader.anew?.());
      }
      for (const event of events) take(event);
    }
    return heard;
  } catch {
    return heard;
  } finally {
    clearTimeout(timer);
  }
}

function take({ event, data }: StreamEvent): void {
  if (event === 'operation') {
    const operation = JSON.parse(data) as WireOperation;
    tellAll((reader) => reader.operation?.(operation));
  } else if (event === 'tick') {
    const tick = JSON.parse(data) as Totals;
    totals.value = tick;
    recentTotals.value = [...recentTotals.peek().slice(1 - recentMax), tick];
  } else if (event === 'gap') {
    tellAll((reader) => reader.anew?.());
  }
}

function tellAll(tell: (reader: FeedReader) => void): void {
  for (const reader of readers) tell(reader);
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener('abort', () => (clearTimeout(timer), resolve()), { once: true });
  });
}
