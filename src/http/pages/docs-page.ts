import { errorTable } from '../../core/errors.ts';
import { codeBlock, curlOf } from './docs-code.ts';
import type { ShownApi, ShownGroup, ShownOperation } from './docs-model.ts';
import { operationView } from './docs-operation.ts';
import { prose, schemaView } from './docs-schema.ts';
import { html, type Html } from './html.ts';

export type DocsPlace = {
  readonly basePath: string;
  /** Scheme and host by which the reader reached this server; '' when unknown. */
  readonly origin: string;
  /** Whether requests need a token. */
  readonly secured: boolean;
};

/**
 * The OpenAPI document as a page for people. It is complete without the script, which only adds the
 * search and the copy buttons (docs-page-assets.ts). It is made from the document alone, so that it
 * shows exactly what is there.
 */
export function docsPage(api: ShownApi, p: DocsPlace): string {
  const { title, version } = api;
  const sections = [
    ...api.groups.map((group) => groupView(group, p)),
    ...(api.events.length === 0 ? [] : [eventsView(api.events, p)]),
    schemasView(api),
    errorsView(),
  ];
  return shell(p.basePath, {
    title: `${title} API`,
    body: html`<a class="skip" href="#main">Skip to the content</a>
      <header>
        <a class="brand" href="#main">${title}</a> <span class="version">${version}</span>
        <form role="search" id="search" hidden>
          <input id="find" type="search" placeholder="Search ( / )" aria-label="Search" />
        </form>
        ${files(p)}
      </header>
      <div class="page">
        ${contents(api)}
        <main id="main" tabindex="-1">
          ${introduction(api, p)}
          <p id="found" role="status"></p>
          ${sections}
        </main>
      </div>`,
  }).text;
}

/**
 * Links to the documents. With tokens there are none, because a browser cannot send one with a
 * link.
 */
function files({ basePath, secured }: DocsPlace): Html | string {
  if (secured) return '';
  return html`<span class="files">
    <a href="${basePath}/openapi.json">OpenAPI</a> <a href="${basePath}/arazzo.json">Arazzo</a>
  </span>`;
}

/** The form that asks for the token. It is sent once and stored nowhere. */
export function docsSignIn(basePath: string, p: { readonly refused: boolean }): string {
  return shell(basePath, {
    title: 'API docs',
    body: html`<main class="sign-in">
      <h1>API docs</h1>
      <p>This server asks for its token.</p>
      <form method="post" action="${basePath}/docs">
        <label for="token">Token</label>
        <input id="token" name="token" type="password" autocomplete="current-password" required />
        <button>Show the docs</button>
        ${p.refused ? html`<p class="bad" role="alert">This is not the token of this server.</p>` : ''}
      </form>
    </main>`,
  }).text;
}

