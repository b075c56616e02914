import { useSignal, useSignalEffect } from '@preact/signals';
import { useEffect, useId, useRef } from 'preact/hooks';
import { address, go, place } from '../state/address.ts';
import { suggestions, type Suggestion } from '../state/filter.ts';
import { knownLabels } from '../state/known-labels.ts';
import { taskNames } from '../state/tasks.ts';
import { Icon } from './icon.tsx';

/**
 * The state of the field: its text, the suggestions for the word at the caret, and the chosen one.
 */
function useCombobox() {
  const text = useSignal('');
  const offered = useSignal<readonly Suggestion[]>([]);
  const chosen = useSignal(-1);
  const input = useRef<HTMLInputElement>(null);
  useSignalEffect(() => {
    const { parts, query } = place.value;
    const isList = parts[0] === 'operations' && parts.length === 1;
    text.value = isList ? (query.get('q') ?? '') : '';
  });

  function offer(): void {
    const field = input.current;
    if (field === null) return;
    const before = field.value.slice(0, field.selectionStart ?? field.value.length);
    offered.value = suggestions(before, { tasks: taskNames.value, labels: knownLabels() });
    chosen.value = -1;
  }

  function close(): void {
    offered.value = [];
    chosen.value = -1;
  }

  function take({ text: word }: Suggestion): void {
    const field = input.current;
    if (field === null) return;
    const caret = field.selectionStart ?? field.value.length;
    const before = field.value.slice(0, caret).replace(/\S*$/, word);
    const after = field.value.slice(caret);
    text.value = before + after;
    field.value = text.value;
    field.focus();
    field.setSelectionRange(before.length, before.length);
    offer();
  }

  function onKeyDown(event: KeyboardEvent): void {
    const { length } = offered.value;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step !== undefined && length > 0) {
      event.preventDefault();
      chosen.value =
        (chosen.value + step + length + (chosen.value < 0 && step < 0 ? 1 : 0)) % length;
      return;
    }
    const picked = offered.value[chosen.value];
    if ((event.key === 'Enter' || event.key === 'Tab') && picked !== undefined) {
      event.preventDefault();
      take(picked);
    } else if (event.key === 'Escape') {
      if (length > 0) close();
      else input.current?.blur();
    }
  }

  return { text, offered, chosen, input, offer, close, take, onKeyDown };
}

/**
 * The search on every view, reached by `/`. It takes qualifiers and words for the list of
 * operations, or an id of anything. It is a combobox (WAI-ARIA 1.2) that suggests words; nothing is
 * chosen unless the person does.
 */
export function FilterBar() {
  const { text, offered, chosen, input, offer, close, take, onKeyDown } = useCombobox();
  const listId = useId();
  useSlash(input);
  const isOpen = offered.value.length > 0;
  return (
    <search class="filter-bar">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          close();
          find(text.value);
        }}
      >
        <Icon name="search" />
        <input
          ref={input}
          type="text"
          role="combobox"
          aria-label="Search operations"
          aria-expanded={isOpen}
          aria-controls={listId}
          aria-autocomplete="list"
          aria-activedescendant={chosen.value < 0 ? undefined : `${listId}-${chosen.value}`}
          placeholder="status:failed task:report* since:2h, or an id"
          autocomplete="off"
          spellcheck={false}
          value={text.value}
          onInput={(event) => {
            text.value = event.currentTarget.value;
            offer();
          }}
          onFocus={offer}
          onClick={offer}
          onBlur={close}
          onKeyDown={onKeyDown}
        />
        {text.value === '' ? (
          <kbd aria-hidden="true">/</kbd>
        ) : (
          <button
            type="button"
            class="quiet"
            aria-label="Clear the search"
            onClick={() => clear(text)}
          >
            <Icon name="close" />
          </button>
        )}
      </form>
      <Offered id={listId} offered={offered.value} chosen={chosen.value} take={take} />
    </search>
  );
}

function Offered(p: {
  readonly id: string;
  readonly offered: readonly Suggestion[];
  readonly chosen: number;
  readonly take: (one: Suggestion) => void;
}) {
  return (
    <ul id={p.id} role="listbox" aria-label="Suggestions" hidden={p.offered.length === 0}>
      {p.offered.map((one, i) => (
        <li
          key={one.text}
          id={`${p.id}-${i}`}
          role="option"
          aria-selected={i === p.chosen}
          // On mousedown, before the field loses the focus.
          onMouseDown={(event) => {
            event.preventDefault();
            p.take(one);
          }}
        >
          <code>{one.text}</code>
          <span class="dim">{one.hint}</span>
        </li>
      ))}
    </ul>
  );
}

function clear(text: { value: string }): void {
  text.value = '';
  const { parts } = place.peek();
  if (parts[0] === 'operations' && parts.length === 1) go('operations');
}

const ids: readonly (readonly [RegExp, string])[] = [
  [/^op_\w{26}$/, 'operations'],
  [/^msg_\w{20,}$/, 'webhooks/deliveries'],
  [/^ep_\w{20,}$/, 'webhooks/endpoints'],
];

/** Goes to the page of an id, or to the list for any other text. */
function find(text: string): void {
  const wanted = text.trim();
  const known = ids.find(([pattern]) => pattern.test(wanted));
  go(known === undefined ? address('operations', { q: wanted }) : `${known[1]}/${wanted}`);
}

function useSlash(input: { readonly current: HTMLInputElement | null }): void {
  useEffect(() => {
    const focus = (event: KeyboardEvent): void => {
      const isWriting =
        event.target instanceof Element &&
        event.target.closest('input:not([type=radio],[type=checkbox]),textarea,select,dialog') !==
          null;
      if (event.key !== '/' || isWriting || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      input.current?.focus();
      input.current?.select();
    };
    addEventListener('keydown', focus);
    return () => removeEventListener('keydown', focus);
  }, []);
}
