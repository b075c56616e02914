import type { ReadonlySignal, Signal } from '@preact/signals';
import type { WireOperation } from 'raincheck/client';
import { actOnPicked } from '../state/batch.ts';
import { mayOperate } from '../state/session.ts';
import { isFinalOperation } from '../state/shown.ts';
import { plural } from '../state/text.ts';
import { Action } from './action.tsx';
import { notify } from './notices.tsx';

/** The actions for the selected rows. */
export function SelectionBar(p: {
  readonly selected: Signal<ReadonlySet<string>>;
  readonly rows: ReadonlySignal<readonly Signal<WireOperation>[]>;
}) {
  if (!mayOperate.value) return null;
  const picked = p.rows.value.map((row) => row.value).filter(({ id }) => p.selected.value.has(id));
  if (picked.length === 0) return null;
  const cancellable = picked.filter((one) => !isFinalOperation(one));
  const retryable = picked.filter((one) => one.status === 'failed');

  async function act(action: 'cancel' | 'retry', on: readonly WireOperation[]): Promise<void> {
    const { done, failed } = await actOnPicked(
      action,
      on.map(({ id }) => id),
    );
    p.selected.value = new Set();
    const what = action === 'cancel' ? 'cancelled' : 'sent again';
    const rest = failed === 0 ? '' : `; ${failed} could not be`;
    notify(`${plural(done, 'operation')} ${what}${rest}.`, { bad: failed > 0 });
  }

  return (
    <div class="selection" role="region" aria-label="Selection">
      <strong>{picked.length} selected</strong>
      <Action disabled={cancellable.length === 0} act={() => act('cancel', cancellable)}>
        Cancel {cancellable.length}
      </Action>
      <Action disabled={retryable.length === 0} act={() => act('retry', retryable)}>
        Retry {retryable.length}
      </Action>
      <button type="button" class="quiet" onClick={() => (p.selected.value = new Set())}>
        Clear
      </button>
    </div>
  );
}
