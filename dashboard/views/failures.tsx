import { useSignal } from '@preact/signals';
import { Action } from '../parts/action.tsx';
import { BatchDialog } from '../parts/batch-dialog.tsx';
import { CountDialog } from '../parts/count-dialog.tsx';
import { Empty } from '../parts/empty.tsx';
import { ErrorGroupList } from '../parts/error-group-list.tsx';
import { notify } from '../parts/notices.tsx';
import { Page, Panel } from '../parts/page.tsx';
import { Segments, Tabs } from '../parts/tabs.tsx';
import { Time } from '../parts/time.tsx';
import { Trouble } from '../parts/trouble.tsx';
import { address, go, place } from '../state/address.ts';
import { filterText, timeOf, type Filter, type ServerFilter } from '../state/filter.ts';
import { useLoaded } from '../state/loaded.ts';
import { client } from '../state/server.ts';
import { mayOperate } from '../state/session.ts';
import type { DeadGroup, ErrorGroup } from '../state/stats.ts';
import { count } from '../state/text.ts';

/** Failed operations and dead letters (webhooks that used up their attempts), by kind of error. */
export function Failures() {
  const isWebhooks = place.value.query.get('kind') === 'webhooks';
  return (
    <Page title="Failures">
      <Tabs
        label="Kind"
        current={isWebhooks ? 'webhooks' : 'operations'}
        tabs={[
          { name: 'operations', label: 'Operations', href: 'dead-letters' },
          { name: 'webhooks', label: 'Dead letters', href: 'dead-letters?kind=webhooks' },
        ]}
      />
      {isWebhooks ? <DeadWebhooks /> : <FailedOperations />}
    </Page>
  );
}

type Asked = { readonly action: 'retry' | 'remove'; readonly group: ErrorGroup };

function FailedOperations() {
  const since = place.value.query.get('since') ?? '24h';
  const loaded = useLoaded(
    since,
    (signal) => client.errors({ since: timeOf('since', since), limit: 100, signal }),
    10_000,
  );
  const asked = useSignal<Asked | null>(null);
  const found = loaded.data.value;
  return (
    <>
      <Segments
        label="Period"
        current={since}
        tabs={['1h', '24h', '7d', '30d'].map((name) => ({
          name,
          label: `Last ${name}`,
          href: address('dead-letters', { since: name }),
        }))}
      />
      <Trouble error={loaded.error.value} />
      {found === null ? null : (
        <Panel>
          <ErrorGroupList
            groups={found.groups}
            actions={(group) => (
              <>
                <a
                  class="button quiet"
                  href={address('operations', { q: filterText(filterOf(group, since)) })}
                >
                  Show
                </a>
                {mayOperate.value ? (
                  <>
                    <button
                      type="button"
                      onClick={() => (asked.value = { action: 'retry', group })}
                    >
                      Retry…
                    </button>
                    <button
                      type="button"
                      class="quiet"
                      onClick={() => (asked.value = { action: 'remove', group })}
                    >
                      Remove…
                    </button>
                  </>
                ) : null}
              </>
            )}
          />
          {found.complete ? null : (
            <p class="dim small">Only the newest failures were looked through.</p>
          )}
        </Panel>
      )}
      {asked.value === null ? null : (
        <BatchDialog
          action={asked.value.action}
          filter={filterOf(asked.value.group, since)}
          asked={[batchOf(asked.value.group, since)]}
          onClose={() => (asked.value = null)}
        />
      )}
    </>
  );
}

/**
 * A filter for the members of a group, by the longest part of its text without numbers or ids,
 * since the group is one of normalised texts.
 */
