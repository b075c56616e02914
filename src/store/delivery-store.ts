import type {
  AttemptResult,
  Delivery,
  DeliveryAttempt,
  DeliveryEvent,
  DeliveryState,
  WebhookEvent,
} from '../core/delivery.ts';
import type { Endpoint } from '../core/endpoint.ts';
import type { Operation } from '../core/operation.ts';
import type { SettleOutcome } from './operation-store.ts';

/**
 * The half of Store that keeps webhooks: endpoints, deliveries, their attempts and the secrets that sign them.
 * The contract of Store holds for every verb; what an event does to a delivery is decideAtEndpoint(), what an
 * attempt tells about its endpoint afterAttempt(), both in core/; a new delivery is newDelivery(), a person's change
 * of an endpoint changedEndpoint(), a new secret rotatedSecrets(), beside this file.
 *
 * What claims, settles and sweeps write is committed, but need not be on the disk when their promise fulfils: it
 * survives the death of the process, and what power loss takes of it only makes an attempt be made again, with
 * the same id. So a delivery costs no fsync of its own, and no receiver waits for one.
 *
 * Claims go by endpoint, then by delivery: an endpoint that hangs keeps its own deliveries waiting, nobody
 * else's. In flight is what holds a lease until it is settled or swept, so a crash leaks no count.
 *
 * An endpoint of kind `request` is one for each tenant and `url`: what is made for another id of the same goes to
 * the one that is kept. It goes when its last delivery is pruned. One that was removed and is made again under its
 * id has the deliveries that are left of it again.
 *
 * Once a final event of an operation is kept, its started and progress events are out of date: those that are
 * pending or held are cancelled in the same commit, and those that come later are dropped.
 */
export type DeliveryStore = {
  /**
   * Deliveries that no final state brings: started, progress and test events. One commit. Those that are there
   * already stay as they are, so that the call can be repeated.
   */
  createDeliveries(p: {
    readonly deliveries: readonly NewDelivery[];
    readonly now: number;
  }): Promise<void>;
  /**
   * Takes up to `limit` due deliveries under new leases, the attempt rows written, endpoints in turn: one of each,
   * the one whose delivery has been due longest first (nextAt, then id), and round again in that order. At most
   * inFlightAllowed() of an endpoint and `originInFlightMax` of an origin are in flight afterwards, over all
   * workers and, of an origin, all tenants. Looks at limits.deliveryScanEndpoints endpoints at most; neither
   * endpoints behind a gate nor those of an origin that was full before stand in the way of others.
   */
  claimDeliveries(p: ClaimDeliveries): Promise<ClaimDeliveriesOutcome>;
  /** Ends attempts: the delivery, its attempt row and the health of its endpoint in one commit. */
  settleDeliveries(p: {
    readonly settlements: readonly DeliverySettlement[];
    readonly now: number;
  }): Promise<SettleOutcome[]>;
  /** Deliveries whose worker is lost wait again at once; those past their expiresAt expire. */
  sweepDeliveries(p: {
    readonly now: number;
    readonly limit: number;
    /** As in sweepExpired: every lease is a dead process's. */
    readonly workerDead: boolean;
  }): Promise<{ readonly changed: readonly Delivery[]; readonly more: boolean }>;

  /** null: never existed, or was pruned. */
  readDelivery(p: { readonly id: string }): Promise<StoredDelivery | null>;
  /**
   * The latest delivery that tells the final state to the address that the request itself named, whether that
   * endpoint is still there or not; null: none (yet).
   */
  readOperationDelivery(p: { readonly operationId: string }): Promise<Delivery | null>;
  /** One page of the deliveries that match, newest first. */
  listDeliveries(p: ListDeliveries): Promise<DeliveryPage>;
  /** The latest limits.deliveryAttemptsShown, oldest of them first. */
  listDeliveryAttempts(p: { readonly id: string }): Promise<DeliveryAttempt[]>;
  /** Counts at most limits.deliveryCountMax. */
  countDeliveries(p: { readonly filter: DeliveryFilter }): Promise<number>;

  /** A person's wish, delivery by delivery, in order; `redrive` changes only what is dead or expired. Of a disabled endpoint they wait as held. */
  redeliver(p: {
    readonly ids: readonly string[];
    readonly trigger: 'manual' | 'redrive';
    readonly now: number;
  }): Promise<SteerOutcome[]>;
  /** `inBulk` changes only what is dead. */
  discardDeliveries(p: {
    readonly ids: readonly string[];
    readonly inBulk: boolean;
    readonly now: number;
  }): Promise<SteerOutcome[]>;

  /** `full`: the tenant has limits.endpointsMax registered ones. */
  createEndpoint(p: {
    readonly endpoint: Endpoint;
    /** Its own secret; null: signed with the tenant's. */
    readonly secret: string | null;
    readonly now: number;
  }): Promise<'created' | 'full'>;
  /**
   * Enabling releases what is held, disabling holds what is pending, in the same commit. A store may leave what is
   * beyond its own limit (10,000 or more) to the sweeps that follow, as in removeEndpoint and settleDeliveries; nothing
   * of it is sent that must not be.
   */
  updateEndpoint(p: {
    readonly id: string;
    readonly tenant: string;
    readonly change: EndpointChange;
    readonly now: number;
  }): Promise<Endpoint | null>;
  /** null: never existed, was removed, or was pruned. */
  readEndpoint(p: { readonly id: string }): Promise<EndpointWithCounts | null>;
  /** Newest first by id; both kinds, or one. */
  listEndpoints(p: {
    readonly tenant: string;
    readonly kind?: Endpoint['kind'] | undefined;
    readonly limit: number;
    readonly beforeId: string | null;
  }): Promise<EndpointPage>;
  /**
   * Its pending and held deliveries are cancelled, its secrets go; what is final stays until it is pruned, and an
   * attempt in flight ends as it ends, but is not followed by another.
   */
  removeEndpoint(p: {
    readonly id: string;
    readonly tenant: string;
    readonly now: number;
  }): Promise<'removed' | 'missing'>;

  /** Live secrets of an owner (an endpoint's id, or `tenant:` and the tenant), newest first. */
  readSecrets(p: { readonly owner: string; readonly now: number }): Promise<WebhookSecret[]>;
  /**
   * `secret` becomes the newest; those before it expire after `graceMs` or when they were to, the oldest beyond
   * limits.secretsMax at once. Resolves with the live ones, newest first.
   */
  rotateSecret(p: {
    readonly owner: string;
    readonly secret: string;
    readonly graceMs: number;
    readonly now: number;
  }): Promise<WebhookSecret[]>;
};

