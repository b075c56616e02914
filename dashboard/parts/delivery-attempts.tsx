import type { WireDeliveryAttempt } from 'raincheck/client';
import type { Shown } from '../state/shown.ts';
import { duration } from '../state/text.ts';
import { Code } from './code.tsx';
import { State } from './mark.tsx';
import { Time } from './time.tsx';

const outcomes: Readonly<Record<WireDeliveryAttempt['outcome'], Shown>> = {
  sending: { shape: 'half', word: 'Sending', tone: 'run' },
  delivered: { shape: 'check', word: 'Delivered', tone: 'good' },
  failed: { shape: 'cross', word: 'Failed', tone: 'bad' },
  unknown: { shape: 'warn', word: 'Unknown', tone: 'warn' },
};

/** Each attempt with the endpoint's answer, the newest first. */
export function DeliveryAttempts({
  attempts,
}: {
  readonly attempts: readonly WireDeliveryAttempt[];
}) {
  return (
    <ol class="attempts" reversed>
      {attempts.toReversed().map((attempt) => (
        <li key={attempt.number}>
          <p class="attempt-line">
            <State shown={outcomes[attempt.outcome]} />
            <strong>Attempt {attempt.number}</strong>
            <Time at={attempt.started_at} />
            <span class="dim">{attempt.trigger}</span>
            {attempt.status === null ? null : <span class="num">HTTP {attempt.status}</span>}
            {attempt.error === null ? null : <code class="code-word">{attempt.error}</code>}
            <Timings attempt={attempt} />
          </p>
          {attempt.detail === null ? null : <p class="dim">{attempt.detail}</p>}
          <Answer attempt={attempt} />
          {attempt.next_attempt_at === null ? null : (
            <p class="dim small">
              Next was planned for <Time at={attempt.next_attempt_at} />:{' '}
              {attempt.next_attempt_reason}
            </p>
          )}
        </li>
      ))}
    </ol>
  );
}

function Timings({ attempt: { timings } }: { readonly attempt: WireDeliveryAttempt }) {
  if (timings === null) return null;
  const parts = [
    ['DNS', timings.dns_ms],
    ['connect', timings.connect_ms],
    ['TLS', timings.tls_ms],
    ['first byte', timings.first_byte_ms],
  ] as const;
  const shown = parts.flatMap(([name, ms]) => (ms === null ? [] : [`${name} ${duration(ms)}`]));
  return (
    <span class="dim num" title={shown.join(', ')}>
      {duration(timings.total_ms)}
    </span>
  );
}

function Answer({ attempt }: { readonly attempt: WireDeliveryAttempt }) {
  const { answer } = attempt;
  if (answer === null) return null;
  const headers = Object.entries(answer.headers).map(([name, value]) => `${name}: ${value}`);
  const { excerpt } = answer;
  const body =
    excerpt === null ? '' : 'text' in excerpt ? excerpt.text : `(base64) ${excerpt.base64}`;
  const text = [...headers, ...(body === '' ? [] : ['', body])].join('\n');
  return text === '' ? null : (
    <Code text={text} label={`the answer to attempt ${attempt.number}`} />
  );
}
