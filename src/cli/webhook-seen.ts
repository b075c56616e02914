import { createHash } from 'node:crypto';

/** The requests with one id so far, this one included. */
export type SeenBefore = {
  /** Counts from 1. */
  readonly attempt: number;
  /** An earlier one was answered with 2xx. */
  readonly duplicate: boolean;
  /** The bytes are those of the first one. */
  readonly sameBody: boolean;
  /** The one before; null: this is the first. */
  readonly before: { readonly status: number | null; readonly at: number } | null;
};

type Entry = {
  count: number;
  accepted: boolean;
  readonly digest: string;
  status: number | null;
  at: number;
};

/** Above this the id that was quiet longest is forgotten, and would count from 1 again. */
const idsMax = 10_000;

/** Remembers webhook ids, to tell a first attempt from another one and from a duplicate. */
export class WebhookSeen {
  readonly #entries = new Map<string, Entry>();

  note(id: string, p: { readonly body: Uint8Array; readonly now: number }): SeenBefore {
    const digest = createHash('sha256').update(p.body).digest('base64');
    const known = this.#entries.get(id);
    const entry = known ?? { count: 0, accepted: false, digest, status: null, at: p.now };
    const before = known === undefined ? null : { status: entry.status, at: entry.at };
    entry.count += 1;
    entry.at = p.now;
    // Put last, so that the first one of the map is the one that was quiet longest.
    this.#entries.delete(id);
    this.#entries.set(id, entry);
    const [oldest] = this.#entries.keys();
    if (this.#entries.size > idsMax && oldest !== undefined) this.#entries.delete(oldest);
    const { count, accepted } = entry;
    return { attempt: count, duplicate: accepted, sameBody: entry.digest === digest, before };
  }

  answered(id: string, status: number): void {
    const entry = this.#entries.get(id);
    if (entry === undefined) return;
    entry.status = status;
    entry.accepted ||= status >= 200 && status < 300;
  }
}
