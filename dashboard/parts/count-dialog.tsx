import type { ComponentChildren } from 'preact';
import { useLoaded } from '../state/loaded.ts';
import { count, plural } from '../state/text.ts';
import { Action } from './action.tsx';
import { Dialog } from './dialog.tsx';
import { shortId } from './operation-table.tsx';
import { Trouble } from './trouble.tsx';

type Count = {
  readonly count: number;
  readonly count_complete: boolean;
  readonly sample: readonly string[];
};

/**
 * Says what will be done (the children) and to how many, and does it only after a second
 * confirmation.
 */
export function CountDialog(p: {
  readonly verb: string;
  /** The noun for one of them: 'operation'. */
  readonly noun: string;
  /** Path of their pages, up to the id. */
  readonly folder: string;
  readonly isFinal: boolean;
  readonly children: ComponentChildren;
  readonly read: (signal: AbortSignal) => Promise<Count>;
  readonly act: () => Promise<void>;
  readonly onClose: () => void;
}) {
  const counted = useLoaded(p.verb, p.read);
  const found = counted.data.value;
  return (
    <Dialog title={`${p.verb} all that match`} onClose={p.onClose}>
      {p.children}
      <Trouble error={counted.error.value} />
      {found === null ? (
        counted.error.value === null ? (
          <p class="dim">Counting…</p>
        ) : null
      ) : (
        <div class="batch-count" aria-live="polite">
          <strong class="figure">{count(found.count)}</strong>
          {found.count_complete ? null : <span> or more: it stopped counting there</span>}
          {found.sample.length === 0 ? null : (
            <p class="dim">
              {found.sample.map((id) => (
                <a key={id} href={`${p.folder}/${id}`} class="id">
                  {shortId(id)}
                </a>
              ))}
            </p>
          )}
        </div>
      )}
      <footer>
        <button type="button" onClick={p.onClose}>
          Cancel
        </button>
        <Action
          class={p.isFinal ? 'danger' : 'main'}
          disabled={found === null || found.count === 0}
          act={p.act}
        >
          {p.verb} {found === null ? '' : plural(found.count, p.noun)}
        </Action>
      </footer>
    </Dialog>
  );
}
