import { LogHistogram } from './log-histogram.ts';

/** Counts of operations in one stretch of time, and how long they waited and ran. */
export class StatsBucket {
  submitted = 0;
  completed = 0;
  failed = 0;
  /** How many of `failed` ended before any attempt began. */
  unstarted = 0;
  /** Failures by error code, of which there is a closed table. */
  readonly failedByCode = new Map<string, number>();
  readonly waits = new LogHistogram();
  readonly runs = new LogHistogram();

  fail(code: string, count = 1): void {
    this.failed += count;
    this.failedByCode.set(code, (this.failedByCode.get(code) ?? 0) + count);
  }

  merge(other: StatsBucket): void {
    this.submitted += other.submitted;
    this.completed += other.completed;
    this.unstarted += other.unstarted;
    for (const [code, count] of other.failedByCode) this.fail(code, count);
    this.waits.merge(other.waits);
    this.runs.merge(other.runs);
  }
}

/**
 * The widths of buckets, and how many of each are kept: a bit more than 15 minutes, an hour and a
 * day.
 */
export const statsTiers = [
  { widthMs: 10_000, kept: 91 },
  { widthMs: 60_000, kept: 61 },
  { widthMs: 300_000, kept: 291 },
] as const;

export type StatsWidthMs = (typeof statsTiers)[number]['widthMs'];

/**
 * A bucket as JSON: number, submitted, completed, failures by code, waits, runs, unstarted (absent
 * from older versions).
 */
type BucketText = [
  number,
  number,
  number,
  Record<string, number>,
  number[],
  number[],
  number | undefined,
];
type RingText = { readonly format: number; readonly tiers: Readonly<Record<string, unknown[]>> };

const format = 1;

/**
 * Statistics of the last day, in buckets that lie on whole multiples of their width, so that those
 * of several processes can be summed.
 *
 * Each event is counted in one bucket of each width at once: a submit in 0.01 us, a start or an end
 * in 0.03 us, a failure in 0.06 us (Node 24.21, one of 2 shared cores, a million each after as many
 * to warm up; an operation costs the engine 34 us). The whole ring takes half a megabyte at most.
 */
export class StatsRing {
  readonly #tiers = statsTiers.map(({ widthMs, kept }) => new Tier(widthMs, kept));

  submitted(now: number): void {
    for (const tier of this.#tiers) {
      const bucket = tier.at(now);
      if (bucket !== null) bucket.submitted += 1;
    }
  }

