import { useSignal } from '@preact/signals';
import type { WireDelivery, WireDeliveryAttempt } from 'raincheck/client';
import { Action } from '../parts/action.tsx';
import { Code, Json } from '../parts/code.tsx';
import { Copy } from '../parts/copy.tsx';
import { DeliveryAttempts } from '../parts/delivery-attempts.tsx';
import { Dialog } from '../parts/dialog.tsx';
import { Empty } from '../parts/empty.tsx';
import { WhyItWaits } from '../parts/endpoint-state.tsx';
import { Facts } from '../parts/facts.tsx';
import { State } from '../parts/mark.tsx';
import { notify } from '../parts/notices.tsx';
import { shortId } from '../parts/operation-table.tsx';
import { Page, Panel } from '../parts/page.tsx';
import { Time } from '../parts/time.tsx';
import { Trouble } from '../parts/trouble.tsx';
import { useLoaded } from '../state/loaded.ts';
import { client } from '../state/server.ts';
import { mayOperate } from '../state/session.ts';
import { shownDelivery } from '../state/shown.ts';

type Known = { readonly delivery: WireDelivery; readonly attempts: readonly WireDeliveryAttempt[] };

async function readDelivery(id: string, signal: AbortSignal): Promise<Known> {
  const [delivery, attempts] = await Promise.all([
    client.webhooks.delivery(id, { signal }),
    client.webhooks.attempts(id, { signal }),
  ]);
  return { delivery, attempts };
}

/** One delivery: its request, and the outcome of each attempt. */
export function DeliveryView({ id }: { readonly id: string }) {
  const loaded = useLoaded(id, (signal) => readDelivery(id, signal), 3_000);
  const known = loaded.data.value;
  const above = <a href="webhooks/deliveries">Deliveries</a>;
  if (known === null) {
    return (
      <Page title="Delivery" above={above}>
        <Trouble error={loaded.error.value} />
      </Page>
    );
  }
  const { delivery, attempts } = known;
  return (
    <Page
      title={`${delivery.event} ${shortId(id)}`}
      above={above}
      heading={
        <>
          {delivery.event} <State shown={shownDelivery(delivery.state)} />
        </>
      }
      actions={
        mayOperate.value ? (
          <DeliveryActions delivery={delivery} onDone={() => loaded.reload()} />
        ) : undefined
      }
    >
      <p class="op-id">
        <span class="id">{id}</span>
        <Copy text={id} label="Copy the id" />
      </p>
      <Trouble error={loaded.error.value} />
      <Panel>
        <DeliveryFacts delivery={delivery} />
      </Panel>
      <Panel title="Attempts">
        {attempts.length === 0 ? (
          <Empty title="None yet" />
        ) : (
          <DeliveryAttempts attempts={attempts} />
        )}
      </Panel>
      <Request delivery={delivery} />
    </Page>
  );
}

function DeliveryActions(p: { readonly delivery: WireDelivery; readonly onDone: () => void }) {
  const { id, state } = p.delivery;
  const discarding = useSignal(false);
  const waits = state === 'pending' || state === 'held' || state === 'dead';
  async function resend(): Promise<void> {
    await client.webhooks.redeliver(id);
    notify('It is being sent again.');
    p.onDone();
  }
  async function discard(): Promise<void> {
    await client.webhooks.discard(id);
    discarding.value = false;
    p.onDone();
  }
  return (
    <>
      <Action class="main" act={resend} disabled={state === 'sending'}>
        Resend
      </Action>
      {waits ? (
        <button type="button" class="quiet" onClick={() => (discarding.value = true)}>
          Discard…
        </button>
      ) : null}
      {discarding.value ? (
        <Dialog title="Discard this delivery?" onClose={() => (discarding.value = false)}>
          <p>Its receiver is not told, unless somebody sends it again.</p>
          <footer>
            <button type="button" onClick={() => (discarding.value = false)}>
              Keep it
            </button>
            <Action class="danger" act={discard}>
              Discard
            </Action>
          </footer>
        </Dialog>
      ) : null}
    </>
  );
}

function DeliveryFacts({ delivery }: { readonly delivery: WireDelivery }) {
  const { operation_id, endpoint_id, finished_at, next_attempt_at, next_attempt_reason } = delivery;
  const waits = next_attempt_at !== null || next_attempt_reason !== null;
  return (
    <Facts
      of={[
        ['To', <a href={`webhooks/endpoints/${endpoint_id}`}>{delivery.url}</a>],
        ['Why it waits', waits ? <WhyItWaits of={delivery} /> : null],
        [
          'Operation',
          operation_id === null ? null : (
            <a class="id" href={`operations/${operation_id}`}>
              {shortId(operation_id)}
            </a>
          ),
        ],
        ['Attempts', delivery.attempts],
        ['Failures that count', `${delivery.failures} of ${delivery.failures_max}`],
        ['Created', <Time at={delivery.created_at} />],
        ['Finished', finished_at === null ? null : <Time at={finished_at} />],
        ['Expires', <Time at={delivery.expires_at} />],
      ]}
    />
  );
}

function Request({ delivery: { request } }: { readonly delivery: WireDelivery }) {
  if (request === undefined) return null;
  const headers = Object.entries(request.headers).map(([name, value]) => `${name}: ${value}`);
  const own = request.header_names.map((name) => `${name}: (its value is not shown)`);
  return (
    <Panel title="Request" note="signed anew for every attempt">
      <Code text={[request.method, ...headers, ...own].join('\n')} label="the headers" />
      <Body text={request.body} />
    </Panel>
  );
}

function Body({ text }: { readonly text: string }) {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return <Code text={text} label="the body" />;
  }
  return <Json value={value} label="the body" />;
}
