import type { Signal } from '@preact/signals';
import type { WireOperation } from 'raincheck/client';
import { mayOperate } from '../state/session.ts';
import { isFinalOperation, shownOperation } from '../state/shown.ts';
import { State } from './mark.tsx';
import { counted, Progress } from './progress.tsx';
import { Time, Took } from './time.tsx';

type Selected = Signal<ReadonlySet<string>>;

/** Operations as rows, each of which redraws alone. */
export function OperationTable(p: {
  readonly rows: readonly Signal<WireOperation>[];
  readonly selected?: Selected;
}) {
  const selected = mayOperate.value ? p.selected : undefined;
  return (
    <div class="table-frame">
      <table class="rows operations" role="table">
        <thead role="rowgroup">
          <tr role="row">
            {selected === undefined ? null : (
              <th role="columnheader" class="pick">
                <PickAll rows={p.rows} selected={selected} />
              </th>
            )}
            <th role="columnheader">State</th>
            <th role="columnheader">Task</th>
            <th role="columnheader" class="wide">
              Operation
            </th>
            <th role="columnheader" class="fill">
              Progress
            </th>
            <th role="columnheader" class="wide num">
              Attempt
            </th>
            <th role="columnheader" class="wide num">
              Took
            </th>
            <th role="columnheader" class="num">
              Created
            </th>
          </tr>
        </thead>
        <tbody role="rowgroup">
          {p.rows.map((row) => (
            <Row key={row.peek().id} row={row} selected={selected} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function PickAll(p: {
  readonly rows: readonly Signal<WireOperation>[];
  readonly selected: Selected;
}) {
  const ids = p.rows.map((row) => row.peek().id);
  const all = ids.length > 0 && ids.every((id) => p.selected.value.has(id));
  return (
    <input
      type="checkbox"
      aria-label="Select all rows of this page"
      checked={all}
      onChange={() => (p.selected.value = new Set(all ? [] : ids))}
    />
  );
}

function Row(p: { readonly row: Signal<WireOperation>; readonly selected: Selected | undefined }) {
  const operation = p.row.value;
  const { id, task, attempt, attempts_max, started_at, finished_at, created_at } = operation;
  const isPicked = p.selected?.value.has(id) === true;
  return (
    <tr role="row" class={isPicked ? 'picked' : ''} data-id={id}>
      {p.selected === undefined ? null : (
        <td role="cell" class="pick">
          <input
            type="checkbox"
            aria-label={`Select ${id}`}
            checked={isPicked}
            onChange={() => p.selected !== undefined && toggle(p.selected, id)}
          />
        </td>
      )}
      <td role="cell" class="state-cell">
        <State shown={shownOperation(operation)} />
      </td>
      <td role="cell" class="task-cell">
        <a class="row-link" href={`operations/${id}`} title={id} aria-label={`${task} ${id}`}>
          {task}
        </a>
      </td>
      <td role="cell" class="wide id">
        {shortId(id)}
      </td>
      <td role="cell" class="fill detail">
        <Detail operation={operation} />
      </td>
      <td role="cell" class="wide num">
        {attempt === 0 ? '–' : `${attempt} of ${attempts_max}`}
      </td>
      <td role="cell" class="wide num">
        {started_at === null ? '–' : <Took from={started_at} to={finished_at} />}
        {started_at === null || finished_at !== null ? null : <span class="dim"> so far</span>}
      </td>
      <td role="cell" class="num when">
        <Time at={created_at} />
      </td>
    </tr>
  );
}

/** The end of an id. Ids begin with the time of creation, so their ends tell them apart. */
export function shortId(id: string): string {
  return `${id.slice(0, id.indexOf('_') + 1)}…${id.slice(-8)}`;
}

function Detail({ operation }: { readonly operation: WireOperation }) {
  const { status, error, estimate, ready_at, progress } = operation;
  if (status === 'failed' && error !== null) {
    return (
      <span class="cut" title={error.detail}>
        <code class="code-word">{error.code}</code> {error.detail}
      </span>
    );
  }
  if (status === 'processing') return <Progress operation={operation} />;
  if (isFinalOperation(operation)) {
    return <span class="cut dim">{progress?.message ?? counted(operation)}</span>;
  }
  const ahead = estimate?.queue_position ?? null;
  return (
    <span class="cut dim">
      {ready_at === null ? (
        ahead === null ? null : ahead === 0 ? (
          'next'
        ) : (
          `${ahead} before it`
        )
      ) : (
        <>
          starts <Time at={ready_at} />
        </>
      )}
    </span>
  );
}

function toggle(selected: Selected, id: string): void {
  const next = new Set(selected.value);
  if (!next.delete(id)) next.add(id);
  selected.value = next;
}
