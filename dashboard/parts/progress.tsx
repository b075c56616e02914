import type { WireOperation } from 'raincheck/client';
import { count, percent } from '../state/text.ts';

/** The progress of a running operation; null when none was reported. */
export function Progress({ operation }: { readonly operation: WireOperation }) {
  const { progress, status } = operation;
  if (status !== 'processing' || progress === null) return null;
  const { fraction, message } = progress;
  return (
    <span class="progress">
      {fraction === null ? null : (
        <>
          <progress max={1} value={fraction} aria-label="Progress" />
          <span class="num">{percent(fraction)}</span>
        </>
      )}
      <span class="cut dim">{message ?? counted(operation)}</span>
    </span>
  );
}

export function counted({ progress }: WireOperation): string {
  if (progress === null || progress.current === null || progress.total === null) return '';
  return `${count(progress.current)} of ${count(progress.total)}`;
}
