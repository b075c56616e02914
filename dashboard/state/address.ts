import { signal } from '@preact/signals';

/**
 * The place that the address names. The server puts `<base href="{prefix}/dashboard/">` into the
 * page, so links are relative to it ('operations/op_…?tab=raw') and work under every prefix. The
 * API is one step up.
 */
const base = new URL(document.baseURI);
export const apiBase = new URL('..', base);

export type Place = {
  /** Path below the dashboard, split at slashes and decoded; [] is the overview. */
  readonly parts: readonly string[];
  readonly query: URLSearchParams;
};

export const place = signal<Place>(placeOf(new URL(location.href)));

function placeOf(url: URL): Place {
  const below = url.pathname.slice(base.pathname.length);
  const parts = below.split('/').filter((part) => part !== '');
  return { parts: parts.map(decoded), query: url.searchParams };
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/**
 * Goes to an address relative to the dashboard, as a link does. `replace` adds no step to the
 * history.
 */
export function go(href: string, how: { readonly replace?: boolean } = {}): void {
  const url = new URL(href, base);
  const samePath = url.pathname === location.pathname;
  if (how.replace === true) history.replaceState(null, '', url);
  else if (url.href !== location.href) history.pushState(null, '', url);
  place.value = placeOf(url);
  if (!samePath) scrollTo(0, 0);
}

/** `path` with the members of `query` that are set. */
export function address(
  path: string,
  query: Readonly<Record<string, string | null | undefined>> = {},
): string {
  const given = Object.entries(query).filter(
    (entry): entry is [string, string] => typeof entry[1] === 'string' && entry[1] !== '',
  );
  const text = new URLSearchParams(given).toString();
  return text === '' ? path || './' : `${path || './'}?${text}`;
}

/** The present address with some members of the query changed. */
export function here(changes: Readonly<Record<string, string | null>>): string {
  const { parts, query } = place.peek();
  return address(parts.map(encodeURIComponent).join('/'), {
    ...Object.fromEntries(query),
    ...changes,
  });
}

/** Makes the links of the page change the place instead of loading the page again. */
export function followLinks(): void {
  addEventListener('popstate', () => (place.value = placeOf(new URL(location.href))));
  document.addEventListener('click', (event) => {
    const isPlain = event.button === 0 && !(event.metaKey || event.ctrlKey || event.shiftKey);
    const link = event.target instanceof Element ? event.target.closest('a') : null;
    if (!isPlain || event.defaultPrevented || link === null) return;
    if (link.target !== '' || link.hasAttribute('download')) return;
    const url = new URL(link.href);
    const isOurs = url.origin === base.origin && `${url.pathname}/`.startsWith(base.pathname);
    if (!isOurs) return;
    event.preventDefault();
    go(url.href);
  });
}
