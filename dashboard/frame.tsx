import { useSignal, useSignalEffect } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { FilterBar } from './parts/filter-bar.tsx';
import { Icon, type IconName } from './parts/icon.tsx';
import { LiveSwitch } from './parts/live-switch.tsx';
import { TimeSwitch } from './parts/time-switch.tsx';
import { place } from './state/address.ts';
import { can, signOut, token, whoami, type Scope } from './state/session.ts';

type Entry = {
  readonly view: string;
  readonly label: string;
  readonly icon: IconName;
  readonly needs: Scope;
};

const entries: readonly Entry[] = [
  { view: '', label: 'Overview', icon: 'overview', needs: 'read' },
  { view: 'operations', label: 'Operations', icon: 'operations', needs: 'read' },
  { view: 'dead-letters', label: 'Failures', icon: 'dead', needs: 'read' },
  { view: 'webhooks', label: 'Webhooks', icon: 'webhooks', needs: 'read' },
  { view: 'tasks', label: 'Tasks', icon: 'tasks', needs: 'read' },
  { view: 'workers', label: 'Workers', icon: 'workers', needs: 'read' },
  { view: 'try', label: 'Try it', icon: 'try', needs: 'submit' },
];

/** The frame around every view. */
export function Frame({ children }: { readonly children: ComponentChildren }) {
  const menuOpen = useSignal(false);
  useSignalEffect(() => {
    void place.value;
    menuOpen.value = false;
  });
  return (
    <div class="frame" data-menu={menuOpen.value ? 'open' : 'closed'}>
      <a class="skip" href="#main" onClick={skip}>
        Skip to content
      </a>
      <header class="top">
        <button
          type="button"
          class="quiet menu-button"
          aria-label="Menu"
          aria-expanded={menuOpen.value}
          aria-controls="rail"
          onClick={() => (menuOpen.value = !menuOpen.value)}
        >
          <Icon name={menuOpen.value ? 'close' : 'menu'} />
        </button>
        {can('read') ? <FilterBar /> : null}
        <div class="top-switches">
          <TimeSwitch />
          {can('read') ? <LiveSwitch /> : null}
        </div>
      </header>
      <Rail />
      <main id="main" tabIndex={-1}>
        {children}
      </main>
    </div>
  );
}

/** Moves the focus by hand, because a fragment would be resolved against `<base>`. */
function skip(event: Event): void {
  event.preventDefault();
  document.querySelector<HTMLElement>('#main')?.focus();
}

function Rail() {
  const current = place.value.parts[0] ?? '';
  return (
    <nav id="rail" class="rail" aria-label="Views">
      <a class="brand" href="./">
        <svg viewBox="0 0 16 16" width="22" height="22" aria-hidden="true">
          <path
            class="drop"
            d="M8 .8c2.6 3.2 4.9 5.9 4.9 8.800A4.9 4.9 0 0 1 8 14.700a4.9 4.9 0 0 1-4.9-5.100C3.1 6.7 5.4 4 8 .8Z"
          />
          <path class="drop-check" d="m5.7 9.6 1.7 1.7 3.1-3.4" />
        </svg>
        Raincheck
      </a>
      <ul>
        {entries
          .filter(({ needs }) => can(needs))
          .map(({ view, label, icon }) => (
            <li key={view}>
              <a
                href={view === '' ? './' : view}
                aria-current={view === current ? 'page' : undefined}
              >
                <Icon name={icon} />
                {label}
              </a>
            </li>
          ))}
      </ul>
      <Who />
    </nav>
  );
}

function Who() {
  const who = whoami.value;
  if (who === null || token.value === null) return null;
  return (
    <div class="who">
      <span class="cut">
        {who.name ?? 'Signed in'}
        <small>{who.scopes.join(', ')}</small>
      </span>
      <button type="button" class="quiet" onClick={signOut}>
        <Icon name="out" /> Sign out
      </button>
    </div>
  );
}
