import { formatDuration } from '../../core/duration.ts';
import type { WireAttempt, WireEstimate, WireOperation } from '../../core/wire-operation.ts';
import { html, type Html } from './html.ts';

/**
 * The status resource as a small page for people (`Accept: text/html`), complete without a script.
 * Without one it reloads itself as Retry-After says; with one (status-page-assets.ts) it follows
 * the event stream and swaps in `#live`. It is made from the wire form, so it shows exactly what a
 * client would see.
 */
export function statusPage(
  operation: WireOperation,
  p: {
    readonly basePath: string;
    /** Address of this server, as the reader reached it; '' when unknown. */
    readonly origin: string;
    readonly now: number;
    readonly retryAfter: string | null;
  },
): string {
  const { id, task, events_url } = operation;
  const isFinal = operation.cancel_url === null;
  const page = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="robots" content="noindex" />
        <title>${titleOf(operation)}</title>
        <link rel="stylesheet" href="${p.basePath}/assets/status.css" />
        <script src="${p.basePath}/assets/status.js" defer></script>
        ${isFinal ? '' : html`<noscript><meta http-equiv="refresh" content="${p.retryAfter ?? '5'}" /></noscript>`}
      </head>
      <body data-events="${isFinal ? '' : events_url}">
        <main>
          <h1>${task}</h1>
          <p class="id">${id}</p>
          <div id="live">${live(operation, p.now)}</div>
          ${cancelForm(operation)}
        </main>
        <footer>
          <a href="${p.basePath}/operations/${id}/events">live events</a> · for programs:
          <code>curl ${p.origin}${operation.status_url}</code>
        </footer>
      </body>
    </html> `;
  return page.text;
}

const statusWords = {
  pending: ['○', 'Waiting'],
  processing: ['◐', 'Running'],
  completed: ['✔', 'Completed'],
  failed: ['✖', 'Failed'],
} as const;

function wordsOf(operation: WireOperation): readonly [string, string] {
  const isCancelled = operation.error?.code === 'cancelled';
  return isCancelled ? ['–', 'Cancelled'] : statusWords[operation.status];
}

function titleOf(operation: WireOperation): string {
  const { fraction } = operation.progress ?? {};
  const [mark, word] = wordsOf(operation);
  const runs = operation.status === 'processing' && typeof fraction === 'number';
  return `${runs ? percent(fraction) : `${mark} ${word}`} · ${operation.task}`;
}

/** The part that changes while the operation runs. */
function live(operation: WireOperation, now: number): Html {
  const [mark, word] = wordsOf(operation);
  return html`
    <p class="status ${operation.status}" role="status">
      <span aria-hidden="true">${mark}</span> ${word}${cancelNote(operation)}
    </p>
    ${progressBar(operation)} ${errorBox(operation)} ${resultBox(operation)}
    <dl>${facts(operation, now)}</dl>
  `;
}

function cancelNote(operation: WireOperation): string {
  const asked = operation.cancel_requested_at !== null && operation.cancel_url !== null;
  return asked ? ', cancellation asked for' : '';
}

function progressBar({ status, progress }: WireOperation): Html | string {
  if (status !== 'processing' || progress === null) return '';
  const { fraction, message } = progress;
  const bar =
    fraction === null
      ? html`<progress aria-label="Progress"></progress>`
      : html`<progress aria-label="Progress" max="1" value="${String(fraction)}">
          ${percent(fraction)}
        </progress>`;
  const texts = [fraction === null ? null : percent(fraction), message];
  return html`<div class="progress">
    ${bar}
    <p>${texts.filter((text) => text !== null).join(' · ')}</p>
  </div>`;
}

function percent(fraction: number): string {
  return `${Math.floor(fraction * 100)} %`;
}

function errorBox({ error }: WireOperation): Html | string {
  if (error === null) return '';
  return html`<section class="error">
    <h2>${error.title}</h2>
    <p>${error.detail}</p>
    <p class="code">${error.code}</p>
    ${attemptList(error.attempts ?? [])}
  </section>`;
}

function attemptList(attempts: readonly WireAttempt[]): Html | string {
  if (attempts.length < 2) return '';
  const items = attempts.map(
    (attempt) =>
      html`<li>attempt ${String(attempt.number)}: ${attempt.error?.detail ?? attempt.outcome}</li>`,
  );
  return html`<ul>
    ${items}
  </ul>`;
}

/** Longest JSON that is shown in the page; anything longer is a link. */
const shownCharsMax = 2_000;

function resultBox(operation: WireOperation): Html | string {
  const { result_url, result } = operation;
  if (result_url === null) return '';
  const text = 'result' in operation ? JSON.stringify(result, null, 2) : null;
  const shown = text !== null && text.length <= shownCharsMax ? html`<pre>${text}</pre>` : '';
  return html`<section class="result">
    <p><a class="button" href="${result_url}">Open the result</a></p>
    ${shown}
  </section>`;
}

function facts(operation: WireOperation, now: number): readonly Html[] {
  const { estimate, created_at, started_at, finished_at, attempt, attempts_max, webhook } =
    operation;
  const list: [string, Html | string | null][] = [
    ['Expected', estimate === null ? null : expected(estimate, now)],
    ['Before it', ahead(operation)],
    [
      attempt > 0 ? 'Next attempt' : 'Starts',
      operation.ready_at === null ? null : instant(operation.ready_at),
    ],
    ['Accepted', instant(created_at)],
    ['Started', started_at === null ? null : instant(started_at)],
    ['Finished', finished_at === null ? null : instant(finished_at)],
    ['Took', started_at === null || finished_at === null ? null : took(started_at, finished_at)],
    ['Attempt', attempt === 0 ? null : `${attempt} of ${attempts_max}`],
    [
      'Webhook',
      webhook === null || webhook === undefined
        ? null
        : `${webhook.state}${webhook.last_error === null ? '' : ` (${webhook.last_error})`}`,
    ],
    ['Kept until', operation.expires_at === null ? null : instant(operation.expires_at)],
  ];
  return list
    .filter(([, value]) => value !== null)
    .map(
      ([name, value]) =>
        html`<dt>${name}</dt>
          <dd>${value ?? ''}</dd>`,
    );
}

function expected(estimate: WireEstimate, now: number): Html | null {
  const { completes_at, completes_by, longer_than_usual } = estimate;
  if (completes_at === null) return html`no estimate yet`;
  if (longer_than_usual === true) return html`it takes longer than usual`;
  const left = Date.parse(completes_at) - now;
  if (left <= 0) return html`any moment now`;
  const latest = completes_by === null ? '' : html`, by ${instant(completes_by)} at the latest`;
  return html`in about ${formatDuration(left)}${latest}`;
}

function ahead({ status, estimate }: WireOperation): string | null {
  const position = estimate?.queue_position ?? null;
  return status === 'pending' && position !== null && position > 0 ? `${position} others` : null;
}

function took(from: string, to: string): string {
  return formatDuration(Math.max(0, Date.parse(to) - Date.parse(from)));
}

/** The script turns it into the reader's own time zone. */
function instant(iso: string): Html {
  return html`<time datetime="${iso}">${iso.replace('T', ' ').replace(/\.\d+Z$/, ' UTC')}</time>`;
}

function cancelForm({ cancel_url, cancel_requested_at }: WireOperation): Html | string {
  if (cancel_url === null || cancel_requested_at !== null) return '';
  return html`<form method="post" action="${cancel_url}"><button>Cancel</button></form>`;
}
