import type { DeliveryState, WireDelivery } from 'raincheck/client';
import { address, here, go, place } from '../state/address.ts';
import { useLoaded } from '../state/loaded.ts';
import { client } from '../state/server.ts';
import { shownDelivery } from '../state/shown.ts';
import { Empty } from './empty.tsx';
import { WhyItWaits } from './endpoint-state.tsx';
import { Icon } from './icon.tsx';
import { State } from './mark.tsx';
import { shortId } from './operation-table.tsx';
import { Segments } from './tabs.tsx';
import { Time } from './time.tsx';
import { Trouble } from './trouble.tsx';

const states: readonly DeliveryState[] = [
  'pending',
  'sending',
  'held',
  'delivered',
  'dead',
  'cancelled',
  'expired',
];

const tabs: readonly (readonly [string, string])[] = [
  ['', 'All'],
  ['pending,sending', 'Waiting'],
  ['held', 'Held'],
  ['delivered', 'Delivered'],
  ['dead', 'Dead'],
  ['cancelled', 'Cancelled'],
  ['expired', 'Expired'],
];

/** Deliveries that match the address: `state`, `endpoint`, `operation`, `event`, `error`. */
export function DeliveryList({ endpoint }: { readonly endpoint?: string }) {
  const { query } = place.value;
  const text = (name: string): string | undefined => query.get(name) ?? undefined;
  const state = text('state')
    ?.split(',')
    .filter((one): one is DeliveryState => states.some((known) => known === one));
  const filter = {
    endpoint: endpoint ?? text('endpoint'),
    operation: text('operation'),
    error: text('error'),
    cursor: text('page'),
    state: state?.length === 0 ? undefined : state,
  };
  const loaded = useLoaded(
    `deliveries ${JSON.stringify(filter)}`,
    (signal) => client.webhooks.deliveries({ ...filter, limit: 50, signal }),
    4_000,
  );
  const page = loaded.data.value;
  return (
    <>
      <Segments
        label="By state"
        current={text('state') ?? ''}
        tabs={tabs.map(([name, label]) => ({
          name,
          label,
          href: here({ state: name, page: null }),
        }))}
      />
      <Restrictions
        of={{
          operation: filter.operation,
          error: filter.error,
          endpoint: endpoint === undefined ? filter.endpoint : undefined,
        }}
      />
      <Trouble error={loaded.error.value} />
      {page === null ? null : page.deliveries.length === 0 ? (
        <Empty title="No deliveries here" command="npx raincheck listen">
          Every webhook that was sent or is to be sent is listed with all of its attempts. To catch
          some on this machine:
        </Empty>
      ) : (
        <DeliveryTable deliveries={page.deliveries} />
      )}
      {page === null || page.next_cursor === null ? null : (
        <nav class="pages" aria-label="Pages">
          <button type="button" onClick={() => go(here({ page: page.next_cursor }))}>
            Older <Icon name="older" />
          </button>
        </nav>
      )}
    </>
  );
}

function Restrictions({ of }: { readonly of: Readonly<Record<string, string | undefined>> }) {
  const given = Object.entries(of).filter(([, value]) => value !== undefined);
  if (given.length === 0) return null;
  return (
    <p class="restrictions">
      {given.map(([name, value]) => (
        <a
          key={name}
          class="label"
          href={here({ [name]: null, page: null })}
          title="Take this away"
        >
          {name}: {value} ×
        </a>
      ))}
    </p>
  );
}

function DeliveryTable({ deliveries }: { readonly deliveries: readonly WireDelivery[] }) {
  return (
    <div class="table-frame">
      <table class="rows">
        <thead>
          <tr>
            <th>State</th>
            <th>Event</th>
            <th class="wide">Operation</th>
            <th class="fill wide">To</th>
            <th class="wide num">Attempts</th>
            <th class="wide">Latest answer</th>
            <th class="num">Created</th>
          </tr>
        </thead>
        <tbody>
          {deliveries.map((delivery) => (
            <DeliveryRow key={delivery.id} delivery={delivery} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function DeliveryRow({ delivery }: { readonly delivery: WireDelivery }) {
  const { id, state, event, operation_id, url, attempts, last_status, last_error } = delivery;
  return (
    <tr>
      <td>
        <State shown={shownDelivery(state)} />
      </td>
      <td>
        <a class="row-link" href={`webhooks/deliveries/${id}`} aria-label={`${event} ${id}`}>
          {event}
        </a>
      </td>
      <td class="wide id">
        {operation_id === null ? (
          '–'
        ) : (
          <a href={address(`operations/${operation_id}`)}>{shortId(operation_id)}</a>
        )}
      </td>
      <td class="fill wide">
        <span class="cut" title={url}>
          {url}
        </span>
        {state === 'pending' || state === 'held' ? <WhyItWaits of={delivery} /> : null}
      </td>
      <td class="wide num">{attempts}</td>
      <td class="wide">{last_error ?? last_status ?? '–'}</td>
      <td class="num">
        <Time at={delivery.created_at} />
      </td>
    </tr>
  );
}