/**
 * What becomes of a final state: called by a store within the commit that makes it final, with the registered
 * endpoints of its tenant, disabled ones too, ascending by id; what it returns is written in that commit. Not called
 * when nobody can want to be told: the operation has no webhook and its tenant no registered endpoint. Pure but for the
 * ids it makes; must not throw. Also called again when that commit is repeated: the returned ids may differ then.
 */
export type Outbox = (
  operation: Operation,
  registered: readonly Endpoint[],
) => readonly NewDelivery[];

/** The parts of a delivery that its maker decides; the store fills in the rest as in newDelivery(). */
export type NewDelivery = {
  readonly id: string;
  readonly tenant: string;
  readonly endpointId: string;
  /**
   * Of kind `request`, of the id above: made unless the tenant has one of its `url`. null: it is registered; a
   * delivery to a missing registered one is dropped.
   */
  readonly endpoint: Endpoint | null;
  readonly operationId: string | null;
  readonly event: DeliveryEvent;
  readonly url: string;
  /** Beside the endpoint's own. */
  readonly headers: Readonly<Record<string, string>>;
  /** Signs instead of the endpoint's or tenant's secrets; null: those. */
  readonly secret: string | null;
  /** The body as it is sent, every time the same bytes. JSON text. */
  readonly body: string;
  /** Failures at which it is dead. */
  readonly failuresMax: number;
  /** Instant in ms; past it nothing is sent any more. */
  readonly expiresAt: number;
};

/** A delivery with what it sends: body, headers of its own, and the secret that came with the request (null: none did). */
export type StoredDelivery = {
  readonly delivery: Delivery;
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly secret: string | null;
};

/** What claimDeliveries takes. */
export type ClaimDeliveries = {
  readonly worker: string;
  /** As in ClaimOperations. */
  readonly newToken: () => string;
  readonly leaseMs: number;
  readonly limit: number;
  /** Attempts in flight to one endpoint, over all workers. */
  readonly endpointInFlightMax: number;
  /** Attempts in flight to one origin, over all workers and tenants. */
  readonly originInFlightMax: number;
  readonly now: number;
};

