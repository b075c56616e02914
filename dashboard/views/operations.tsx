import type { BatchAction } from 'raincheck/client';
import { useComputed, useSignal, useSignalEffect } from '@preact/signals';
import { useEffect, useMemo, useRef } from 'preact/hooks';
import { BatchDialog } from '../parts/batch-dialog.tsx';
import { Empty } from '../parts/empty.tsx';
import { FirstSteps } from '../parts/first-steps.tsx';
import { Icon } from '../parts/icon.tsx';
import { speakProgress } from '../parts/notices.tsx';
import { OperationTable } from '../parts/operation-table.tsx';
import { Page } from '../parts/page.tsx';
import { SelectionBar } from '../parts/selection-bar.tsx';
import { Tabs } from '../parts/tabs.tsx';
import { Time } from '../parts/time.tsx';
import { Trouble } from '../parts/trouble.tsx';
import { address, go, place } from '../state/address.ts';
import { subscribe } from '../state/feed.ts';
import {
  filterText,
  glob,
  parseFilter,
  serverFilters,
  valueOf,
  withTerm,
  type Filter,
  type ServerFilter,
} from '../state/filter.ts';
import { LiveList } from '../state/live-list.ts';
import { useLoaded } from '../state/loaded.ts';
import { readOperationPage } from '../state/operation-page.ts';
import { mayOperate } from '../state/session.ts';
import { countsOf, taskNames, tasks } from '../state/tasks.ts';
import { count, plural } from '../state/text.ts';

/** All operations, newest first. The filter and the page are part of the address. */
export function Operations() {
  const text = place.value.query.get('q') ?? '';
  const page = place.value.query.get('page');
  const filter = parseFilter(text);
  const asked = serverFiltersOf(filter);
  return (
    <Page
      title="Operations"
      actions={
        Array.isArray(asked) ? <BatchButtons filter={filter} asked={asked} key={text} /> : undefined
      }
    >
      <StateTabs filter={filter} />
      {asked === null ? null : asked instanceof Error ? (
        <Trouble error={asked} />
      ) : (
        <List key={`${text} ${page}`} filter={filter} asked={asked} page={page} />
      )}
    </Page>
  );
}

/** Actions on all matching operations, on this page or not. */
function BatchButtons(p: { readonly filter: Filter; readonly asked: readonly ServerFilter[] }) {
  const batch = useSignal<BatchAction | null>(null);
  if (!mayOperate.value) return null;
  const status = valueOf(p.filter, 'status');
  const isOfErrors = p.filter.terms.some(({ key }) => key === 'code' || key === 'error');
  const actions = batchActions.filter(
    ({ action, of }) =>
      // An action that cannot be undone is offered only when the filter says clearly what it takes.
      (status === null ? action !== 'remove' : of.includes(status)) &&
      !(action === 'cancel' && isOfErrors),
  );
  return (
    <>
      {actions.map(({ action, label }) => (
        <button key={action} type="button" class="quiet" onClick={() => (batch.value = action)}>
          {label}
        </button>
      ))}
      {batch.value === null ? null : (
        <BatchDialog {...p} action={batch.value} onClose={() => (batch.value = null)} />
      )}
    </>
  );
}

const batchActions: readonly { action: BatchAction; label: string; of: readonly string[] }[] = [
  { action: 'cancel', label: 'Cancel all…', of: ['pending', 'processing'] },
  { action: 'retry', label: 'Retry all…', of: ['failed'] },
  { action: 'remove', label: 'Remove all…', of: ['completed', 'failed'] },
];

