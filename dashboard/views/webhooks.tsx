import { useSignal } from '@preact/signals';
import type { WireEndpoint } from 'raincheck/client';
import { DeliveryList } from '../parts/delivery-list.tsx';
import { Empty } from '../parts/empty.tsx';
import { EndpointState, WhyItWaits } from '../parts/endpoint-state.tsx';
import { Icon } from '../parts/icon.tsx';
import { NewEndpointDialog } from '../parts/new-endpoint.tsx';
import { shortId } from '../parts/operation-table.tsx';
import { Page } from '../parts/page.tsx';
import { Tabs } from '../parts/tabs.tsx';
import { TimeOrNone } from '../parts/time.tsx';
import { Trouble } from '../parts/trouble.tsx';
import { address, go, place } from '../state/address.ts';
import { useLoaded } from '../state/loaded.ts';
import { client } from '../state/server.ts';
import { mayAdmin } from '../state/session.ts';
import { Nothing } from './nothing.tsx';

/** The endpoints, and the outcome of each delivery. */
export function Webhooks({ part }: { readonly part: string }) {
  const adding = useSignal(false);
  if (part !== 'endpoints' && part !== 'deliveries') return <Nothing />;
  return (
    <Page
      title="Webhooks"
      actions={
        mayAdmin.value ? (
          <button type="button" onClick={() => (adding.value = true)}>
            New endpoint…
          </button>
        ) : undefined
      }
    >
      <Tabs
        label="Kind"
        current={part}
        tabs={[
          { name: 'endpoints', label: 'Endpoints', href: 'webhooks/endpoints' },
          { name: 'deliveries', label: 'Deliveries', href: 'webhooks/deliveries' },
        ]}
      />
      {part === 'endpoints' ? <Endpoints /> : <DeliveryList />}
      {adding.value ? <NewEndpointDialog onClose={() => (adding.value = false)} /> : null}
    </Page>
  );
}

function Endpoints() {
  const cursor = place.value.query.get('page') ?? undefined;
  const loaded = useLoaded(
    `endpoints ${cursor}`,
    (signal) => client.webhooks.endpoints({ cursor, limit: 50, signal }),
    5_000,
  );
  const page = loaded.data.value;
  if (page === null) return <Trouble error={loaded.error.value} />;
  if (page.endpoints.length === 0) {
    return (
      <Empty
        title="No endpoints yet"
        command={`npx raincheck webhooks add https://example.com/hooks`}
      >
        Register an address that hears of every operation, or give a <code>webhook_url</code> with a
        submit: both show up here with their health.
      </Empty>
    );
  }
  return (
    <>
      <Trouble error={loaded.error.value} />
      <div class="table-frame">
        <table class="rows endpoints">
          <thead>
            <tr>
              <th>State</th>
              <th class="fill">Address</th>
              <th class="wide">Kind</th>
              <th class="wide num">Failures in a row</th>
              <th class="num">Last success</th>
            </tr>
          </thead>
          <tbody>
            {page.endpoints.map((endpoint) => (
              <EndpointRow key={endpoint.id} endpoint={endpoint} />
            ))}
          </tbody>
        </table>
      </div>
      {page.next_cursor === null ? null : (
        <nav class="pages" aria-label="Pages">
          <button
            type="button"
            onClick={() => go(address('webhooks/endpoints', { page: page.next_cursor }))}
          >
            More <Icon name="older" />
          </button>
        </nav>
      )}
    </>
  );
}

function EndpointRow({ endpoint }: { readonly endpoint: WireEndpoint }) {
  const { id, url, kind, events, health } = endpoint;
  return (
    <tr>
      <td>
        <EndpointState endpoint={endpoint} />
      </td>
      <td class="fill">
        <a class="row-link cut" href={`webhooks/endpoints/${id}`} title={url}>
          {url}
        </a>
        <span class="cut dim small">{[shortId(id), ...events].join(' · ')}</span>
        <WhyItWaits of={endpoint} />
      </td>
      <td class="wide">{kind === 'registered' ? 'registered' : 'named by requests'}</td>
      <td class="wide num">{health.failures}</td>
      <td class="num">
        <TimeOrNone at={health.last_success_at} />
      </td>
    </tr>
  );
}