/** A delivery whose attempt is under way, with what its sender needs. */
export type ClaimedDelivery = StoredDelivery & {
  /** Live ones of the endpoint, else of the tenant: newest first. Not of the delivery, which is in `secret`. */
  readonly secrets: readonly string[];
  readonly endpoint: Endpoint;
};

/** What was claimed, and when to ask again. */
export type ClaimDeliveriesOutcome = {
  /** In the order they were taken; as many as `limit`: there may be more. */
  readonly claimed: readonly ClaimedDelivery[];
  /**
   * As in ClaimOutcome: the earliest instant after `now` at which the first delivery of an endpoint is due and its
   * gate is over; or `now` when the scan stopped at its own limit; null: nothing known. What is due and waits for
   * an attempt in flight is not in it: the end of that attempt, or a sweep, is what it waits for.
   */
  readonly nextDueAt: number | null;
};

/** How one attempt ended; nothing of it counts unless `token` still holds the lease. */
export type DeliverySettlement = {
  readonly id: string;
  readonly token: string;
  readonly result: AttemptResult;
  /** When the schedule would send again, in ms, and why then; null: this failure was the last. */
  readonly next: { readonly at: number; readonly reason: string } | null;
};

/** What a person's wish did to one delivery, which is as it is afterwards. */
export type SteerOutcome =
  | { readonly outcome: 'applied'; readonly delivery: Delivery }
  /** An attempt is under way, its endpoint was removed, or there is nothing to discard. */
  | { readonly outcome: 'unchanged'; readonly delivery: Delivery }
  | { readonly outcome: 'missing' };

/** All given members must match; undefined ones do not filter. */
export type DeliveryFilter = {
  readonly tenant?: string | undefined;
  readonly states?: readonly DeliveryState[] | undefined;
  readonly endpointId?: string | undefined;
  readonly operationId?: string | undefined;
  readonly event?: DeliveryEvent | undefined;
  /** lastError */
  readonly error?: string | undefined;
  /** createdAt >= since and < until, by id. */
  readonly since?: number | undefined;
  readonly until?: number | undefined;
};

/** What listDeliveries takes. */
export type ListDeliveries = {
  readonly filter: DeliveryFilter;
  readonly limit: number;
  /** Only ids smaller than this one; null: from the newest. */
  readonly beforeId: string | null;
};

/** One page of a list. */
export type DeliveryPage = {
  /** Newest first. */
  readonly deliveries: readonly Delivery[];
  /** As in OperationPage. */
  readonly nextBeforeId: string | null;
};

/** What is to change of a registered endpoint; undefined members stay. changedEndpoint() says what becomes of it. */
export type EndpointChange = {
  readonly url?: { readonly url: string; readonly origin: string } | undefined;
  readonly events?: readonly WebhookEvent[] | undefined;
  readonly tasks?: readonly string[] | null | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly description?: string | null | undefined;
  /** false: disabled by hand. true: enabledAgain(). */
  readonly enabled?: boolean | undefined;
  /** Its consent is to be asked for; or is not, any more (null); or what it answered to the question. */
  readonly handshake?: 'asked' | HandshakeAnswer | null | undefined;
};

/** What an endpoint answered when it was asked whether it wants to be sent to. */
export type HandshakeAnswer = {
  /** What was asked: an endpoint that is elsewhere by now stays as it is. */
  readonly url: string;
  /** null: it did not say. */
  readonly consents: boolean | null;
  readonly askedAt: number;
  /** Why not; null when it consents. */
  readonly detail: string | null;
  /** Deliveries a minute that it allows; null: as many as there are. */
  readonly perMinute: number | null;
};

/** An endpoint, and how much of it waits for something. */
export type EndpointWithCounts = {
  readonly endpoint: Endpoint;
  /** pending, held and dead ones, counted up to limits.deliveryCountMax each. */
  readonly waiting: number;
  readonly held: number;
  readonly dead: number;
};

/** One page of a list. */
export type EndpointPage = {
  /** Newest first. */
  readonly endpoints: readonly Endpoint[];
  /** As in OperationPage. */
  readonly nextBeforeId: string | null;
};

/** A secret of an endpoint or tenant that signs. */
export type WebhookSecret = {
  /** `whsec_…` or `whsk_…`; never shown, never logged. */
  readonly value: string;
  readonly createdAt: number;
  /** null: until it is rotated. */
  readonly expiresAt: number | null;
};
