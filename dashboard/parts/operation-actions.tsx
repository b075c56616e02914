import { useSignal } from '@preact/signals';
import type { WireOperation } from 'raincheck/client';
import { go } from '../state/address.ts';
import { client } from '../state/server.ts';
import { mayOperate } from '../state/session.ts';
import { isFinalOperation } from '../state/shown.ts';
import { Action } from './action.tsx';
import { Dialog } from './dialog.tsx';
import { EditRetry } from './edit-retry.tsx';
import { notify } from './notices.tsx';

/** The actions that one operation allows in its present state. */
export function OperationActions(p: {
  readonly operation: WireOperation;
  readonly onChange: (operation: WireOperation) => void;
  readonly onStale: () => void;
}) {
  const asks = useSignal<'edit' | 'remove' | null>(null);
  const { operation } = p;
  if (!mayOperate.value) return null;
  const handle = client.operation(operation.id);
  const close = (): void => void (asks.value = null);

  async function cancel(): Promise<void> {
    p.onChange(await handle.cancel());
    p.onStale();
  }
  async function retry(): Promise<void> {
    const { id } = await handle.retry();
    notify('Sent again as a new operation.');
    go(`operations/${id}`);
  }
  async function remove(): Promise<void> {
    await handle.remove();
    notify('Removed.');
    go('operations');
  }

  if (!isFinalOperation(operation)) {
    return (
      <Action act={cancel} disabled={operation.cancel_requested_at !== null}>
        {operation.cancel_requested_at === null ? 'Cancel' : 'Cancelling…'}
      </Action>
    );
  }
  return (
    <>
      {operation.status === 'failed' ? (
        <>
          <Action act={retry} class="main">
            Retry
          </Action>
          <button type="button" onClick={() => (asks.value = 'edit')}>
            Edit and retry…
          </button>
        </>
      ) : null}
      <button type="button" class="quiet" onClick={() => (asks.value = 'remove')}>
        Remove…
      </button>
      {asks.value === 'edit' ? <EditRetry operation={operation} onClose={close} /> : null}
      {asks.value === 'remove' ? (
        <Dialog title="Remove this operation?" onClose={close}>
          <p>Its status and its result are gone then, for everyone who has the address.</p>
          <footer>
            <button type="button" onClick={close}>
              Keep it
            </button>
            <Action class="danger" act={remove}>
              Remove
            </Action>
          </footer>
        </Dialog>
      ) : null}
    </>
  );
}
