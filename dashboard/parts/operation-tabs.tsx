import type { WireAttempt, WireOperation } from 'raincheck/client';
import { address, here, place } from '../state/address.ts';
import { now } from '../state/clock.ts';
import { readInput } from '../state/operation-input.ts';
import { useLoaded } from '../state/loaded.ts';
import { shownDelivery } from '../state/shown.ts';
import { duration } from '../state/text.ts';
import {
  endedAttempts,
  latestAttempt,
  type DeliveryHistory,
  type LatestAttempt,
} from '../state/timeline.ts';
import { Code, Json } from './code.tsx';
import { Empty } from './empty.tsx';
import { State } from './mark.tsx';
import { OperationLog } from './operation-log.tsx';
import { RawOperation } from './raw-operation.tsx';
import { Redacted } from './redacted.tsx';
import { ResultLink } from './result-link.tsx';
import { Tabs } from './tabs.tsx';
import { Time } from './time.tsx';
import { Trouble } from './trouble.tsx';

const names = ['input', 'result', 'attempts', 'logs', 'webhooks', 'raw'] as const;
type Name = (typeof names)[number];

type Shown = {
  readonly operation: WireOperation;
  readonly histories: readonly DeliveryHistory[];
};

/** The details of an operation, in tabs. */
export function OperationTabs(p: Shown) {
  const { operation } = p;
  const asked = place.value.query.get('tab');
  const current = names.find((name) => name === asked) ?? firstTab(operation);
  const attempts = endedAttempts(operation).length + (latestAttempt(operation) === null ? 0 : 1);
  const counts: Partial<Record<Name, number>> = { attempts, webhooks: p.histories.length };
  const tabs = names.map((name) => ({
    name,
    label: name.charAt(0).toUpperCase() + name.slice(1),
    href: here({ tab: name }),
    count: counts[name] ?? null,
  }));
  return (
    <section class="panel tabbed">
      <Tabs label="About this operation" tabs={tabs} current={current} />
      <div class="tab-body">
        <TabBody name={current} operation={operation} histories={p.histories} />
      </div>
    </section>
  );
}

function firstTab({ status }: WireOperation): Name {
  return status === 'completed' ? 'result' : status === 'failed' ? 'attempts' : 'input';
}

function TabBody({ name, operation, histories }: Shown & { readonly name: Name }) {
  switch (name) {
    case 'input':
      return <Input operation={operation} />;
    case 'result':
      return <Result operation={operation} />;
    case 'attempts':
      return <Attempts operation={operation} />;
    case 'logs':
      return <OperationLog operation={operation} />;
    case 'webhooks':
      return <Webhooks operation={operation} histories={histories} />;
    case 'raw':
      return <RawOperation operation={operation} />;
  }
}

function Input({ operation }: { readonly operation: WireOperation }) {
  const { id, task } = operation;
  const input = useLoaded(id, (signal) => readInput(id, signal));
  if (input.data.value === null) return <Trouble error={input.error.value} />;
  const { value } = input.data.value;
  return (
    <>
      <Redacted task={task} value={value} />
      <Json value={value} label="the input" />
    </>
  );
}

function Result({ operation }: { readonly operation: WireOperation }) {
  const { status, result_url } = operation;
  if (status === 'failed') return <Empty title="It failed, so there is no result" />;
  if (result_url === null) return <Empty title="There is no result yet" />;
  return (
    <>
      <p>
        <ResultLink url={result_url} />
      </p>
      {'result' in operation ? <Json value={operation.result} label="the result" /> : null}
    </>
  );
}

function Attempts({ operation }: { readonly operation: WireOperation }) {
  const ended = endedAttempts(operation);
  const latest = latestAttempt(operation);
  if (ended.length === 0 && latest === null) return <Empty title="No attempt has begun" />;
  const begun = ended.slice(1).map(({ started_at }) => Date.parse(started_at));
  if (latest !== null) begun.push(latest.from);
  return (
    <ol class="attempts">
      {ended.map((attempt, i) => (
        <li key={attempt.started_at}>
          <p>
            <strong>Attempt {attempt.number}</strong> {attempt.outcome} after{' '}
            <span class="num">
              {duration(Date.parse(attempt.ended_at) - Date.parse(attempt.started_at))}
            </span>
            , <Time at={attempt.ended_at} />
            <Next attempt={attempt} begunAt={begun[i]} />
          </p>
          {attempt.error === null ? null : (
            <Code
              text={`${attempt.error.code}: ${attempt.error.detail}`}
              label={`the error of attempt ${attempt.number}`}
            />
          )}
        </li>
      ))}
      {latest === null ? null : <Latest attempt={latest} />}
    </ol>
  );
}

/** When the attempt after this one began, or is to begin. */
function Next(p: { readonly attempt: WireAttempt; readonly begunAt: number | undefined }) {
  const { ended_at, retry_at } = p.attempt;
  if (p.begunAt !== undefined) {
    return <>; the next {duration(p.begunAt - Date.parse(ended_at))} later</>;
  }
  if (retry_at === null) return null;
  return (
    <>
      ; the next due <Time at={retry_at} />
    </>
  );
}

function Latest({ attempt: { number, from, to } }: { readonly attempt: LatestAttempt }) {
  return (
    <li>
      <p>
        <strong>Attempt {number}</strong> {to === null ? 'runs for' : 'completed after'}{' '}
        <span class="num">{duration((to ?? now.value) - from)}</span>
        {to === null ? null : (
          <>
            , <Time at={new Date(to).toISOString()} />
          </>
        )}
      </p>
    </li>
  );
}

function Webhooks({ operation, histories }: Shown) {
  const { webhook } = operation;
  if (histories.length === 0) {
    if (webhook === null || webhook === undefined) return <Empty title="Nobody is told of it" />;
    return (
      <Empty title="Nothing is to be sent yet">
        <code>{webhook.url}</code> hears of {webhook.events.join(', ')}.
      </Empty>
    );
  }
  return (
    <div class="table-frame">
      <table class="rows">
        <thead>
          <tr>
            <th>State</th>
            <th>Event</th>
            <th class="fill">To</th>
            <th class="num">Attempts</th>
            <th>Next</th>
          </tr>
        </thead>
        <tbody>
          {histories.map(({ delivery }) => (
            <tr key={delivery.id}>
              <td>
                <State shown={shownDelivery(delivery.state)} />
              </td>
              <td>
                <a class="row-link" href={address(`webhooks/deliveries/${delivery.id}`)}>
                  {delivery.event}
                </a>
              </td>
              <td class="fill">
                <span class="cut">{delivery.url}</span>
              </td>
              <td class="num">{delivery.attempts}</td>
              <td>
                {delivery.next_attempt_at === null ? (
                  delivery.last_error
                ) : (
                  <Time at={delivery.next_attempt_at} />
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
