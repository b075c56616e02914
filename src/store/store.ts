import type { DeliveryStore } from './delivery-store.ts';
import type { OperationStore } from './operation-store.ts';

// Parameters and outcomes of the verbs about operations. Import those about deliveries from
// delivery-store.ts.
export type * from './operation-store.ts';

/**
 * Where operations and webhooks are stored. SQLite, PostgreSQL and a model in memory implement this
 * one interface; exerciseStore of `raincheck/testing` is its full specification.
 *
 * It has two halves, operations (OperationStore) and webhooks (DeliveryStore, delivery-store.ts),
 * because different loops use them and they touch different rows. They meet in one place, the
 * outbox: the commit that makes an operation final also writes its deliveries. OperationStore is
 * divided by caller: a submit (Accept), the loops that run operations (Work), reads (Ask), people
 * who steer (Steer), processes that tell each other things (Notes), and upkeep (Keep). Each verb is
 * a whole step in the life of an operation instead of an access to a row, so one call is one
 * commit, and each store implements it in the way that is cheap for it.
 *
 * The contract, for every verb:
 * - **One commit a call.** Everything that a verb changes is durable when its promise fulfils
 *   (delivery-store.ts names three exceptions). A very large removal may take several commits, each
 *   whole. A store may commit many calls together (group commit): calls made in one turn of the
 *   event loop are meant to share a commit, so callers never batch for the store's sake.
 * - **A rejection of a write is ambiguous**, not a no: `store_unavailable` says the commit may or
 *   may not have happened. An idempotency key or the fence finds the truth on the next try.
 * - **Expected outcomes are values** ('lost', null), never rejections.
 * - **Rules live in core/transitions.ts.** A store adds none.
 * - **Fenced**: verbs that carry a lease token change nothing unless that token holds the lease.
 * - `now` is the caller's clock. A store shared by several machines uses its own clock in
 *   production.
 * - Reads see everything that was committed before the read began.
 */
export type Store = OperationStore &
  DeliveryStore & {
    /** The kind of store, for people who read logs. */
    readonly name: string;
    readonly capabilities: StoreCapabilities;
    /**
     * Hints from other processes that use the same data; absent where the store has none to give.
     */
    readonly hints?: StoreHints | undefined;
    /**
     * What may soon slow the store down and needs an operator, one sentence each. Absent: the store
     * never warns.
     */
    readonly warnings?: (() => Promise<readonly string[]>) | undefined;

    /** Resolves when the store can take a write; else rejects with `store_unavailable`. */
    ping(): Promise<void>;
    /**
     * Waits for writes that are under way; afterwards every verb rejects with `store_unavailable`.
     */
    close(): Promise<void>;
  };

/** How stores differ, as data, so that callers never ask which store it is. */
export type StoreCapabilities = {
  /**
   * Only one process can have the store open. Then every lease found at start belongs to a dead
   * process and is recovered at once (`workerDead`), without waiting for its expiry.
   */
  readonly singleProcess: boolean;
  /**
   * Committed data survives the process; false for memory. exerciseStore reopens a store to check
   * it.
   */
  readonly durable: boolean;
  /**
   * Whether createOperations honours `claim`. If it does not, a claim called in the same turn still
   * shares the commit of the accept, so claiming at accept would gain little.
   */
  readonly claimsAtAccept: boolean;
};

/** A hint may save the caller a poll and changes nothing else: it may be late, lost or wrong. */
export type StoreHints = {
  /**
   * Calls `listener`, which must not throw, for every hint until the returned function is called.
   */
  listen(listener: (hint: StoreHint) => void): () => void;
};

/** One hint from another process. */
export type StoreHint =
  /** Something may be ready to be claimed. */
  | { readonly type: 'ready' }
  /** These operations changed in a way that clients can see. */
  | { readonly type: 'changed'; readonly ids: readonly string[] };
