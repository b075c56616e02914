import type { DeliveryStore } from './delivery-store.ts';
import type { OperationStore } from './operation-store.ts';

// What verbs about operations take and give; what those about deliveries do is to be had from delivery-store.ts.
export type * from './operation-store.ts';

/**
 * Where operations and webhooks live. SQLite, PostgreSQL and a model in memory implement this one interface;
 * exerciseStore of `raincheck/testing` is its specification in full.
 *
 * It has two halves, operations (OperationStore) and webhooks (DeliveryStore, delivery-store.ts), since they are
 * used by different loops and touch different rows. They meet in one place, the outbox: the commit that makes an
 * operation final also writes its deliveries. OperationStore is divided by who calls: a submit (Accept), the loops that
 * run operations (Work), those who only look (Ask), people who steer (Steer), the processes that tell each other things
 * (Notes), and the upkeep (Keep). Each verb is a whole step in the life of an operation instead of an access to a row:
 * so one call is one commit, and each store does it in the way that is cheap for it.
 *
 * The contract, for every verb:
 * - **One commit a call.** What a verb changes is durable, all of it, when its promise fulfils (delivery-store.ts
 *   names three exceptions). The removal of very much may take several commits, each whole. A store may commit many
 *   calls together (group commit): calls made in one turn of the event loop are meant to share a commit, so callers
 *   never batch for the store's sake.
 * - **A rejection of a write is ambiguous**, not a no: `store_unavailable` says the commit may or may not
 *   have happened. An idempotency key or the fence finds the truth on the next try.
 * - **Expected outcomes are values** ('lost', null), never rejections.
 * - **Rules live in core/transitions.ts.** A store adds none.
 * - **Fenced**: verbs that carry a lease token change nothing unless that token holds the lease.
 * - `now` is the caller's clock. A store shared by several machines uses its own clock in production.
 * - Reads see everything that was committed before the read began.
 */
export type Store = OperationStore &
  DeliveryStore & {
    /** For people, in logs: what kind of store it is. */
    readonly name: string;
    readonly capabilities: StoreCapabilities;
    /** News from other processes on the same data; absent where there are none, or none to be had. */
    readonly hints?: StoreHints | undefined;
    /** What threatens to slow the store down and is for an operator to see to, a sentence each. Absent: nothing can. */
    readonly warnings?: (() => Promise<readonly string[]>) | undefined;

    /** Resolves when the store can take a write, rejects with `store_unavailable` when not. */
    ping(): Promise<void>;
    /** Waits for writes under way; afterwards every verb rejects with `store_unavailable`. */
    close(): Promise<void>;
  };

/** What stores differ in, as data: nobody asks which store it is. */
export type StoreCapabilities = {
  /**
   * Only one process can have the store open. Then every lease found at start belongs to a dead
   * process and is recovered at once (`workerDead`), without waiting for its expiry.
   */
  readonly singleProcess: boolean;
  /** What is committed survives the process; false for memory. exerciseStore reopens a store to see that. */
  readonly durable: boolean;
  /**
   * createOperations honours `claim`. Where not, a claim called in the same turn shares the commit of the accept, so
   * that little would be gained.
   */
  readonly claimsAtAccept: boolean;
};

/** Saves a poll where it comes, and changes nothing else: a hint may be late, lost or about nothing. */
export type StoreHints = {
  /** Calls `listener`, which must not throw, until the function that it returns is called. */
  listen(listener: (hint: StoreHint) => void): () => void;
};

/** One piece of such news. */
export type StoreHint =
  /** Something may be ready to be claimed. */
  | { readonly type: 'ready' }
  /** These operations changed in a way that clients can see. */
  | { readonly type: 'changed'; readonly ids: readonly string[] };
