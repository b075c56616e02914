/**
 * Conditional requests (RFC 9110, 13). If-None-Match compares weakly: a `W/` in front of a tag is
 * dropped, since caches may have put it there.
 */
export function matchesEtag(ifNoneMatch: string | undefined, etag: string): boolean {
  if (ifNoneMatch === undefined) return false;
  if (ifNoneMatch === etag || ifNoneMatch.trim() === '*') return true;
  for (const tag of ifNoneMatch.split(',', 50)) {
    const trimmed = tag.trim();
    if ((trimmed.startsWith('W/') ? trimmed.slice(2) : trimmed) === etag) return true;
  }
  return false;
}

/** If-Range holds only for the very same strong tag; dates never match, as we send none. */
export function holdsIfRange(ifRange: string | undefined, etag: string): boolean {
  return ifRange === undefined || ifRange.trim() === etag;
}

/**
 * The tag of a status: its version, and the second the estimate names, since that moves without a new
 * version and a strong tag must change with every byte. Of a final one instead, after a dot, what is shown of its
 * delivery (letters and digits).
 */
export function statusEtag(
  version: number,
  completesAtMs: number | null,
  delivery: string | null = null,
): string {
  const rest = delivery === null ? '' : `.${delivery}`;
  if (completesAtMs === null) return `"${version}${rest}"`;
  return `"${version}-${Math.floor(completesAtMs / 1000).toString(36)}${rest}"`;
}

/** The version in the first tag of an If-None-Match that statusEtag made, else null. */
export function versionInEtag(ifNoneMatch: string | undefined): number | null {
  if (ifNoneMatch === undefined) return null;
  const match = /^\s*(?:W\/)?"(\d{1,15})(?:-[0-9a-z]+)?(?:\.[0-9a-z]+)?"/.exec(ifNoneMatch);
  return match === null ? null : Number(match[1]);
}
