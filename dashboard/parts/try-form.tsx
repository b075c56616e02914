import { computed, useSignal, useSignalEffect, type Signal } from '@preact/signals';
import { useMemo } from 'preact/hooks';
import type { WireTask } from 'raincheck/client';
import { fieldsOf } from '../state/schema.ts';
import { can } from '../state/session.ts';
import { mistakesIn, submitDraft, type Attempted, type TryDraft } from '../state/try.ts';
import { JsonField, mistakeIn } from './json-field.tsx';
import { notifyError } from './notices.tsx';
import { SchemaForm } from './schema-form.tsx';

/** A form, or JSON, for the input, and the options of a submit. */
export function TryForm(p: {
  readonly task: WireTask;
  readonly draft: Signal<TryDraft>;
  readonly attempted: Signal<Attempted | null>;
}) {
  const { draft, attempted } = p;
  const fields = useMemo(() => fieldsOf(p.task.input_schema), [p.task.name]);
  const asJson = useSignal(fields === null);
  const busy = useSignal(false);
  const text = useSignal(JSON.stringify(draft.value.input, null, 2));
  const mistakes = useMemo(() => computed(() => mistakesIn(attempted.value)), []);
  const input = useInput(draft);
  useSignalEffect(() => {
    // The JSON text becomes the input as soon as it is valid.
    if (asJson.value && mistakeIn(text.value) === null) input.value = JSON.parse(text.value);
  });

  async function submit(): Promise<void> {
    if (busy.value) return;
    busy.value = true;
    try {
      attempted.value = await submitDraft(p.task, draft.value);
    } catch (error) {
      notifyError(error);
    } finally {
      busy.value = false;
    }
  }

  function show(json: boolean): void {
    if (json) text.value = JSON.stringify(input.value, null, 2);
    asJson.value = json;
  }

  const isWrong = asJson.value && mistakeIn(text.value) !== null;
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        void submit();
      }}
    >
      {fields === null ? null : <FormOrJson asJson={asJson.value} onChange={show} />}
      {asJson.value || fields === null ? (
        <JsonField label="Input" text={text} />
      ) : fields.length === 0 ? (
        <p class="dim">It takes no input.</p>
      ) : (
        <SchemaForm fields={fields} draft={input} mistakes={mistakes.value} />
      )}
      <Options draft={draft} />
      <button
        type="submit"
        class="main"
        disabled={isWrong || !can('submit')}
        aria-busy={busy.value}
      >
        Submit
      </button>
    </form>
  );
}

/** The input of a draft as a signal of its own. */
function useInput(draft: Signal<TryDraft>): Signal<unknown> {
  const input = useSignal(draft.peek().input);
  useSignalEffect(() => {
    if (draft.peek().input !== input.value) draft.value = { ...draft.peek(), input: input.value };
  });
  return input;
}

function FormOrJson(p: { readonly asJson: boolean; readonly onChange: (json: boolean) => void }) {
  return (
    <fieldset class="switch form-switch">
      <legend class="hidden-text">Write the input as</legend>
      {[false, true].map((json) => (
        <label key={String(json)}>
          <input
            type="radio"
            name="as"
            checked={p.asJson === json}
            onChange={() => p.onChange(json)}
          />
          <span>{json ? 'JSON' : 'Form'}</span>
        </label>
      ))}
    </fieldset>
  );
}

const optionFields = [
  ['priority', 'Priority', '-100 to 100, higher goes first'],
  ['delay', 'Delay', '10m'],
  ['deadline', 'Deadline', '1h'],
] as const;

function Options({ draft }: { readonly draft: Signal<TryDraft> }) {
  const { options, idempotencyKey, webhookUrl } = draft.value;
  const label = Object.entries(options).find(([name]) => name.startsWith('label.'));
  const labelText = useSignal(label === undefined ? '' : `${label[0].slice(6)}=${label[1]}`);
  const put = (changes: Partial<TryDraft>): void =>
    void (draft.value = { ...draft.value, ...changes });
  const option = (name: string, value: string): void =>
    put({ options: { ...options, [name]: value } });

  function setLabels(text: string): void {
    labelText.value = text;
    const plain = Object.entries(options).filter(([name]) => !name.startsWith('label.'));
    const pairs = [...text.matchAll(/([\w.-]+)=(\S+)/g)].map(([, key, value]) => [
      `label.${key}`,
      value,
    ]);
    put({ options: Object.fromEntries([...plain, ...pairs]) as Record<string, string> });
  }

  return (
    <details class="options">
      <summary>Options</summary>
      <div class="option-grid">
        {optionFields.map(([name, title, placeholder]) => (
          <Text
            key={name}
            title={title}
            placeholder={placeholder}
            value={options[name] ?? ''}
            set={(value) => option(name, value)}
          />
        ))}
        <Text
          title="Labels"
          placeholder="tenant=acme team=billing"
          value={labelText.value}
          set={setLabels}
        />
        <Text
          title="Idempotency-Key"
          placeholder="none"
          value={idempotencyKey}
          set={(value) => put({ idempotencyKey: value })}
        />
        <Text
          title="Webhook address"
          placeholder="https://example.com/done"
          value={webhookUrl}
          set={(value) => put({ webhookUrl: value })}
        />
      </div>
    </details>
  );
}

function Text(p: {
  readonly title: string;
  readonly placeholder: string;
  readonly value: string;
  readonly set: (value: string) => void;
}) {
  return (
    <label class="field">
      <span class="label-line">{p.title}</span>
      <input
        type="text"
        placeholder={p.placeholder}
        value={p.value}
        onInput={({ currentTarget }) => p.set(currentTarget.value.trim())}
      />
    </label>
  );
}
