import { useSignal } from '@preact/signals';
import type { WireEndpoint, WireRotatedSecret, WireTestedEndpoint } from 'raincheck/client';
import { Action } from '../parts/action.tsx';
import { DeliveryAttempts } from '../parts/delivery-attempts.tsx';
import { DeliveryList } from '../parts/delivery-list.tsx';
import { Dialog } from '../parts/dialog.tsx';
import { EndpointState, WhyItWaits } from '../parts/endpoint-state.tsx';
import { Facts } from '../parts/facts.tsx';
import { Secret } from '../parts/new-endpoint.tsx';
import { notify } from '../parts/notices.tsx';
import { Page, Panel } from '../parts/page.tsx';
import { Time, TimeOrNone } from '../parts/time.tsx';
import { Trouble } from '../parts/trouble.tsx';
import { go } from '../state/address.ts';
import { useLoaded, type Loaded } from '../state/loaded.ts';
import { client } from '../state/server.ts';
import { mayAdmin, mayOperate } from '../state/session.ts';
import { count } from '../state/text.ts';

/** One endpoint: its health, the reason that it waits, and its deliveries. */
export function EndpointView({ id }: { readonly id: string }) {
  const loaded = useLoaded(id, (signal) => client.webhooks.endpoint(id, { signal }), 5_000);
  const tested = useSignal<WireTestedEndpoint | null>(null);
  const endpoint = loaded.data.value;
  const above = <a href="webhooks/endpoints">Endpoints</a>;
  if (endpoint === null) {
    return (
      <Page title="Endpoint" above={above}>
        <Trouble error={loaded.error.value} />
      </Page>
    );
  }
  async function test(): Promise<void> {
    tested.value = await client.webhooks.testEndpoint(id);
    loaded.reload();
  }
  return (
    <Page
      title={endpoint.url}
      above={above}
      heading={
        <>
          {endpoint.url} <EndpointState endpoint={endpoint} />
        </>
      }
      actions={
        <>
          {mayOperate.value ? <Action act={test}>Send a test</Action> : null}
          {mayAdmin.value ? <AdminActions endpoint={endpoint} loaded={loaded} /> : null}
        </>
      }
    >
      <Trouble error={loaded.error.value} />
      {tested.value === null ? null : <Tested of={tested.value} />}
      <Panel>
        <EndpointFacts endpoint={endpoint} />
      </Panel>
      <h2 class="between">Deliveries</h2>
      <DeliveryList endpoint={id} />
    </Page>
  );
}

function EndpointFacts({ endpoint }: { readonly endpoint: WireEndpoint }) {
  const { health, counts, header_names, tasks, events, disabled_reason } = endpoint;
  const waits = endpoint.next_attempt_reason !== null || endpoint.next_attempt_at !== null;
  return (
    <Facts
      of={[
        ['Why it waits', waits ? <WhyItWaits of={endpoint} /> : null],
        ['Disabled because', disabled_reason],
        ['Waiting', counts === undefined ? null : count(counts.waiting)],
        ['Held', counts === undefined ? null : count(counts.held)],
        ['Dead', counts === undefined ? null : count(counts.dead)],
        ['Failures in a row', count(health.failures)],
        [
          'Failing since',
          health.failing_since === null ? null : <Time at={health.failing_since} />,
        ],
        ['Last success', <TimeOrNone at={health.last_success_at} />],
        ['Last failure', <TimeOrNone at={health.last_failure_at} />],
        ['Events', events.length === 0 ? null : events.join(', ')],
        ['Tasks', tasks === null ? 'all' : tasks.join(', ')],
        ['Own headers', header_names.length === 0 ? null : header_names.join(', ')],
        ['Description', endpoint.description],
        ['Created', <Time at={endpoint.created_at} />],
      ]}
    />
  );
}

function AdminActions(p: {
  readonly endpoint: WireEndpoint;
  readonly loaded: Loaded<WireEndpoint>;
}) {
  const { id, enabled, kind } = p.endpoint;
  const rotated = useSignal<WireRotatedSecret | null>(null);
  const removing = useSignal(false);
  async function enable(): Promise<void> {
    p.loaded.put(await client.webhooks.updateEndpoint(id, { enabled: !enabled }));
    notify(enabled ? 'Disabled: its deliveries are held.' : 'Enabled: what was held is sent.');
  }
  async function remove(): Promise<void> {
    await client.webhooks.removeEndpoint(id);
    notify('The endpoint is removed.');
    go('webhooks/endpoints');
  }
  return (
    <>
      <Action act={enable} class={enabled ? '' : 'main'}>
        {enabled ? 'Disable' : 'Enable'}
      </Action>
      {kind === 'registered' ? (
        <Action
          class="quiet"
          act={async () => (rotated.value = await client.webhooks.rotateSecret(id))}
        >
          Rotate secret
        </Action>
      ) : null}
      <button type="button" class="quiet" onClick={() => (removing.value = true)}>
        Remove…
      </button>
      {rotated.value === null ? null : (
        <Secret id={id} secret={rotated.value.secret} onClose={() => (rotated.value = null)} />
      )}
      {removing.value ? (
        <Dialog title="Remove this endpoint?" onClose={() => (removing.value = false)}>
          <p>What waits for it is cancelled.</p>
          <footer>
            <button type="button" onClick={() => (removing.value = false)}>
              Keep it
            </button>
            <Action class="danger" act={remove}>
              Remove
            </Action>
          </footer>
        </Dialog>
      ) : null}
    </>
  );
}

function Tested({ of }: { readonly of: WireTestedEndpoint }) {
  return (
    <Panel
      title="Test event"
      note={<a href={`webhooks/deliveries/${of.delivery.id}`}>its delivery</a>}
    >
      {of.attempt === null ? <p>{of.reason}</p> : <DeliveryAttempts attempts={[of.attempt]} />}
    </Panel>
  );
}
