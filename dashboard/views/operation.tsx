import { useSignal, useSignalEffect } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { ProblemError, type WireOperation } from 'raincheck/client';
import { Copy } from '../parts/copy.tsx';
import { Empty } from '../parts/empty.tsx';
import { EstimateLine } from '../parts/estimate-line.tsx';
import { Facts, type Fact } from '../parts/facts.tsx';
import { State } from '../parts/mark.tsx';
import { speakProgress } from '../parts/notices.tsx';
import { OperationActions } from '../parts/operation-actions.tsx';
import { OperationTabs } from '../parts/operation-tabs.tsx';
import { Page, Panel } from '../parts/page.tsx';
import { counted } from '../parts/progress.tsx';
import { shortId } from '../parts/operation-table.tsx';
import { Time, Took } from '../parts/time.tsx';
import { TimelineView } from '../parts/timeline.tsx';
import { Trouble } from '../parts/trouble.tsx';
import { address } from '../state/address.ts';
import { now } from '../state/clock.ts';
import { readHistories } from '../state/deliveries.ts';
import { subscribe } from '../state/feed.ts';
import { useLoaded, type Loaded } from '../state/loaded.ts';
import { client } from '../state/server.ts';
import { isFinalOperation, shownOperation } from '../state/shown.ts';
import { percent } from '../state/text.ts';
import { timelineOf, type DeliveryHistory } from '../state/timeline.ts';

/** One operation, followed while it is shown. */
export function OperationView({ id }: { readonly id: string }) {
  const loaded = useLoaded(id, (signal) => client.operation(id).status({ signal }));
  useFeedOf(id, loaded);
  const operation = loaded.data.value;
  if (operation === null) {
    return (
      <Page title={id}>
        <Missing error={loaded.error.value} />
      </Page>
    );
  }
  return <Shown operation={operation} loaded={loaded} />;
}

/**
 * Takes most changes from the feed. Parts that lists leave out (attempts, result, webhook) are read
 * after each step.
 */
function useFeedOf(id: string, loaded: Loaded<WireOperation>): void {
  useEffect(
    () =>
      subscribe({
        operation(news) {
          if (news.id !== id) return;
          const before = loaded.data.peek();
          if (before === null) return;
          const { progress, estimate, cancel_requested_at } = news;
          const isStep = before.status !== news.status || before.attempt !== news.attempt;
          if (isStep) loaded.reload();
          else
            loaded.put({
              ...before,
              progress,
              estimate,
              cancel_requested_at,
              ready_at: news.ready_at,
            });
        },
        anew: () => loaded.reload(),
      }),
    [id],
  );
  useSignalEffect(() => {
    const operation = loaded.data.value;
    if (operation === null) return;
    const { word } = shownOperation(operation);
    const fraction = operation.progress?.fraction;
    const far = operation.status === 'processing' && typeof fraction === 'number';
    speakProgress(far ? `${word}, ${percent(fraction)}` : word, isFinalOperation(operation));
  });
}

function Missing({ error }: { readonly error: Error | null }) {
  if (error instanceof ProblemError && (error.status === 404 || error.status === 410)) {
    return <Empty title={error.problem.title}>{error.message}</Empty>;
  }
  return error === null ? <p class="dim">Reading…</p> : <Trouble error={error} />;
}

function Shown(p: { readonly operation: WireOperation; readonly loaded: Loaded<WireOperation> }) {
  const { operation } = p;
  const histories = useDeliveries(operation);
  return (
    <Page
      title={`${operation.task} ${shortId(operation.id)}`}
      above={<a href="operations">Operations</a>}
      heading={
        <>
          {operation.task} <State shown={shownOperation(operation)} />
        </>
      }
      actions={
        <OperationActions
          operation={operation}
          onChange={(next) => p.loaded.put(next)}
          onStale={() => p.loaded.reload()}
        />
      }
    >
      <p class="op-id">
        <span class="id">{operation.id}</span>
        <Copy text={operation.id} label="Copy the id" />
      </p>
      <Trouble error={p.loaded.error.value} />
      <Panel class="summary">
        <Standing operation={operation} />
        <OperationFacts operation={operation} />
      </Panel>
      <Panel title="Timeline">
        <LiveTimeline operation={operation} histories={histories.value} />
      </Panel>
      <OperationTabs operation={operation} histories={histories.value} />
    </Page>
  );
}

