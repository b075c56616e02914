import { RaincheckError } from '../core/errors.ts';
import type { Store } from '../store/store.ts';

/** A verb of Store: what can fail. */
export type StoreVerb = Exclude<keyof Store, 'name' | 'capabilities' | 'hints' | 'warnings'>;

/** Which calls fail, and how. */
export type Fault = {
  /** The first call to fail, from 1; calls of other verbs are not counted. */
  readonly nth: number;
  /** Calls that fail from there on. Default 1; Infinity: the store stays away until `heal`. */
  readonly count?: number;
  /**
   * before: nothing has happened. after: the call took effect and its answer is lost, which is what makes
   * a failed commit ambiguous. Both reject with `store_unavailable`: a caller cannot tell them apart.
   */
  readonly when: 'before' | 'after';
  /** Default: all but `close`. */
  readonly verbs?: readonly StoreVerb[];
};

/** What faultyStore() gives. */
export type FaultyStore = {
  readonly store: Store;
  /** How many calls have failed: 0 ends a loop over nth = 1, 2, 3, … */
  readonly failures: () => number;
  /** No call fails any more. */
  heal(): void;
};

/** `inner` with a fault on the way to it. */
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

  /** What is no verb is told as it is, and a verb that is absent stays so. */
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

/** Those of its class too. */
function memberNames(store: object | null): string[] {
  if (store === null || store === Object.prototype) return [];
  const inherited = memberNames(Object.getPrototypeOf(store) as object | null);
  return [...Object.getOwnPropertyNames(store), ...inherited].filter((n) => n !== 'constructor');
}

function unavailable(verb: StoreVerb): RaincheckError {
  return new RaincheckError('store_unavailable', `The store failed at ${verb}, as it was told to.`);
}
