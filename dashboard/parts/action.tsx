import { useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { notifyError } from './notices.tsx';

/**
 * A button for an action on the server. It is busy until the action ends, and reports a failure.
 */
export function Action(p: {
  readonly act: () => Promise<unknown>;
  readonly class?: string;
  readonly disabled?: boolean;
  readonly label?: string;
  readonly children: ComponentChildren;
}) {
  const busy = useSignal(false);
  async function run(): Promise<void> {
    if (busy.value) return;
    busy.value = true;
    try {
      await p.act();
    } catch (error) {
      notifyError(error);
    } finally {
      busy.value = false;
    }
  }
  return (
    <button
      type="button"
      class={p.class ?? ''}
      aria-busy={busy.value}
      aria-label={p.label}
      disabled={p.disabled === true}
      onClick={() => void run()}
    >
      {p.children}
    </button>
  );
}
