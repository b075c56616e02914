import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { feedState, heardAt, pauseFeed, resumeFeed } from '../state/feed.ts';
import { instant } from '../state/text.ts';
import { timeMode } from '../state/clock.ts';
import { Icon } from './icon.tsx';

/** How long shown data counts as fresh without news from the server. */
const staleMs = 15_000;

/** Shows whether the page follows the server, and pauses or resumes that. */
export function LiveSwitch() {
  const state = feedState.value;
  const isStale = useStale() && state !== 'live';
  const isPaused = state === 'paused';
  const since = instant(heardAt.value, timeMode.value === 'utc').slice(11);
  const word = isPaused
    ? 'Paused'
    : state === 'live'
      ? 'Live'
      : isStale
        ? `Stale since ${since}`
        : state === 'connecting'
          ? 'Connecting'
          : 'Reconnecting';
  return (
    <button
      type="button"
      class={`live live-${isStale && !isPaused ? 'stale' : state}`}
      title={isPaused ? 'Go on showing what happens' : 'Hold still'}
      onClick={isPaused ? resumeFeed : pauseFeed}
    >
      {isPaused ? <Icon name="play" /> : <span class="live-dot" aria-hidden="true" />}
      <span>{word}</span>
    </button>
  );
}

function useStale(): boolean {
  const stale = useSignal(false);
  useEffect(() => {
    const timer = setInterval(() => (stale.value = Date.now() - heardAt.peek() > staleMs), 1000);
    return () => clearInterval(timer);
  }, []);
  return stale.value;
}
