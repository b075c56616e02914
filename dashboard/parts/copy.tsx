import { useSignal } from '@preact/signals';
import { Icon } from './icon.tsx';

/** Puts `text` on the clipboard and says so for a moment. */
export function Copy({ text, label = 'Copy' }: { readonly text: string; readonly label?: string }) {
  const told = useSignal<string | null>(null);
  async function copy(): Promise<void> {
    const done = await navigator.clipboard.writeText(text).then(
      () => true,
      () => copyOldWay(text),
    );
    told.value = done ? 'Copied' : 'Not allowed';
    setTimeout(() => (told.value = null), 1600);
  }
  return (
    <button type="button" class="quiet copy" onClick={() => void copy()} title={label}>
      <Icon name={told.value === 'Copied' ? 'check' : 'copy'} />
      <span class={told.value === null ? 'hidden-text' : ''} aria-live="polite">
        {told.value ?? label}
      </span>
    </button>
  );
}

/**
 * Copies through a text area: pages served over plain http from another machine have no clipboard
 * API.
 */
function copyOldWay(text: string): boolean {
  const area = document.createElement('textarea');
  area.value = text;
  area.className = 'hidden-text';
  document.body.append(area);
  area.select();
  const done = document.execCommand('copy');
  area.remove();
  return done;
}
