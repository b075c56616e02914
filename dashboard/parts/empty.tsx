import type { ComponentChildren } from 'preact';
import { Code } from './code.tsx';

/** Shown where a list is empty: what it would contain, and the command that fills it. */
export function Empty(p: {
  readonly title: string;
  readonly children?: ComponentChildren;
  readonly command?: string;
}) {
  return (
    <div class="empty">
      <h2>{p.title}</h2>
      {p.children === undefined ? null : <p>{p.children}</p>}
      {p.command === undefined ? null : <Code text={p.command} label="the command" />}
    </div>
  );
}
