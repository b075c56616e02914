import { signal } from '@preact/signals';
import { Icon } from './icon.tsx';

/** The outcome of an action, shown at the edge of the page and read by screen readers. */
type Notice = {
  readonly id: number;
  readonly text: string;
  readonly href: string | null;
  readonly bad: boolean;
};

const notices = signal<readonly Notice[]>([]);
let lastId = 0;

export function notify(text: string, p: { readonly href?: string; readonly bad?: boolean } = {}) {
  const notice = { id: (lastId += 1), text, href: p.href ?? null, bad: p.bad ?? false };
  notices.value = [...notices.value.slice(-3), notice];
  setTimeout(() => dismiss(notice.id), p.bad === true ? 12_000 : 6_000);
}

/** Reports that an action failed. */
export function notifyError(error: unknown): void {
  notify(error instanceof Error ? error.message : String(error), { bad: true });
}

function dismiss(id: number): void {
  notices.value = notices.value.filter((notice) => notice.id !== id);
}

export function Notices() {
  return (
    <div class="notices" role="status" aria-live="polite">
      {notices.value.map(({ id, text, href, bad }) => (
        <div key={id} class={bad ? 'notice bad' : 'notice'}>
          <span>{text}</span>
          {href === null ? null : <a href={href}>Show</a>}
          <button type="button" class="quiet" aria-label="Dismiss" onClick={() => dismiss(id)}>
            <Icon name="close" />
          </button>
        </div>
      ))}
    </div>
  );
}

const spoken = signal('');
let spokenAt = 0;
const spokenEveryMs = 10_000;

/** Tells screen readers about progress, at most every 10 s, but always when it is the last. */
export function speakProgress(text: string, last = false): void {
  const at = performance.now();
  if (!last && at - spokenAt < spokenEveryMs) return;
  spokenAt = at;
  spoken.value = text;
}

export function Spoken() {
  return (
    <div class="hidden-text" aria-live="polite">
      {spoken.value}
    </div>
  );
}
