import { sampleInput } from '../openapi/sample-input.ts';
import type { ShownOperation } from './docs-model.ts';
import { html, type Html } from './html.ts';

const tokens = /("(?:[^"\\]|\\.)*")(\s*:)?|\b(true|false|null)\b|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

/** JSON with coloured names, texts and values; a plain text stays as it is. */
export function codeOf(value: unknown): Html {
  if (typeof value === 'string') return html`${value}`;
  const text = JSON.stringify(value, null, 2);
  const parts: Html[] = [];
  let end = 0;
  for (const match of text.matchAll(tokens)) {
    const [whole, quoted, colon] = match;
    parts.push(html`${text.slice(end, match.index)}`);
    const kind = quoted === undefined ? 'v' : colon === undefined ? 't' : 'n';
    parts.push(html`<span class="${kind}">${quoted ?? whole}</span>${colon ?? ''}`);
    end = match.index + whole.length;
  }
  parts.push(html`${text.slice(end)}`);
  return html`${parts}`;
}

/** A block of code with a title. The script adds a copy button. */
export function codeBlock(title: string, code: Html): Html {
  return html`<figure class="code">
    <figcaption>${title}</figcaption>
    <pre tabindex="0" role="group" aria-label="${title}"><code>${code}</code></pre>
  </figure>`;
}

/** The request as a shell line, with variables for the token and for parameters of the path. */
export function curlOf(operation: ShownOperation, origin: string): string {
  const path = operation.path.replaceAll(
    /\{(\w+)\}/g,
    (_, name: string) => `$${name.toUpperCase()}`,
  );
  const lines = [`curl ${method(operation.method)}"${origin}${path}"`];
  if (operation.secured) lines.push('-H "authorization: Bearer $RAINCHECK_TOKEN"');
  const [body] = operation.body;
  if (body !== undefined) {
    const value = body.examples[0]?.value ?? sampleInput(body.schema);
    lines.push(`-H "content-type: ${body.type}"`);
    lines.push(`-d '${JSON.stringify(value).replaceAll("'", String.raw`'\''`)}'`);
  }
  return lines.join(' \\\n  ');
}

function method(name: string): string {
  return name === 'get' ? '' : `-X ${name.toUpperCase()} `;
}
