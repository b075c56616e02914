import type { WireEndpoint } from 'raincheck/client';
import type { Shown } from '../state/shown.ts';
import { State } from './mark.tsx';
import { Time } from './time.tsx';

function shownEndpoint({ enabled, health }: WireEndpoint): Shown {
  if (!enabled) return { shape: 'pause', word: 'Disabled', tone: 'warn' };
  if (health.circuit === 'open') return { shape: 'cross', word: 'Failing', tone: 'bad' };
  if (health.failures > 0) return { shape: 'warn', word: 'Shaky', tone: 'warn' };
  if (health.last_success_at === null && health.last_failure_at !== null) {
    return { shape: 'warn', word: 'Refused', tone: 'warn' };
  }
  return health.last_success_at === null
    ? { shape: 'hollow', word: 'New', tone: 'wait' }
    : { shape: 'check', word: 'Healthy', tone: 'good' };
}

export function EndpointState({ endpoint }: { readonly endpoint: WireEndpoint }) {
  return <State shown={shownEndpoint(endpoint)} />;
}

/** The reason that a delivery or an endpoint waits; nothing when it does not wait. */
export function WhyItWaits(p: {
  readonly of: {
    readonly next_attempt_at: string | null;
    readonly next_attempt_reason: string | null;
  };
}) {
  const { next_attempt_at: at, next_attempt_reason: reason } = p.of;
  if (at === null && reason === null) return null;
  return (
    <span class="why cut small tone-warn">
      {at === null ? (
        'Waits'
      ) : (
        <>
          Next attempt <Time at={at} />
        </>
      )}
      {reason === null ? null : `: ${reason}`}
    </span>
  );
}
