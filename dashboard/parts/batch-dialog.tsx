import { go } from '../state/address.ts';
import type { BatchAction } from 'raincheck/client';
import { countBatch, startBatch } from '../state/batch.ts';
import { filterText, valueOf, type Filter, type ServerFilter } from '../state/filter.ts';
import { CountDialog } from './count-dialog.tsx';
import { notify } from './notices.tsx';

const verbs: Readonly<Record<BatchAction, string>> = {
  cancel: 'Cancel',
  retry: 'Retry',
  remove: 'Remove',
};

/** Counts the operations first, then starts the batch as an operation that can be followed. */
export function BatchDialog(p: {
  readonly action: BatchAction;
  readonly filter: Filter;
  readonly asked: readonly ServerFilter[];
  readonly onClose: () => void;
}) {
  const verb = verbs[p.action];
  const isOfOpen = p.action === 'cancel';
  const isOfCompleted = valueOf(p.filter, 'status') === 'completed';
  const text = filterText(p.filter);

  async function start(): Promise<void> {
    const [first, ...others] = await startBatch(p.action, p.asked);
    p.onClose();
    if (first === undefined) return;
    notify(`${verb} is under way.`, { href: `operations/${first}` });
    if (others.length === 0) go(`operations/${first}`);
  }

  return (
    <CountDialog
      verb={verb}
      noun="operation"
      folder="operations"
      isFinal={p.action === 'remove'}
      read={(signal) => countBatch(p.action, p.asked, signal)}
      act={start}
      onClose={p.onClose}
    >
      {text === '' ? (
        <p>{isOfOpen ? 'All operations that are not finished.' : 'All failed operations.'}</p>
      ) : (
        <p>
          Operations that {isOfOpen ? 'are not finished' : isOfCompleted ? 'completed' : 'failed'}{' '}
          and match <code>{text}</code>
        </p>
      )}
      {p.action === 'remove' ? (
        <p>
          {isOfCompleted
            ? 'Nobody can read them or their results any more then: their addresses are gone.'
            : 'Nobody can read them any more then, nor retry them: their addresses are gone.'}
        </p>
      ) : null}
    </CountDialog>
  );
}