/** The filters for the server; null: a pattern waits for the names of the tasks. */
function serverFiltersOf(filter: Filter): readonly ServerFilter[] | Error | null {
  const pattern = valueOf(filter, 'task');
  if (pattern?.includes('*') === true && tasks.value === null) return null;
  try {
    return serverFilters(filter, pattern?.includes('*') === true ? taskNames.value : []);
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

const stateTabs = [
  [null, 'All'],
  ['pending', 'Waiting'],
  ['processing', 'Running'],
  ['completed', 'Completed'],
  ['failed', 'Failed'],
] as const;

/**
 * Final statuses show no number, because the counts go back to the creation of the store, and the
 * list only shows operations that are still kept.
 */
function StateTabs({ filter }: { readonly filter: Filter }) {
  const counts = countsFor(filter);
  const tabs = stateTabs.map(([status, label]) => ({
    name: status ?? '',
    label,
    href: address('operations', { q: filterText(withTerm(filter, 'status', status)) }),
    count: status === 'pending' || status === 'processing' ? (counts?.[status] ?? null) : null,
  }));
  return <Tabs label="By state" tabs={tabs} current={valueOf(filter, 'status') ?? ''} />;
}

/** Counts that are known without asking: of everything, or of some tasks. */
function countsFor({ terms, words }: Filter) {
  const isCounted = terms.every(({ key }) => key === 'status' || key === 'task');
  if (!isCounted || words !== '') return null;
  const pattern = terms.find(({ key }) => key === 'task')?.value;
  return countsOf(pattern === undefined ? null : glob(pattern));
}

function List(p: {
  readonly filter: Filter;
  readonly asked: readonly ServerFilter[];
  readonly page: string | null;
}) {
  const list = useMemo(() => new LiveList(p.filter, p.page === null), []);
  const selected = useSignal<ReadonlySet<string>>(new Set());
  const loaded = useLoaded('page', (signal) => readOperationPage(p.asked, p.page, signal));
  /** Whether rows may be reordered: when the list appears, and when a person asks for it. */
  const mayMove = useRef(true);
  const show = (): void => {
    mayMove.current = true;
    loaded.reload();
  };
  useSignalEffect(() => {
    const page = loaded.data.value;
    if (page === null) return;
    if (mayMove.current) list.put(page);
    else list.catchUp(page);
    mayMove.current = false;
  });
  useEffect(
    () =>
      subscribe({ operation: (operation) => list.take(operation), anew: () => loaded.reload() }),
    [],
  );
  const isEmpty = useComputed(() => loaded.data.value !== null && list.rows.value.length === 0);
  useSignalEffect(() => {
    // In an empty list nothing can move under the pointer.
    if (isEmpty.value && list.news.value.size > 0) show();
  });
  return (
    <>
      <Trouble error={loaded.error.value} />
      <News list={list} onShow={show} />
      {isEmpty.value ? (
        <NoOperations filter={p.filter} searchesOn={loaded.data.value?.searchesOn === true} />
      ) : (
        <OperationTable rows={list.rows.value} selected={selected} />
      )}
      <Pages page={p.page} next={loaded.data.value?.next ?? null} list={list} />
      <SelectionBar selected={selected} rows={list.rows} />
    </>
  );
}

function News({ list, onShow }: { readonly list: LiveList; readonly onShow: () => void }) {
  const { size } = list.news.value;
  const text = list.unsure.value ? `${count(size)} new may fit` : `${count(size)} new`;
  useSignalEffect(() => {
    const waiting = list.news.value.size;
    if (waiting > 0) speakProgress(`${plural(waiting, 'new operation')} above the list`);
  });
  return (
    <div class="news">
      {size === 0 ? null : (
        <button type="button" class="pill" onClick={onShow}>
          {text} <span class="hidden-text">operations: show them</span>
        </button>
      )}
    </div>
  );
}

function Pages(p: {
  readonly page: string | null;
  readonly next: string | null;
  readonly list: LiveList;
}) {
  const last = p.list.rows.value.at(-1)?.value;
  const q = place.value.query.get('q');
  if (p.page === null && p.next === null) return null;
  return (
    <nav class="pages" aria-label="Pages">
      {p.page === null ? null : <a href={address('operations', { q })}>Newest</a>}
      <span class="dim">
        {plural(p.list.rows.value.length, 'row')}
        {last === undefined ? null : (
          <>
            , back to <Time at={last.created_at} />
          </>
        )}
      </span>
      {p.next === null ? null : (
        <button type="button" onClick={() => go(address('operations', { q, page: p.next }))}>
          Older <Icon name="older" />
        </button>
      )}
    </nav>
  );
}

/**
 * How many operations ever had a final status, for a filter by that status alone; null: another
 * filter, or none had it.
 */
function everOf(filter: Filter): string | null {
  const status = valueOf(filter, 'status');
  if (status !== 'completed' && status !== 'failed') return null;
  const ever = countsFor(filter)?.[status] ?? 0;
  return ever === 0
    ? null
    : `${plural(ever, 'operation')} ${ever === 1 ? 'has' : 'have'} ${status}`;
}

function NoOperations(p: { readonly filter: Filter; readonly searchesOn: boolean }) {
  const ever = everOf(p.filter);
  if (ever !== null && !p.searchesOn) {
    return (
      <Empty title="None is kept any more">
        {ever} so far. What is over is kept until it expires or is removed.{' '}
        <a href="operations">Show all</a>
      </Empty>
    );
  }
  if (p.filter.terms.length > 0 || p.filter.words !== '') {
    return (
      <Empty title={p.searchesOn ? 'Nothing so far' : 'Nothing fits'}>
        {p.searchesOn
          ? 'The newest part of the history holds none; older ones may. '
          : 'No operation fits the filter. '}
        <a href="operations">Show all</a>
      </Empty>
    );
  }
  return <FirstSteps />;
}
