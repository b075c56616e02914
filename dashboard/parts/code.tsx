import type { ComponentChildren } from 'preact';
import { Copy } from './copy.tsx';

/** Text with a copy button. */
export function Code({ text, label }: { readonly text: string; readonly label: string }) {
  return (
    <Framed text={text} label={label}>
      {text}
    </Framed>
  );
}

/** Longer texts are shown without colours. */
const tonedCharsMax = 100_000;

/** A JSON value, indented. */
export function Json({ value, label }: { readonly value: unknown; readonly label: string }) {
  const text = JSON.stringify(value, null, 2) ?? 'undefined';
  return (
    <Framed text={text} label={label}>
      {text.length > tonedCharsMax ? text : toned(text)}
    </Framed>
  );
}

function Framed(p: {
  readonly text: string;
  readonly label: string;
  readonly children: ComponentChildren;
}) {
  return (
    <div class="code">
      <pre tabIndex={0} role="region" aria-label={p.label}>
        {p.children}
      </pre>
      <Copy text={p.text} label={`Copy ${p.label}`} />
    </div>
  );
}

const piece =
  /("(?:[^"\\]|\\.)*")(\s*:)?|\b(?:true|false|null)\b|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

function toned(text: string): ComponentChildren[] {
  const out: ComponentChildren[] = [];
  let at = 0;
  for (const match of text.matchAll(piece)) {
    const [whole, quoted, colon] = match;
    if (match.index > at) out.push(text.slice(at, match.index));
    at = match.index + whole.length;
    if (quoted === undefined) out.push(<span class="json-value">{whole}</span>);
    else if (colon === undefined) out.push(<span class="json-text">{whole}</span>);
    else out.push(<span class="json-key">{quoted}</span>, colon);
  }
  out.push(text.slice(at));
  return out;
}
