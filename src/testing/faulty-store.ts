import { RaincheckError } from '../core/errors.ts';
import type { Store } from '../store/store.ts';

/** A verb of Store that can be made to fail. */
export type StoreVerb = Exclude<keyof Store, 'name' | 'capabilities' | 'hints' | 'warnings'>;

/** Which calls fail, and how. */
export type Fault = {
  /** Number of the first failing call, from 1; only calls of `verbs` are counted. */
  readonly nth: number;
  /** How many calls fail from there on. Default 1; Infinity: the store stays away until `heal`. */
  readonly count?: number;
  /**
   * before: the call has no effect. after: the call took effect but its answer is lost, which is
   * what makes a failed commit ambiguous. Both reject with `store_unavailable`: a caller cannot
   * distinguish them.
   */
  readonly when: 'before' | 'after';
  /** The verbs that can fail. Default: all but `close`. */
  readonly verbs?: readonly StoreVerb[];
};

/** Result of faultyStore(). */
export type FaultyStore = {
  readonly store: Store;
  /** How many calls have failed: 0 ends a loop over nth = 1, 2, 3, … */
  readonly failures: () => number;
  /** From now on no call fails. */
  heal(): void;
};

/** Wraps `inner` so that some calls fail. */
export function faultyStore(inner: Store, fault: Fault): FaultyStore {
  const last = fault.nth + (fault.count ?? 1) - 1;
  let calls = 0;
  let failures = 0;
  let healed = false;

  function fails(verb: StoreVerb): boolean {
    if (fault.verbs === undefined ? verb === 'close' : !fault.verbs.includes(verb)) return false;
    calls += 1;
    if (healed || calls < fault.nth || calls > last) return false;
    failures += 1;
    return true;
  }

  async function around(verb: StoreVerb, call: () => unknown): Promise<unknown> {
    const failing = fails(verb);
    if (failing && fault.when === 'before') throw unavailable(verb);
    const answer = await call();
    if (failing) throw unavailable(verb);
    return answer;
  }

  async function* readResult(p: Parameters<Store['readResult']>[0]): AsyncGenerator<Uint8Array> {
    const failing = fails('readResult');
    if (failing && fault.when === 'before') throw unavailable('readResult');
    yield* inner.readResult(p);
    if (failing) throw unavailable('readResult');
  }

  /** Members that are not verbs are passed through, and absent verbs stay absent. */
  function member(name: keyof Store): unknown {
    if (name === 'readResult') return readResult;
    const given = inner[name];
    if (typeof given !== 'function' || name === 'warnings') return given;
    const verb = name as StoreVerb;
    return (...p: unknown[]) => around(verb, () => Reflect.apply(given, inner, p));
  }

  const members = memberNames(inner).map((name) => [name, member(name as keyof Store)]);
  const store = Object.fromEntries(members) as Store;
  const heal = (): void => {
    healed = true;
  };
  return { store, failures: () => failures, heal };
}

/** Includes the names of inherited members. */
function memberNames(store: object | null): string[] {
  if (store === null || store === Object.prototype) return [];
  const inherited = memberNames(Object.getPrototypeOf(store) as object | null);
  return [...Object.getOwnPropertyNames(store), ...inherited].filter((n) => n !== 'constructor');
}

function unavailable(verb: StoreVerb): RaincheckError {
  return new RaincheckError('store_unavailable', `The store failed at ${verb}, as it was told to.`);
}
