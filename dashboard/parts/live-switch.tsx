import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { feedState, heardAt, pauseFeed, resumeFeed } from '../state/feed.ts';
import { instant } from '../state/text.ts';
import { timeMode } from '../state/clock.ts';
import { Icon } from './icon.tsx';

/** For so long without a word from the server what is shown counts as fresh. */
const staleMs = 15_000;

/** Whether what is shown follows the server; stops and starts that. */
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