  started(now: number, waitMs: number): void {
    const bin = LogHistogram.binOf(waitMs);
    for (const tier of this.#tiers) tier.at(now)?.waits.addTo(bin);
  }

  /** Counts an end. `code` null: completed. `runMs` null: no attempt ran to its end here. */
  finished(now: number, p: { readonly code: string | null; readonly runMs: number | null }): void {
    const bin = p.runMs === null ? null : LogHistogram.binOf(p.runMs);
    for (const tier of this.#tiers) {
      const bucket = tier.at(now);
      if (bucket === null) continue;
      if (p.code === null) bucket.completed += 1;
      else bucket.fail(p.code);
      if (bin !== null) bucket.runs.addTo(bin);
    }
  }

  /** Called in addition to finished(), for an operation that failed before its first attempt. */
  unstarted(now: number): void {
    for (const tier of this.#tiers) {
      const bucket = tier.at(now);
      if (bucket !== null) bucket.unstarted += 1;
    }
  }

  /** The buckets of that width that are not empty, each with the instant it begins at. */
  buckets(widthMs: StatsWidthMs): IterableIterator<readonly [at: number, bucket: StatsBucket]> {
    return this.#tier(widthMs).entries();
  }

  merge(other: StatsRing): void {
    for (const tier of this.#tiers) tier.merge(other.#tier(tier.widthMs));
  }

  clear(): void {
    for (const tier of this.#tiers) tier.clear();
  }

  /**
   * JSON of at most `charsMax` characters: to fit, the narrow buckets are left out, then the old
   * ones.
   */
  text(charsMax: number): string {
    const tiers = this.#tiers.map((tier) => [tier.widthMs, tier.texts()] as const);
    for (;;) {
      const text = JSON.stringify({ format, tiers: Object.fromEntries(tiers) });
      if (text.length <= charsMax) return text;
      if (tiers.length > 1) tiers.shift();
      else tiers[0]?.[1].splice(0, Math.ceil(tiers[0][1].length / 2));
    }
  }

  /** Reads the result of text(); null: it is something else, or another version wrote it. */
  static fromText(text: string): StatsRing | null {
    try {
      const told = JSON.parse(text) as RingText;
      if (told.format !== format) return null;
      const ring = new StatsRing();
      for (const tier of ring.#tiers) tier.read(told.tiers[tier.widthMs] ?? []);
      return ring;
    } catch {
      return null;
    }
  }

  #tier(widthMs: number): Tier {
    const tier = this.#tiers.find((one) => one.widthMs === widthMs);
    if (tier === undefined) throw new Error(`There are no buckets of ${widthMs} ms.`);
    return tier;
  }
}

class Tier {
  readonly widthMs: number;
  readonly #kept: number;
  /** Buckets by number, i.e. the instant divided by the width, in the order they were begun. */
  readonly #buckets = new Map<number, StatsBucket>();
  #newest = -Infinity;
  /** The bucket that was asked for last. */
  #number = Number.NaN;
  #bucket: StatsBucket | null = null;

  constructor(widthMs: number, kept: number) {
    this.widthMs = widthMs;
    this.#kept = kept;
  }

  /** The bucket of `now`; null: that time is no longer kept. */
  at(now: number): StatsBucket | null {
    const number = Math.floor(now / this.widthMs);
    if (number === this.#number) return this.#bucket;
    this.#number = number;
    this.#bucket = this.#make(number);
    return this.#bucket;
  }

  #make(number: number): StatsBucket | null {
    if (number > this.#newest) {
      this.#newest = number;
      for (const old of this.#buckets.keys()) {
        if (old <= number - this.#kept) this.#buckets.delete(old);
      }
    }
    if (!(number > this.#newest - this.#kept)) return null;
    let bucket = this.#buckets.get(number);
    if (bucket === undefined) {
      bucket = new StatsBucket();
      this.#buckets.set(number, bucket);
    }
    return bucket;
  }

  *entries(): IterableIterator<readonly [at: number, bucket: StatsBucket]> {
    for (const [number, bucket] of this.#buckets) yield [number * this.widthMs, bucket];
  }

  merge(other: Tier): void {
    for (const [at, bucket] of other.entries()) this.at(at)?.merge(bucket);
  }

  clear(): void {
    this.#buckets.clear();
    this.#newest = -Infinity;
    this.#number = Number.NaN;
  }

  /** The buckets' texts, oldest first. */
  texts(): BucketText[] {
    return [...this.#buckets]
      .sort(([a], [b]) => a - b)
      .map(([number, bucket]) => {
        const { submitted, completed, failedByCode, waits, runs, unstarted } = bucket;
        const codes = Object.fromEntries(failedByCode);
        return [number, submitted, completed, codes, waits.pairs(), runs.pairs(), unstarted];
      });
  }

  /** Throws unless `texts` came from texts(). */
  read(texts: readonly unknown[]): void {
    for (const text of texts) {
      const [number, submitted, completed, codes, waits, runs, unstarted = 0] = text as BucketText;
      const [waited, ran] = [LogHistogram.fromPairs(waits), LogHistogram.fromPairs(runs)];
      if (waited === null || ran === null) throw new Error('Not a histogram.');
      const bucket = this.at(whole(number) * this.widthMs);
      if (bucket === null) continue;
      bucket.submitted += whole(submitted);
      bucket.completed += whole(completed);
      bucket.unstarted += whole(unstarted);
      for (const [code, count] of Object.entries(codes)) bucket.fail(code, whole(count));
      bucket.waits.merge(waited);
      bucket.runs.merge(ran);
    }
  }
}

function whole(value: unknown): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0) return value;
  throw new Error('Not a count.');
}
