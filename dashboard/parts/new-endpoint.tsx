import { useSignal } from '@preact/signals';
import type { WireCreatedEndpoint } from 'raincheck/client';
import { go } from '../state/address.ts';
import { client } from '../state/server.ts';
import { Action } from './action.tsx';
import { Code } from './code.tsx';
import { Dialog } from './dialog.tsx';
import { Trouble } from './trouble.tsx';

/** Registers an endpoint. Its secret is shown only this once. */
export function NewEndpointDialog({ onClose }: { readonly onClose: () => void }) {
  const url = useSignal('https://');
  const description = useSignal('');
  const refused = useSignal<Error | null>(null);
  const made = useSignal<WireCreatedEndpoint | null>(null);
  async function create(): Promise<void> {
    try {
      refused.value = null;
      made.value = await client.webhooks.createEndpoint({
        url: url.value.trim(),
        description: description.value === '' ? null : description.value,
      });
    } catch (error) {
      refused.value = error instanceof Error ? error : new Error(String(error));
    }
  }
  if (made.value !== null)
    return <Secret secret={made.value.secret} id={made.value.id} onClose={onClose} />;
  return (
    <Dialog title="New endpoint" onClose={onClose}>
      <p class="dim">It hears of every operation that completes or fails.</p>
      <label class="field">
        <span class="label-line">Address</span>
        <input
          type="url"
          value={url.value}
          onInput={({ currentTarget }) => (url.value = currentTarget.value)}
        />
      </label>
      <label class="field">
        <span class="label-line">Description</span>
        <input
          type="text"
          value={description.value}
          onInput={({ currentTarget }) => (description.value = currentTarget.value)}
        />
      </label>
      <Trouble error={refused.value} />
      <footer>
        <button type="button" onClick={onClose}>
          Cancel
        </button>
        <Action class="main" act={create}>
          Register
        </Action>
      </footer>
    </Dialog>
  );
}

/** A signing secret, shown only once. */
export function Secret(p: {
  readonly secret: string;
  readonly id: string;
  readonly onClose: () => void;
}) {
  return (
    <Dialog title="Its signing secret" onClose={p.onClose}>
      <p>The receiver verifies with it. It is shown only now.</p>
      <Code text={p.secret} label="the secret" />
      <footer>
        <button
          type="button"
          class="main"
          onClick={() => {
            p.onClose();
            go(`webhooks/endpoints/${p.id}`);
          }}
        >
          I have it
        </button>
      </footer>
    </Dialog>
  );
}
