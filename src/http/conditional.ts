import type { OperationEstimate } from '../core/operation-estimate.ts';

/**
 * Conditional requests (RFC 9110, 13). If-None-Match compares weakly: a `W/` in front of a tag is
 * ignored, since caches may have put it there.
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

/** If-Range holds only for the same strong tag. Dates never match, because we send none. */
export function holdsIfRange(ifRange: string | undefined, etag: string): boolean {
  return ifRange === undefined || ifRange.trim() === etag;
}

/**
 * The ETag of a status: its version and, after a dash, the visible part of its estimate, because
 * that changes without a new version and a strong tag must change with every byte. A final status
 * has no estimate; after a dot comes a tag (letters and digits) of what is shown of its delivery.
 */
export function statusEtag(
  version: number,
  estimate: OperationEstimate | null,
  delivery: string | null = null,
): string {
  if (estimate !== null) return `"${version}-${estimateTag(estimate)}"`;
  return delivery === null ? `"${version}"` : `"${version}.${delivery}"`;
}

/** A tag that two estimates share only if all their members are equal. */
function estimateTag(p: OperationEstimate): string {
  const { basis, confidence, samples, reason } = p;
  const instants = `${base36(p.startsAt)}.${base36(p.completesAt)}.${base36(p.completesBy)}`;
  const rest = `${base36(p.queuePosition)}.${samples.toString(36)}.${basis}.${confidence}`;
  return `${instants}.${rest}${p.longerThanUsual ? '.longer' : ''}${reason === null ? '' : `.${reason}`}`;
}

function base36(n: number | null): string {
  return n === null ? '' : n.toString(36);
}

/** The version in the first tag of an If-None-Match, if statusEtag made that tag, else null. */
export function versionInEtag(ifNoneMatch: string | undefined): number | null {
  if (ifNoneMatch === undefined) return null;
  const match = /^\s*(?:W\/)?"(\d{1,15})(?:[-.][0-9a-z._]*)?"/.exec(ifNoneMatch);
  return match === null ? null : Number(match[1]);
}
