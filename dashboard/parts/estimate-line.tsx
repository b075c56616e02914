import type { WireEstimate, WireOperation } from 'raincheck/client';
import { now, timeMode } from '../state/clock.ts';
import { plural, roughly } from '../state/text.ts';
import { Time } from './time.tsx';

/** The expected end as a range, and the evidence behind it. */
export function EstimateLine({ operation }: { readonly operation: WireOperation }) {
  const { estimate, status } = operation;
  if (estimate === null) return null;
  const ahead = estimate.queue_position;
  return (
    <p class="estimate">
      {expectation(estimate)}
      {status === 'pending' && ahead !== null ? (
        <span>{ahead === 0 ? 'It is next.' : `${plural(ahead, 'operation')} before it.`}</span>
      ) : null}
      <span class="dim">{basisOf(estimate)}</span>
    </p>
  );
}

const reasons: Readonly<Record<string, string>> = {
  no_history: 'No estimate yet: nothing like it has finished.',
  no_worker: 'No estimate: no worker is there to run it.',
  task_paused: 'No estimate: the task is paused.',
  starting: 'No estimate yet: the server is reading its queue.',
  queue_too_long: 'No estimate: the queue before it is too long.',
};

function expectation({ completes_at, completes_by, longer_than_usual, reason }: WireEstimate) {
  if (completes_at === null) return <span>{reasons[reason ?? ''] ?? 'No estimate yet.'}</span>;
  if (longer_than_usual === true) return <strong>It takes longer than usual.</strong>;
  const left = Date.parse(completes_at) - now.value;
  return (
    <span>
      <strong>{left < 1000 ? 'Done any moment' : `Done in about ${roughly(left)}`}</strong>
      {completes_by === null ? null : <>, nine of ten {boundOf(completes_by)}</>}.
    </span>
  );
}

/** 'within 39 s', or the instant, as the reader wants times to be shown. */
function boundOf(completesBy: string) {
  const left = Date.parse(completesBy) - now.value;
  if (timeMode.value !== 'relative' || left < 1000)
    return (
      <>
        by <Time at={completesBy} />
      </>
    );
  return `within ${roughly(left + 999)}`;
}

function basisOf({ basis, samples, confidence }: WireEstimate): string {
  const sure = confidence === 'low' ? ': treat it as a rough guess' : '';
  switch (basis) {
    case 'history':
      return `From ${plural(samples, 'finished operation')}${sure}.`;
    case 'progress':
      return `From what remained at this stage in ${plural(samples, 'operation')}${sure}.`;
    case 'declared':
      return 'As the task declares it.';
    case 'none':
      return '';
  }
}
