import { useSignal, type Signal } from '@preact/signals';
import { useId } from 'preact/hooks';
import { memberAt, withMember, type Field } from '../state/schema.ts';
import { mistakeIn } from './json-field.tsx';

type Draft = Signal<unknown>;

/** Fields for the members of an input. Members left empty are left out. */
export function SchemaForm(p: {
  readonly fields: readonly Field[];
  readonly draft: Draft;
  readonly path?: readonly string[];
  /** The server's errors about members, by JSON pointer. */
  readonly mistakes: ReadonlyMap<string, string>;
}) {
  return (
    <>
      {p.fields.map((field) => {
        const path = [...(p.path ?? []), field.name];
        return (
          <FormField
            key={field.name}
            field={field}
            draft={p.draft}
            path={path}
            mistakes={p.mistakes}
          />
        );
      })}
    </>
  );
}

type Place = {
  readonly field: Field;
  readonly draft: Draft;
  readonly path: readonly string[];
  readonly mistakes: ReadonlyMap<string, string>;
};

function FormField(p: Place) {
  const id = useId();
  const { field, path } = p;
  const mistake = p.mistakes.get(`/${path.join('/')}`) ?? null;
  if (field.kind === 'group') {
    return (
      <div class="field">
        <fieldset class="group">
          <legend>
            {field.name}
            <Need field={field} />
          </legend>
          <SchemaForm fields={field.fields} draft={p.draft} path={path} mistakes={p.mistakes} />
        </fieldset>
      </div>
    );
  }
  return (
    <div class="field">
      <label for={id}>
        {field.name}
        <Need field={field} />
      </label>
      <Input {...p} id={id} describedBy={`${id}-about`} isWrong={mistake !== null} />
      <p id={`${id}-about`} class="small">
        {mistake === null ? null : <span class="field-error">{mistake} </span>}
        <span class="dim">{field.description}</span>
      </p>
    </div>
  );
}

function Need({ field }: { readonly field: Field }) {
  return field.required ? null : <span class="dim optional"> optional</span>;
}

type InputProps = Place & {
  readonly id: string;
  readonly describedBy: string;
  readonly isWrong: boolean;
};

function Input(p: InputProps) {
  const { field, draft, path } = p;
  const value = memberAt(draft.value, path);
  const set = (member: unknown): void => void (draft.value = withMember(draft.value, path, member));
  const common = { id: p.id, 'aria-describedby': p.describedBy, 'aria-invalid': p.isWrong };
  switch (field.kind) {
    case 'boolean':
      return <Choice {...common} choices={[true, false]} value={value} set={set} />;
    case 'choice':
      return <Choice {...common} choices={field.choices} value={value} set={set} />;
    case 'number':
      return (
        <input
          {...common}
          type="number"
          step="any"
          placeholder={field.placeholder}
          value={typeof value === 'number' ? value : ''}
          onInput={({ currentTarget: { value } }) => set(value === '' ? undefined : Number(value))}
        />
      );
    case 'text':
      return (
        <input
          {...common}
          type="text"
          placeholder={field.placeholder}
          value={typeof value === 'string' ? value : ''}
          onInput={({ currentTarget: { value } }) => set(value === '' ? undefined : value)}
        />
      );
    case 'json':
    case 'group':
      return <JsonMember common={common} value={value} set={set} />;
  }
}

type Common = {
  readonly id: string;
  readonly 'aria-describedby': string;
  readonly 'aria-invalid': boolean;
};

function Choice(
  p: Common & {
    readonly choices: readonly unknown[];
    readonly value: unknown;
    readonly set: (value: unknown) => void;
  },
) {
  const { choices, value, set, ...common } = p;
  const chosen = choices.findIndex((choice) => choice === value);
  return (
    <select
      {...common}
      value={String(chosen)}
      onChange={({ currentTarget }) => set(choices[Number(currentTarget.value)])}
    >
      <option value="-1">–</option>
      {choices.map((choice, i) => (
        <option key={String(choice)} value={String(i)}>
          {typeof choice === 'string' ? choice : JSON.stringify(choice)}
        </option>
      ))}
    </select>
  );
}

/** A member that no kind of field fits, edited as JSON. */
function JsonMember(p: {
  readonly common: Common;
  readonly value: unknown;
  readonly set: (value: unknown) => void;
}) {
  const text = useSignal(p.value === undefined ? '' : JSON.stringify(p.value, null, 2));
  const mistake = text.value === '' ? null : mistakeIn(text.value);
  return (
    <>
      <textarea
        {...p.common}
        class="json"
        rows={3}
        placeholder="JSON"
        spellcheck={false}
        value={text.value}
        onInput={({ currentTarget }) => {
          text.value = currentTarget.value;
          if (text.value === '') p.set(undefined);
          else if (mistakeIn(text.value) === null) p.set(JSON.parse(text.value));
        }}
      />
      {mistake === null ? null : <p class="field-error">{mistake}</p>}
    </>
  );
}
