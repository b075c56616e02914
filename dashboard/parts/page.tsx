import type { ComponentChildren } from 'preact';
import { useEffect } from 'preact/hooks';

/** A view with its title, which is also the window's, and its actions. */
export function Page(p: {
  readonly title: string;
  /** Replaces the plain title. */
  readonly heading?: ComponentChildren;
  readonly above?: ComponentChildren;
  readonly actions?: ComponentChildren;
  readonly children: ComponentChildren;
}) {
  useEffect(() => {
    document.title = `${p.title} · Raincheck`;
  }, [p.title]);
  return (
    <article class="page">
      <header class="page-head">
        <div class="page-title">
          {p.above === undefined ? null : <p class="above">{p.above}</p>}
          <h1>{p.heading ?? p.title}</h1>
        </div>
        {p.actions === undefined ? null : <div class="actions">{p.actions}</div>}
      </header>
      {p.children}
    </article>
  );
}

export function Panel(p: {
  readonly title?: string;
  readonly note?: ComponentChildren;
  readonly class?: string;
  readonly children: ComponentChildren;
}) {
  return (
    <section class={`panel ${p.class ?? ''}`}>
      {p.title === undefined ? null : (
        <header class="panel-head">
          <h2>{p.title}</h2>
          {p.note === undefined ? null : <span class="dim">{p.note}</span>}
        </header>
      )}
      {p.children}
    </section>
  );
}
