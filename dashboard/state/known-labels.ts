import type { WireOperation } from 'raincheck/client';
import type { Term } from './filter.ts';

/** Labels seen on operations, for suggestions; the latest few hundred. */
const seen = new Map<string, Term>();
const seenMax = 300;

export function noteLabels(operations: readonly WireOperation[]): void {
  for (const { labels } of operations) {
    for (const [key, value] of Object.entries(labels)) {
      const id = `${key}:${value}`;
      seen.delete(id);
      seen.set(id, { key, value });
    }
  }
  for (const id of seen.keys()) {
    if (seen.size <= seenMax) return;
    seen.delete(id);
  }
}

export function knownLabels(): readonly Term[] {
  return [...seen.values()];
}