function shell(basePath: string, p: { readonly title: string; readonly body: Html }): Html {
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="robots" content="noindex" />
        <title>${p.title}</title>
        <link rel="stylesheet" href="${basePath}/assets/docs.css" />
        <script src="${basePath}/assets/docs.js" defer></script>
      </head>
      <body>
        ${p.body}
      </body>
    </html> `;
}

function contents({ groups, events }: ShownApi): Html {
  const lists = groups.map(({ name, operations }) => contentsOf(`group-${name}`, name, operations));
  if (events.length > 0) lists.push(contentsOf('events', 'events', events));
  return html`<nav aria-label="Contents">
    <ul>
      ${lists}
      <li><a class="group" href="#schemas">schemas</a></li>
      <li><a class="group" href="#errors">errors</a></li>
    </ul>
  </nav>`;
}

function contentsOf(id: string, name: string, operations: readonly ShownOperation[]): Html {
  const items = operations.map(
    ({ id, method, path, summary }) =>
      html`<li data-of="${id}">
        <a href="#${id}"
          ><span class="method ${method}">${method}</span> ${method === 'event' ? path : summary}</a
        >
      </li>`,
  );
  return html`<li>
    <a class="group" href="#${id}">${name}</a>
    <ul>
      ${items}
    </ul>
  </li>`;
}

function introduction({ title, description, groups }: ShownApi, p: DocsPlace): Html {
  const submit = groups[0]?.operations.find(({ method }) => method === 'post');
  return html`<section class="intro">
    <h1>${title} API</h1>
    <p class="lead">${description}</p>
    ${submit?.secured === true ? html`<p>Every request carries the token of this server: <code>Authorization: Bearer …</code></p>` : ''}
    ${submit === undefined ? '' : threeSteps(submit, p)}
  </section>`;
}

/** The three steps of the API, shown with the first task. */
function threeSteps(submit: ShownOperation, p: DocsPlace): Html {
  const status = `${p.basePath}/operations/{id}`;
  return html`<ol class="steps">
      <li>
        <strong>Submit</strong> <code>POST ${submit.path}</code>
        <p><span class="status s2">202</span> at once, with <code>Location</code></p>
      </li>
      <li>
        <strong>Poll</strong> <code>GET ${status}</code>
        <p>as often as <code>Retry-After</code> says, or be told by a webhook</p>
      </li>
      <li>
        <strong>Fetch</strong> <code>GET ${submit.path}/{id}</code>
        <p><span class="status s2">200</span> the result itself</p>
      </li>
    </ol>
    ${codeBlock('Try it', html`${curlOf(submit, p.origin)}`)}`;
}

function groupView({ name, description, operations }: ShownGroup, p: DocsPlace): Html {
  return html`<section class="group" id="group-${name}">
    <h2>${name}</h2>
    <p class="lead">${prose(description)}</p>
    ${operations.map((operation) => operationView(operation, p))}
  </section>`;
}

function eventsView(events: readonly ShownOperation[], p: DocsPlace): Html {
  return html`<section class="group" id="events">
    <h2>events</h2>
    <p class="lead">
      What webhooks send, signed as Standard Webhooks: to registered endpoints, and to the
      <code>webhook_url</code> of a submit.
    </p>
    ${events.map((event) => operationView(event, p))}
  </section>`;
}

function schemasView({ schemas }: ShownApi): Html {
  const items = schemas.map(
    ({ name, schema }) =>
      html`<details class="op schema" id="op-schema-${name}" data-find="${name.toLowerCase()}">
        <summary><code class="path">${name}</code> ${summaryOf(schema['description'])}</summary>
        <div class="body one" id="schema-${name}">${schemaView(schema, 'optional')}</div>
      </details>`,
  );
  return html`<section class="group" id="schemas">
    <h2>schemas</h2>
    ${items}
  </section>`;
}

function summaryOf(description: unknown): Html | string {
  return typeof description === 'string'
    ? html`<span class="summary">${prose(description)}</span>`
    : '';
}

function errorsView(): Html {
  const rows = Object.entries(errorTable)
    .toSorted(([, a], [, b]) => a.status - b.status)
    .map(
      ([code, { status, title, retryable }]) =>
        html`<tr>
          <td><span class="status s4">${String(status)}</span></td>
          <td>
            <code>${code}</code>
          </td>
          <td>${title}</td>
          <td>${retryable ? 'yes' : 'no'}</td>
        </tr>`,
    );
  return html`<section class="group" id="errors">
    <h2>errors</h2>
    <p class="lead">
      Every error is a <a href="#schema-Problem">Problem</a> (<code>application/problem+json</code>)
      with one of these codes.
    </p>
    <div class="table" tabindex="0" role="group" aria-label="Errors">
      <table>
        <thead>
          <tr>
            <th scope="col">Status</th>
            <th scope="col">Code</th>
            <th scope="col">Meaning</th>
            <th scope="col">Retry as it is</th>
          </tr>
        </thead>
        <tbody>
          ${rows}
        </tbody>
      </table>
    </div>
  </section>`;
}
