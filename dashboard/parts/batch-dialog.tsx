import { go } from '../state/address.ts';
import type { BatchAction } from 'raincheck/client';
import { countBatch, startBatch } from '../state/batch.ts';
import { filterText, type Filter, type ServerFilter } from '../state/filter.ts';
import { useLoaded } from '../state/loaded.ts';
import { count, plural } from '../state/text.ts';
import { Action } from './action.tsx';
import { Dialog } from './dialog.tsx';
import { notify } from './notices.tsx';
import { shortId } from './operation-table.tsx';
import { Trouble } from './trouble.tsx';

const verbs: Readonly<Record<BatchAction, string>> = {
  cancel: 'Cancel',
  retry: 'Retry',
  remove: 'Discard',
};

/** Counts first, then does it as an operation that can be followed. */
export function BatchDialog(p: {
  readonly action: BatchAction;
  readonly filter: Filter;
  readonly asked: readonly ServerFilter[];
  readonly onClose: () => void;
}) {
  const counted = useLoaded(p.action, (signal) => countBatch(p.action, p.asked, signal));
  const found = counted.data.value;
  const verb = verbs[p.action];
  const which = p.action === 'cancel' ? 'that are not finished' : 'that failed';
  const text = filterText(p.filter);

  async function start(): Promise<void> {
    const [first, ...others] = await startBatch(p.action, p.asked);
    p.onClose();
    if (first === undefined) return;
    notify(`${verb} is under way.`, { href: `operations/${first}` });
    if (others.length === 0) go(`operations/${first}`);
  }

  return (
    <Dialog title={`${verb} all that match`} onClose={p.onClose}>
      <p>
        Operations {which} and match {text === '' ? 'no filter: all of them.' : <code>{text}</code>}
      </p>
      {p.action === 'remove' ? (
        <p>Nobody can read them any more then, nor retry them: their addresses are gone.</p>
      ) : null}
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
                <a key={id} href={`operations/${id}`} class="id">
                  {shortId(id)}
                </a>
              ))}
            </p>
          )}
        </div>
      )}
      <footer>
        <button type="button" onClick={p.onClose}>
          Not now
        </button>
        <Action
          class={p.action === 'remove' ? 'danger' : 'main'}
          disabled={found === null || found.count === 0}
          act={start}
        >
          {verb} {found === null ? '' : plural(found.count, 'operation')}
        </Action>
      </footer>
    </Dialog>
  );
}
