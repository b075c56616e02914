import type { Signal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { subscribe } from '../state/feed.ts';
import { useLoaded } from '../state/loaded.ts';
import { client } from '../state/server.ts';
import { can } from '../state/session.ts';
import { isFinalOperation, shownOperation } from '../state/shown.ts';
import type { Attempted } from '../state/try.ts';
import { Code, Json } from './code.tsx';
import { EstimateLine } from './estimate-line.tsx';
import { State } from './mark.tsx';
import { Panel } from './page.tsx';
import { Progress } from './progress.tsx';
import { answerText } from './raw-operation.tsx';
import { ResultLink } from './result-link.tsx';
import { shortId } from './operation-table.tsx';

/** The server's answer, and the progress of the operation. */
export function TryResponse({ attempted }: { readonly attempted: Signal<Attempted | null> }) {
  const current = attempted.value;
  if (current === null) {
    return (
      <Panel title="Response">
        <p class="dim">Nothing has been submitted from here yet.</p>
      </Panel>
    );
  }
  const { answer, operationId } = current;
  return (
    <Panel title="Response">
      {operationId === null || !can('read') ? null : (
        <Followed key={operationId} id={operationId} />
      )}
      <Code text={answerText(answer)} label="the answer" />
    </Panel>
  );
}

function Followed({ id }: { readonly id: string }) {
  const loaded = useLoaded(id, (signal) => client.operation(id).status({ signal }));
  useEffect(
    () =>
      subscribe({
        operation(news) {
          const before = loaded.data.peek();
          if (news.id !== id || before === null) return;
          if (isFinalOperation(news)) loaded.reload();
          else loaded.put({ ...before, ...news });
        },
        anew: () => loaded.reload(),
      }),
    [id],
  );
  const operation = loaded.data.value;
  if (operation === null) return null;
  return (
    <div class="followed" data-status={operation.status}>
      <p class="followed-line">
        <State shown={shownOperation(operation)} />
        <a href={`operations/${id}`} class="id">
          {shortId(id)}
        </a>
        <Progress operation={operation} />
      </p>
      <EstimateLine operation={operation} />
      {operation.error === null ? null : <p class="field-error">{operation.error.detail}</p>}
      {operation.result_url === null ? null : <ResultLink url={operation.result_url} />}
      {'result' in operation ? <Json value={operation.result} label="the result" /> : null}
    </div>
  );
}
