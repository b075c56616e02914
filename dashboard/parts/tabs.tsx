import { count } from '../state/text.ts';

export type Tab = {
  readonly name: string;
  readonly label: string;
  readonly href: string;
  readonly count?: number | null;
};

/** The same as Tabs, for a choice within a view. */
export function Segments(p: Parameters<typeof Tabs>[0]) {
  return (
    <nav class="switch segments" aria-label={p.label}>
      {p.tabs.map(({ name, label, href }) => (
        <a key={name} href={href} aria-current={name === p.current ? 'page' : undefined}>
          {label}
        </a>
      ))}
    </nav>
  );
}

/** The parts of a view, each with an address of its own. */
export function Tabs(p: {
  readonly label: string;
  readonly tabs: readonly Tab[];
  readonly current: string;
}) {
  return (
    <nav class="tabs" aria-label={p.label}>
      {p.tabs.map((tab) => (
        <a
          key={tab.name}
          href={tab.href}
          aria-current={tab.name === p.current ? 'page' : undefined}
        >
          {tab.label}
          {typeof tab.count === 'number' ? <span class="num dim">{count(tab.count)}</span> : null}
        </a>
      ))}
    </nav>
  );
}
