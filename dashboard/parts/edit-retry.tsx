import { useSignal, useSignalEffect } from '@preact/signals';
import type { WireOperation } from 'raincheck/client';
import { go } from '../state/address.ts';
import { readInput } from '../state/operation-input.ts';
import { useLoaded } from '../state/loaded.ts';
import { client } from '../state/server.ts';
import { Action } from './action.tsx';
import { Dialog } from './dialog.tsx';
import { JsonField } from './json-field.tsx';
import { notify } from './notices.tsx';
import { Redacted } from './redacted.tsx';
import { Trouble } from './trouble.tsx';

/** Retries a failed operation with another input, as a new operation that refers to the old one. */
export function EditRetry(p: { readonly operation: WireOperation; readonly onClose: () => void }) {
  const text = useSignal('');
  const refused = useSignal<Error | null>(null);
  const input = useLoaded(p.operation.id, (signal) => readInput(p.operation.id, signal));
  useSignalEffect(() => {
    if (input.data.value !== null) text.value = JSON.stringify(input.data.value.value, null, 2);
  });
  async function send(): Promise<void> {
    try {
      refused.value = null;
      const { id } = await client.operation(p.operation.id).retry(JSON.parse(text.value));
      notify('Sent again with the edited input.');
      p.onClose();
      go(`operations/${id}`);
    } catch (error) {
      refused.value = error instanceof Error ? error : new Error(String(error));
    }
  }
  return (
    <Dialog title="Edit and retry" onClose={p.onClose}>
      <Trouble error={input.error.value} />
      {input.data.value === null ? null : (
        <>
          <Redacted task={p.operation.task} value={input.data.value.value} isEdited />
          <JsonField label="Input" text={text} />
        </>
      )}
      <Trouble error={refused.value} />
      <footer>
        <button type="button" onClick={p.onClose}>
          Cancel
        </button>
        <Action class="main" act={send} disabled={input.data.value === null}>
          Run it
        </Action>
      </footer>
    </Dialog>
  );
}
