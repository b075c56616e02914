import { codeBlock, codeOf, curlOf } from './docs-code.ts';
import type { ShownContent, ShownOperation, ShownParameter, ShownResponse } from './docs-model.ts';
import { prose, schemaView, typeLine, typeOf } from './docs-schema.ts';
import { html, type Html } from './html.ts';

/** One path and method, or one event, collapsed until the reader opens it. */
export function operationView(operation: ShownOperation, p: { readonly origin: string }): Html {
  const { id, method, path, summary, description } = operation;
  const isEvent = method === 'event';
  return html`<details class="op" id="op-${id}" data-find="${findable(operation)}">
    <summary>
      <span class="method ${method}">${method}</span> <code class="path">${path}</code>
      <span class="summary">${summary}</span>
    </summary>
    <div class="body" id="${id}">
      <div class="told">
        ${description === '' ? '' : html`<p>${prose(description)}</p>`}
        ${parametersOf(operation, 'path')} ${bodyView(operation)}
        ${parametersOf(operation, 'query')} ${parametersOf(operation, 'header')}
        ${isEvent ? '' : responsesView(operation)} ${tellsView(operation)}
      </div>
      <div class="shown">
        ${isEvent ? '' : codeBlock('Request', html`${curlOf(operation, p.origin)}`)}
        ${isEvent ? examplesView('Sent', operation.body) : answersView(operation)}
      </div>
    </div>
  </details>`;
}

/** The text that the search looks through. */
function findable({ id, method, path, summary, parameters }: ShownOperation): string {
  const names = parameters.map(({ name }) => name);
  return [method, path, summary, id, ...names].join(' ').toLowerCase();
}

const places = { path: 'Path', query: 'Query', header: 'Headers' } as const;

function parametersOf({ parameters }: ShownOperation, place: keyof typeof places): Html | string {
  const own = parameters.filter((one) => one.in === place);
  return own.length === 0
    ? ''
    : html`<h3>${places[place]}</h3>
        ${parameterList(own)}`;
}

function parameterList(parameters: readonly ShownParameter[]): Html {
  const items = parameters.map(
    ({ name, required, description, schema }) =>
      html`<li>
        <code class="name">${name}</code> ${typeLine(schema)}
        ${required ? html`<span class="required">required</span>` : ''}
        ${description === '' ? '' : html`<p>${prose(description)}</p>`}
      </li>`,
  );
  return html`<ul class="members">
    ${items}
  </ul>`;
}

function bodyView({ body, method }: ShownOperation): Html | string {
  const [content] = body;
  if (content === undefined) return '';
  const title = method === 'event' ? 'Sent' : 'Body';
  return html`<h3>${title} <span class="media">${content.type}</span></h3>
    ${schemaView(content.schema, method === 'event' ? 'optional' : 'required')}`;
}

function responsesView({ responses }: ShownOperation): Html {
  const good = responses.filter(({ status }) => /^[23]/.test(status));
  const errors = responses.filter(({ status }) => /^[45]/.test(status));
  return html`<h3>Answers</h3>
    <ul class="answers">
      ${good.map(responseView)}
    </ul>
    ${errors.length === 0 ? '' : errorsView(errors)}`;
}

function responseView({ status, description, headers, contents, links }: ShownResponse): Html {
  const schemas = contents.filter(({ schema }) => Object.keys(schema).length > 0);
  return html`<li>
    <span class="status s${status.slice(0, 1)}">${status}</span> ${prose(description)}
    ${schemas.map(({ schema }) => html`<span class="type">${typeOf(schema)}</span> `)}
    ${headers.length === 0 ? '' : headersView(headers)} ${linksView(links)}
  </li>`;
}

function headersView(headers: readonly ShownParameter[]): Html {
  const names = headers.map(
    ({ name, description }) => html`<code title="${description}">${name}</code> `,
  );
  return html`<p class="small"><span class="dim">Headers</span> ${names}</p>`;
}

function linksView(links: ShownResponse['links']): Html | string {
  if (links.length === 0) return '';
  const list = links.map(
    ({ operationId, description }) =>
      html`<a href="#${operationId}" title="${description}">${operationId}</a> `,
  );
  return html`<p class="small"><span class="dim">Then</span> ${list}</p>`;
}

function errorsView(errors: readonly ShownResponse[]): Html {
  const list = errors.map(
    ({ status, description }) =>
      html`<li><span class="status s4">${status}</span> ${prose(description)}</li>`,
  );
  return html`<details class="inner">
    <summary>Errors ${errors.map(({ status }) => status).join(', ')}</summary>
    <ul class="answers">
      ${list}
    </ul>
    <p class="small">
      All are <a href="#schema-Problem">Problem</a>; <a href="#errors">the table</a> has every code.
    </p>
  </details>`;
}

function tellsView({ tells }: ShownOperation): Html | string {
  if (!tells) return '';
  return html`<h3>Callback</h3>
    <p>
      With <code>webhook_url</code> in the body that address is told of the end:
      <a href="#webhook_operation_completed">operation.completed</a> or
      <a href="#webhook_operation_failed">operation.failed</a>.
    </p>`;
}

function answersView({ responses }: ShownOperation): readonly Html[] {
  return responses
    .filter(({ status }) => status.startsWith('2'))
    .flatMap(({ status, contents }) => examplesView(`Answer ${status}`, contents));
}

/** The first example open, the others collapsed beneath it. */
function examplesView(title: string, contents: readonly ShownContent[]): readonly Html[] {
  const examples = contents.flatMap((content) => content.examples);
  return examples.map(({ name, value }, i) => {
    const full = name === '' ? title : `${title}: ${name}`;
    const block = codeBlock(full, codeOf(value));
    return i === 0
      ? block
      : html`<details class="more">
          <summary>${full}</summary>
          ${block}
        </details>`;
  });
}
