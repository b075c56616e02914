import { now, timeMode } from '../state/clock.ts';
import { ago, duration, instant } from '../state/text.ts';

/** An instant in the form that the reader chose; the exact one is in its title. */
export function Time({ at }: { readonly at: string }) {
  const ms = Date.parse(at);
  const mode = timeMode.value;
  const text = mode === 'relative' ? ago(now.value - ms) : instant(ms, mode === 'utc');
  return (
    <time dateTime={at} title={`${instant(ms, false)} local, ${instant(ms, true)} UTC`}>
      {text}
    </time>
  );
}

export function TimeOrNone({ at }: { readonly at: string | null }) {
  return at === null ? <span class="dim">–</span> : <Time at={at} />;
}

/** A duration; it counts up while there is no end. */
export function Took({ from, to }: { readonly from: string; readonly to: string | null }) {
  const end = to === null ? now.value : Date.parse(to);
  return <span class="num">{duration(end - Date.parse(from))}</span>;
}