/**
 * Reads the deliveries after each step of the operation, and repeatedly while one is still to be
 * sent.
 */
function useDeliveries(operation: WireOperation) {
  const found = useSignal<readonly DeliveryHistory[]>([]);
  const loaded = useLoaded(
    `${operation.id} deliveries`,
    (signal) => readHistories(operation.id, signal),
    4_000,
  );
  useEffect(() => loaded.reload(), [operation.status, operation.attempt]);
  useSignalEffect(() => {
    if (loaded.data.value !== null) found.value = loaded.data.value;
  });
  return found;
}

function LiveTimeline(p: {
  readonly operation: WireOperation;
  readonly histories: readonly DeliveryHistory[];
}) {
  const isMoving =
    !isFinalOperation(p.operation) ||
    p.histories.some(({ delivery }) => delivery.finished_at === null);
  const at = isMoving ? now.value : Date.parse(p.operation.finished_at ?? p.operation.created_at);
  return <TimelineView timeline={timelineOf(p.operation, p.histories, at)} />;
}

/** The present state, in the largest letters of the page. */
function Standing({ operation }: { readonly operation: WireOperation }) {
  const { status, progress, error } = operation;
  const fraction = status === 'completed' ? 1 : (progress?.fraction ?? null);
  return (
    <div class="standing">
      {status === 'failed' && error !== null ? (
        <div class="op-error">
          <strong>{error.title}</strong> <code class="code-word">{error.code}</code>
          <p>{error.detail}</p>
        </div>
      ) : null}
      {status === 'processing' ? (
        <div class="big-progress">
          <progress
            max={1}
            aria-label="Progress"
            {...(fraction === null ? {} : { value: fraction })}
          />
          <p>
            {fraction === null ? null : <strong class="num">{percent(fraction)}</strong>}
            <span>{progress?.message ?? ''}</span>
            <span class="dim num">{counted(operation)}</span>
          </p>
        </div>
      ) : null}
      <EstimateLine operation={operation} />
    </div>
  );
}

function OperationFacts({ operation }: { readonly operation: WireOperation }) {
  const { started_at, finished_at, created_at, deadline_at, expires_at, labels, retry_of } =
    operation;
  const entries = Object.entries(labels);
  return (
    <Facts
      of={[
        ['Created', <Time at={created_at} />],
        ['Started', started_at === null ? null : <Time at={started_at} />],
        ['Finished', finished_at === null ? null : <Time at={finished_at} />],
        lasting(operation),
        [
          'Attempt',
          operation.attempt === 0 ? null : `${operation.attempt} of ${operation.attempts_max}`,
        ],
        [
          operation.attempt > 0 ? 'Next attempt' : 'Starts',
          operation.ready_at === null ? null : <Time at={operation.ready_at} />,
        ],
        ['Deadline', deadline_at === null ? null : <Time at={deadline_at} />],
        ['Priority', operation.priority === 0 ? null : operation.priority],
        [
          'Labels',
          entries.length === 0
            ? null
            : entries.map(([key, value]) => (
                <a
                  key={key}
                  class="label"
                  href={address('operations', { q: labelTerm(key, value) })}
                >
                  {key}: {value}
                </a>
              )),
        ],
        [
          'Repeats',
          retry_of === null ? null : (
            <a class="id" href={`operations/${retry_of}`}>
              {shortId(retry_of)}
            </a>
          ),
        ],
        ['Kept until', expires_at === null ? null : <Time at={expires_at} />],
      ]}
    />
  );
}

/** How long it took or has been running; null between two attempts, when it does neither. */
function lasting(operation: WireOperation): Fact {
  const { status, started_at, attempt_started_at, finished_at } = operation;
  if (started_at === null) return ['Took', null];
  if (finished_at !== null) return ['Took', <Took from={started_at} to={finished_at} />];
  const from = attempt_started_at ?? started_at;
  return ['Running for', status === 'processing' ? <Took from={from} to={null} /> : null];
}

function labelTerm(key: string, value: string): string {
  return `label.${key}:${/\s/.test(value) ? `"${value}"` : value}`;
}