function filterOf({ task, code, sample_detail }: ErrorGroup, since: string): Filter {
  const parts = sample_detail.split(/\S*\d\S*|["\n]+/).map((part) => part.trim());
  const literal = parts.reduce((best, part) => (part.length > best.length ? part : best), '');
  const terms = [
    { key: 'status', value: 'failed' },
    { key: 'task', value: task },
    { key: 'code', value: code },
    ...(literal === '' ? [] : [{ key: 'error', value: literal.slice(0, 80).trim() }]),
    { key: 'since', value: since },
  ];
  return { terms, words: '' };
}

/** The exact group, for a batch; the list cannot filter by fingerprint. */
function batchOf({ task, fingerprint }: ErrorGroup, since: string): ServerFilter {
  return { query: {}, batch: { task, fingerprint, since: timeOf('since', since) } };
}

function DeadWebhooks() {
  const loaded = useLoaded(
    'dead',
    (signal) => client.webhooks.deadLetterGroups({ signal }),
    10_000,
  );
  const discarding = useSignal<DeadGroup | null>(null);
  const found = loaded.data.value;
  async function act(group: DeadGroup, action: 'redrive' | 'discard'): Promise<void> {
    const { id } = await client.webhooks.redrive(redriveOf(group, action));
    notify(action === 'redrive' ? 'They are being sent again.' : 'They are being discarded.');
    go(`operations/${id}`);
  }
  return (
    <>
      <Trouble error={loaded.error.value} />
      {found === null ? null : found.groups.length === 0 ? (
        <Empty title="No dead letters">
          Webhooks that used up their attempts gather here, to be sent again or discarded.
        </Empty>
      ) : (
        <Panel>
          <ul class="groups">
            {found.groups.map((group) => (
              <li key={group.fingerprint}>
                <strong class="num group-count">{count(group.count)}</strong>
                <div class="group-text">
                  <p>
                    <code class="code-word">{group.error}</code>{' '}
                    {group.endpoint_id === null ? null : (
                      <a class="id" href={`webhooks/endpoints/${group.endpoint_id}`}>
                        {group.endpoint_id}
                      </a>
                    )}
                  </p>
                  <p class="dim small">
                    last <Time at={group.last_at} />, first <Time at={group.first_at} />,{' '}
                    <a href={`webhooks/deliveries/${group.sample_delivery_id}`}>an example</a>
                  </p>
                </div>
                {mayOperate.value ? (
                  <div class="actions">
                    <Action act={() => act(group, 'redrive')}>Send again</Action>
                    <button type="button" class="quiet" onClick={() => (discarding.value = group)}>
                      Discard…
                    </button>
                  </div>
                ) : null}
              </li>
            ))}
          </ul>
        </Panel>
      )}
      {discarding.value === null ? null : (
        <DiscardDialog
          group={discarding.value}
          act={act}
          onClose={() => (discarding.value = null)}
        />
      )}
    </>
  );
}

function redriveOf({ endpoint_id, error }: DeadGroup, action: 'redrive' | 'discard') {
  return { filter: { ...(endpoint_id !== null && { endpoint: endpoint_id }), error }, action };
}

function DiscardDialog(p: {
  readonly group: DeadGroup;
  readonly act: (group: DeadGroup, action: 'discard') => Promise<void>;
  readonly onClose: () => void;
}) {
  const { endpoint_id, error } = p.group;
  return (
    <CountDialog
      verb="Discard"
      noun="webhook"
      folder="webhooks/deliveries"
      isFinal
      read={async (signal) => {
        const redrive = redriveOf(p.group, 'discard');
        const { count: found, more } = await client.webhooks.countDeadLetters(redrive, { signal });
        return { count: found, count_complete: !more, sample: [p.group.sample_delivery_id] };
      }}
      act={() => p.act(p.group, 'discard')}
      onClose={p.onClose}
    >
      <p>
        Dead letters {endpoint_id === null ? '' : 'of '}
        {endpoint_id === null ? null : <code>{endpoint_id}</code>} that failed with{' '}
        <code>{error}</code>
      </p>
      <p>Nobody is told of what they say then.</p>
    </CountDialog>
  );
}
