import { isOperationId } from '../../core/id.ts';
import type { Task } from '../../engine/task.ts';
import { html, type Html } from './html.ts';
import type { CaughtWebhook } from '../inbox.ts';
import { sampleInput } from '../openapi/sample-input.ts';

/**
 * Seconds between reloads while the inbox is empty; later, a reload would disturb the reader. With
 * its script the page asks for the list, and reloads only when something is in it.
 */
const refreshSeconds = 3;

/**
 * The inbox as a page for people, complete without a script. Everything received is shown as text,
 * whoever sent it.
 */
export function inboxPage(
  caught: readonly CaughtWebhook[],
  p: {
    readonly basePath: string;
    /** Address of the inbox, as the reader reached it. */
    readonly address: string;
    /** A task to try the inbox with; undefined: there is none. */
    readonly task: Task | undefined;
  },
): string {
  const page = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="robots" content="noindex" />
        <title>${caught.length === 0 ? 'Inbox' : `Inbox (${caught.length})`}</title>
        <link rel="stylesheet" href="${p.basePath}/assets/status.css" />
        <script src="${p.basePath}/assets/status.js" defer></script>
        ${caught.length > 0 ? '' : html`<noscript><meta http-equiv="refresh" content="${String(refreshSeconds)}" /></noscript>`}
      </head>
      <body ${caught.length > 0 ? '' : html`data-awaits="${String(refreshSeconds)}"`}>
        <main>
          <h1>Inbox</h1>
          <p class="id">Webhooks sent to ${p.address}, newest first</p>
          ${caught.length === 0 ? '' : html`<p><a class="button" href="">Refresh</a></p>`}
          ${caught.length === 0 ? empty(p) : caught.map((one) => shown(one, p.basePath))}
        </main>
        <footer>
          In memory, forgotten at the end · for programs: <code>curl ${p.address}</code> · see
          retries: send to <code>${p.address}?status=503</code>
        </footer>
      </body>
    </html> `;
  return page.text;
}

function empty({ basePath, address, task }: Parameters<typeof inboxPage>[1]): Html {
  return html`<p class="status">Nothing has arrived yet.</p>
    <p>
      Name this address in a request, or register it at <code>${basePath}/webhooks/endpoints</code>:
    </p>
    ${task === undefined ? '' : html`<pre tabindex="0" role="region" aria-label="The request">${tryIt(task, address)}</pre>`}`;
}

function tryIt(task: Task, address: string): string {
  const url = `${address.slice(0, address.lastIndexOf('/inbox'))}${task.path}`;
  const sample = sampleInput(task.inputJsonSchema);
  const input = typeof sample === 'object' ? { ...sample, webhook_url: address } : sample;
  const body = JSON.stringify(input, null, 2).replaceAll('\n', '\n  ').replaceAll("'", "'\\''");
  return [`curl ${url}`, "  -H 'content-type: application/json'", `  -d '${body}'`].join(' \\\n');
}

const verdicts = {
  valid: ['✔', 'completed', 'The signature fits'],
  invalid: ['✖', 'failed', 'The signature does not fit'],
  unsigned: ['✖', 'failed', 'Not signed'],
  unchecked: ['○', '', 'Signature not checked'],
} as const;

function shown(one: CaughtWebhook, basePath: string): Html {
  const [mark, look, words] = verdicts[one.signature.state];
  const { detail } = one.signature;
  const event = eventIn(one.body);
  return html`<section>
    <h2>${textOf(event, 'type') ?? 'no event'}</h2>
    <p class="id">
      ${String(one.number)} · <time datetime="${one.received_at}">${one.received_at}</time> ·
      /inbox${one.path}${one.query === '' ? '' : `?${one.query}`} · answered ${String(one.status)}
    </p>
    <p class="${look}">${mark} ${words}${detail === null ? '' : `: ${detail}`}</p>
    ${operationLink(textOf(event, 'operation_id'), basePath)}
    <pre tabindex="0" role="region" aria-label="Body of webhook ${String(one.number)}">
${event === null ? (one.body ?? `${one.bytes} bytes that are no text`) : JSON.stringify(event, null, 2)}</pre>
    <details>
      <summary>Headers</summary>
      <dl>
        ${Object.entries(one.headers).map(
          ([name, value]) =>
            html`<dt>${name}</dt>
              <dd class="code">${value}</dd>`,
        )}
      </dl>
    </details>
  </section>`;
}

function operationLink(id: string | null, basePath: string): Html | string {
  if (id === null || !isOperationId(id)) return '';
  return html`<p><a href="${basePath}/operations/${id}">${id}</a></p>`;
}

function eventIn(body: string | null): object | null {
  try {
    const value: unknown = JSON.parse(body ?? '');
    return typeof value === 'object' && value !== null ? value : null;
  } catch {
    return null;
  }
}

function textOf(event: object | null, name: string): string | null {
  const value: unknown = event === null ? null : Reflect.get(event, name);
  return typeof value === 'string' ? value : null;
}
