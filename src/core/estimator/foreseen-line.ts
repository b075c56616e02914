import { expected } from '../options.ts';
import { LineProfile } from './line-profile.ts';
import { quantileAt } from './quantile.ts';
import { estimatorSettings as settings } from './settings.ts';
import { claimOrder, type Queued } from './waiting-line.ts';

/** A waiting operation: how many went before it, and what determined its place. */
export type Mark = readonly [position: number, priority: number, readyAt: number, id: string];

/** One line of the queue: all waiting operations, or those of one capped task. */
export type LineState = {
  readonly count: number;
  /** Operations by position, at growing distances; the first and the last are included. */
  readonly marks: readonly Mark[];
  readonly positions: readonly number[];
  /** For each of the positions, 16 equally likely waits in ms, sorted; null: it waits for ever. */
  readonly waits: readonly (readonly (number | null)[])[];
};

/**
 * A queue that was played, as plain data: the forecast that one process makes for all that share a
 * store. It does not contain the operations. Any that was in the queue is found by its place in the
 * order of claims, within the distance of two marks (5 % of what was ahead); any that came later is
 * placed behind them.
 */
export type ForeseenLineState = {
  readonly version: 1;
  readonly all: LineState;
  readonly capped: Readonly<Record<string, LineState>>;
};

/** When an operation is looked up, relative to when the queue was played. */
export type Later = {
  readonly ageMs: number;
  /** Operations that came since and go before it, as far as this process knows them. */
  readonly newer: number;
};

export class ForeseenLine {
  readonly #all: ReadableLine;
  readonly #capped: ReadonlyMap<string, ReadableLine>;

  constructor(state: ForeseenLineState) {
    this.#all = new ReadableLine(state.all);
    this.#capped = new Map(
      Object.entries(state.capped).map(([task, line]) => [task, new ReadableLine(line)] as const),
    );
  }

  /** Whether it comes after all operations of the line. */
  isBehind(queued: Queued): boolean {
    return this.#all.isBehind(queued);
  }

  /**
   * About how many go before it now; the starts expected since the queue was played are subtracted.
   */
  ahead(queued: Queued, later: Later): number {
    const started = this.#all.startedAfter(later.ageMs);
    return Math.max(0, Math.round(this.#all.rank(queued) + later.newer - started));
  }

  /** 64 equally likely waits from now, sorted; Infinity: it is not admitted. */
  waits(queued: Queued, later: Later, into: Float64Array): void {
    const line = this.#capped.get(queued.task) ?? this.#all;
    line.waits(line.rank(queued) + later.newer, into);
    for (let i = 0; i < into.length; i += 1) {
      into[i] = Math.max(0, (into[i] as number) - later.ageMs);
    }
  }
}

class ReadableLine {
  readonly #state: LineState;
  readonly #profile: LineProfile;
  readonly #middles: Float64Array;
  readonly #few = new Float64Array(settings.sharedWaits);

  constructor(state: LineState) {
    this.#state = state;
    const positions = Int32Array.from(state.positions);
    this.#profile = new LineProfile(positions, settings.sharedWaits);
    const ranks = positions.map((_, i) => i);
    for (let future = 0; future < settings.sharedWaits; future += 1) {
      const waits = Float64Array.from(state.waits, (at) => at[future] ?? Infinity);
      this.#profile.record(future, waits, ranks);
    }
    const middle = settings.sharedWaits >> 1;
    this.#middles = Float64Array.from(state.waits, (at) => at[middle] ?? Infinity);
  }

  isBehind(queued: Queued): boolean {
    const last = this.#state.marks.at(-1);
    return last === undefined || claimOrder(asQueued(last), queued) < 0;
  }

  /** How many went before it, or would have. */
  rank(queued: Queued): number {
    const { marks, count } = this.#state;
    let low = 0;
    let high = marks.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (claimOrder(asQueued(marks[middle] as Mark), queued) < 0) low = middle + 1;
      else high = middle;
    }
    const above = marks[low];
    if (above === undefined) return count;
    const below = marks[low - 1];
    if (below === undefined || above[3] === queued.id) return above[0];
    const between = above[0] - below[0] - 1;
    const span = above[2] - below[2];
    const comparable = above[1] === below[1] && span > 0;
    const share = comparable ? (queued.readyAt - below[2]) / span : 0.5;
    return below[0] + 1 + Math.floor(between * Math.min(1, Math.max(0, share)));
  }

  /** How many are expected to have started after `ageMs`, by the median of their waits. */
  startedAfter(ageMs: number): number {
    const { positions, count } = this.#state;
    let at = 0;
    while (at < positions.length && (this.#middles[at] as number) <= ageMs) at += 1;
    // Even the first operation waits longer: none has started.
    if (at === 0) return 0;
    const below = positions[at - 1] as number;
    if (at === positions.length) return Math.max(below, count);
    const [from, to] = [this.#middles[at - 1] as number, this.#middles[at] as number];
    const share = to === Infinity ? 0 : (ageMs - from) / (to - from);
    return below + 1 + share * ((positions[at] as number) - below - 1);
  }

  waits(rank: number, into: Float64Array): void {
    this.#profile.waits(rank, this.#few);
    for (let i = 0; i < into.length; i += 1) {
      into[i] = quantileAt(this.#few, ((i + 0.5) / into.length) * this.#few.length - 0.5);
    }
  }
}

function asQueued([, priority, readyAt, id]: Mark): Queued {
  return { id, task: '', key: null, priority, readyAt };
}

/**
 * Checks that `value` is such a forecast. Throws `invalid_option` when another version wrote it.
 */
export function foreseenLineOf(value: unknown): ForeseenLineState {
  const state = value as ForeseenLineState | null;
  if (state?.version !== 1 || !isLine(state.all) || !Object.values(state.capped).every(isLine)) {
    throw expected('line', 'a queue of version 1', typeof value);
  }
  return state;
}

function isLine({ marks, positions, waits }: LineState): boolean {
  return (
    Array.isArray(marks) &&
    positions.length > 0 &&
    waits.length === positions.length &&
    waits.every((at) => at.length === settings.sharedWaits)
  );
}
