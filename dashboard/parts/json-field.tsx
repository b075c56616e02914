import { useComputed, type Signal } from '@preact/signals';
import { useId } from 'preact/hooks';

/** A field for JSON that shows mistakes while one types. */
export function JsonField(p: { readonly label: string; readonly text: Signal<string> }) {
  const id = useId();
  const wrong = useComputed(() => mistakeIn(p.text.value));
  return (
    <div class="field">
      <label for={id}>{p.label}</label>
      <textarea
        id={id}
        class="json"
        spellcheck={false}
        rows={Math.min(24, Math.max(6, p.text.value.split('\n').length + 1))}
        value={p.text.value}
        aria-invalid={wrong.value !== null}
        aria-describedby={`${id}-wrong`}
        onInput={(event) => (p.text.value = event.currentTarget.value)}
      />
      <p id={`${id}-wrong`} class="field-error" aria-live="polite">
        {wrong.value}
      </p>
    </div>
  );
}

/** The mistake in the text; null: it is valid JSON. */
export function mistakeIn(text: string): string | null {
  try {
    JSON.parse(text);
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
