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
 * The half of Store that keeps webhooks: endpoints, deliveries, their attempts and the secrets that
 * sign them. The contract of Store holds for every verb. The rules are pure functions. In core/,
 * decideAtEndpoint() says what an event does to a delivery, and afterAttempt() what an attempt does
 * to the health of its endpoint. Beside this file, newDelivery() makes a delivery,
 * changedEndpoint() applies a change to an endpoint, and rotatedSecrets() adds a secret.
 *
 * Writes of claims, settlements and sweeps are committed, but need not be on the disk when their
 * promise fulfils: they survive the death of the process, and if a loss of power undoes one, an
 * attempt is merely made again, with the same id. So a delivery costs no fsync of its own, and no
 * receiver waits for one.
 *
 * Claims go by endpoint, then by delivery: an endpoint that hangs delays its own deliveries and no
 * others. A delivery is in flight while it holds a lease, until it is settled or swept, so a crash
 * leaks no count.
 *
 * There is one endpoint of kind `request` for each tenant and `url`: a delivery made for another id
 * of the same address goes to the one that is kept. It is removed when its last delivery is pruned.
 * An endpoint that was removed and is made again under its id owns its remaining deliveries again.
 *
 * Once a final event of an operation is kept, its started and progress events are out of date:
 * those that are pending or held are cancelled in the same commit, and later ones are dropped.
 */
export type DeliveryStore = {
  /**
   * Creates deliveries that do not announce a final state: started, progress and test events. One
   * commit. Deliveries that exist already stay as they are, so the call can be repeated.
   */
  createDeliveries(p: {
    readonly deliveries: readonly NewDelivery[];
    readonly now: number;
  }): Promise<void>;
  /**
   * Takes up to `limit` due deliveries under new leases and writes their attempt rows. Endpoints
   * take turns: one delivery of each, beginning with the endpoint whose delivery has been due the
   * longest (nextAt, then id), then another round in that order. Afterwards at most
   * inFlightAllowed() of an endpoint and `originInFlightMax` of an origin are in flight, over all
   * workers and, for an origin, over all tenants. Looks at no more than
   * limits.deliveryScanEndpoints endpoints; endpoints behind a gate, and those of an origin that
   * was already full, do not keep others from being looked at.
   */
  claimDeliveries(p: ClaimDeliveries): Promise<ClaimDeliveriesOutcome>;
  /**
   * Ends attempts: writes the delivery, its attempt row and the health of its endpoint in one
   * commit.
   */
  settleDeliveries(p: {
    readonly settlements: readonly DeliverySettlement[];
    readonly now: number;
  }): Promise<SettleOutcome[]>;
  /**
   * Deliveries whose worker is lost become pending again at once; those past their expiresAt
   * expire.
   */
  sweepDeliveries(p: {
    readonly now: number;
    readonly limit: number;
    /** As in sweepExpired: every lease belongs to a dead process. */
    readonly workerDead: boolean;
  }): Promise<{ readonly changed: readonly Delivery[]; readonly more: boolean }>;

  /** null: the delivery never existed, or was pruned. */
  readDelivery(p: { readonly id: string }): Promise<StoredDelivery | null>;
  /**
   * The latest delivery of the final state to the address that the request itself named, whether or
   * not that endpoint still exists; null: none (yet).
   */
  readOperationDelivery(p: { readonly operationId: string }): Promise<Delivery | null>;
  /** One page of the deliveries that match, newest first. */
  listDeliveries(p: ListDeliveries): Promise<DeliveryPage>;
  /** The latest limits.deliveryAttemptsShown attempts, oldest of them first. */
  listDeliveryAttempts(p: { readonly id: string }): Promise<DeliveryAttempt[]>;
  /** Counts at most limits.deliveryCountMax. */
  countDeliveries(p: { readonly filter: DeliveryFilter }): Promise<number>;

  /**
   * Sends deliveries again at a person's request; one outcome each, in order. `redrive` changes
   * only those that are dead or expired. Deliveries of a disabled endpoint become held.
   */
  redeliver(p: {
    readonly ids: readonly string[];
    readonly trigger: 'manual' | 'redrive';
    readonly now: number;
  }): Promise<SteerOutcome[]>;
  /** Cancels deliveries at a person's request; `inBulk` changes only those that are dead. */
  discardDeliveries(p: {
    readonly ids: readonly string[];
    readonly inBulk: boolean;
    readonly now: number;
  }): Promise<SteerOutcome[]>;

  /** `full`: the tenant already has limits.endpointsMax registered endpoints. */
  createEndpoint(p: {
    readonly endpoint: Endpoint;
    /** The endpoint's own secret; null: the tenant's secrets sign. */
    readonly secret: string | null;
    readonly now: number;
  }): Promise<'created' | 'full'>;
  /**
   * Enabling releases held deliveries and disabling holds pending ones, in the same commit. Beyond
   * a limit of its own (10,000 or more) a store may leave the rest to later sweeps, as in
   * removeEndpoint and settleDeliveries; it must not send any of that rest against the change.
   */
  updateEndpoint(p: {
    readonly id: string;
    readonly tenant: string;
    readonly change: EndpointChange;
    readonly now: number;
  }): Promise<Endpoint | null>;
  /** null: the endpoint never existed, was removed, or was pruned. */
  readEndpoint(p: { readonly id: string }): Promise<EndpointWithCounts | null>;
  /** Newest first, by id; of one kind, or, without `kind`, of both. */
  listEndpoints(p: {
    readonly tenant: string;
    readonly kind?: Endpoint['kind'] | undefined;
    readonly limit: number;
    readonly beforeId: string | null;
  }): Promise<EndpointPage>;
  /**
   * Cancels the endpoint's pending and held deliveries and removes its secrets. Final deliveries
   * stay until they are pruned. An attempt in flight ends normally, but no other follows it.
   */
  removeEndpoint(p: {
    readonly id: string;
    readonly tenant: string;
    readonly now: number;
  }): Promise<'removed' | 'missing'>;

  /** The live secrets of an owner (an endpoint's id, or `tenant:` and the tenant), newest first. */
  readSecrets(p: { readonly owner: string; readonly now: number }): Promise<WebhookSecret[]>;
  /**
   * Makes `secret` the newest. The secrets before it expire after `graceMs`, or earlier if they
   * already had an earlier end; the oldest beyond limits.secretsMax expire at once. Resolves with
   * the live ones, newest first.
   */
  rotateSecret(p: {
    readonly owner: string;
    readonly secret: string;
    readonly graceMs: number;
    readonly now: number;
  }): Promise<WebhookSecret[]>;
};

/**
 * Makes the deliveries that announce a final state. A store calls it within the commit that makes
 * the operation final, with the tenant's registered endpoints (disabled ones too, ascending by id),
 * and writes what it returns in that commit. Not called when there is nobody to notify: the
 * operation has no webhook and its tenant no registered endpoint. It must be pure except for the
 * ids it makes, and must not throw. It is called again when that commit is repeated; the ids may
 * then differ.
 */
export type Outbox = (
  operation: Operation,
  registered: readonly Endpoint[],
) => readonly NewDelivery[];

/** The parts of a delivery that its maker decides; newDelivery() fills in the rest. */
export type NewDelivery = {
  readonly id: string;
  readonly tenant: string;
  readonly endpointId: string;
  /**
   * An endpoint of kind `request` with the id above, created unless the tenant already has one of
   * its `url`. null: `endpointId` is a registered endpoint; if that is missing, the delivery is
   * dropped.
   */
  readonly endpoint: Endpoint | null;
  readonly operationId: string | null;
  readonly event: DeliveryEvent;
  readonly url: string;
  /** Headers besides the endpoint's own. */
  readonly headers: Readonly<Record<string, string>>;
  /** Signs instead of the endpoint's or the tenant's secrets; null: those sign. */
  readonly secret: string | null;
  /** JSON text of the body; every attempt sends the same bytes. */
  readonly body: string;
  /** The delivery is dead after so many failures. */
  readonly failuresMax: number;
  /** Instant in ms after which the delivery is no longer sent. */
  readonly expiresAt: number;
};

/**
 * A delivery with what it sends: body, its own headers, and the secret that the request brought
 * (null: none).
 */
export type StoredDelivery = {
  readonly delivery: Delivery;
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly secret: string | null;
};

/** Parameters of claimDeliveries. */
export type ClaimDeliveries = {
  readonly worker: string;
  /** As in ClaimOperations. */
  readonly newToken: () => string;
  readonly leaseMs: number;
  readonly limit: number;
  /** Most attempts in flight to one endpoint, over all workers. */
  readonly endpointInFlightMax: number;
  /** Most attempts in flight to one origin, over all workers and tenants. */
  readonly originInFlightMax: number;
  readonly now: number;
};

/** A delivery whose attempt is under way, with all that its sender needs. */
export type ClaimedDelivery = StoredDelivery & {
  /**
   * The live secrets of the endpoint, or else of the tenant, newest first. The delivery's own is in
   * `secret`.
   */
  readonly secrets: readonly string[];
  readonly endpoint: Endpoint;
};

/** The claimed deliveries, and when to ask again. */
export type ClaimDeliveriesOutcome = {
  /** In the order they were taken. If there are as many as `limit`, more may be due. */
  readonly claimed: readonly ClaimedDelivery[];
  /**
   * As in ClaimOutcome: the earliest instant after `now` at which the first delivery of an endpoint
   * is due and its gate is over, or `now` when the scan stopped at its own limit; null: no such
   * instant is known. A due delivery that waits for an attempt in flight is not included: the end
   * of that attempt, or a sweep, frees it.
   */
  readonly nextDueAt: number | null;
};

/** How one attempt ended. Ignored unless `token` still holds the lease. */
export type DeliverySettlement = {
  readonly id: string;
  readonly token: string;
  readonly result: AttemptResult;
  /** When the schedule would send again, in ms, and the reason; null: this failure was the last. */
  readonly next: { readonly at: number; readonly reason: string } | null;
};

/** What a person's request did to one delivery, with the delivery as it is afterwards. */
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
  /** Equality on lastError. */
  readonly error?: string | undefined;
  /** createdAt >= since and < until, compared by id. */
  readonly since?: number | undefined;
  readonly until?: number | undefined;
};

/** Parameters of listDeliveries. */
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

/**
 * A change of a registered endpoint; undefined members stay as they are. changedEndpoint() applies
 * it.
 */
export type EndpointChange = {
  readonly url?: { readonly url: string; readonly origin: string } | undefined;
  readonly events?: readonly WebhookEvent[] | undefined;
  readonly tasks?: readonly string[] | null | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly description?: string | null | undefined;
  /** false: disabled by hand. true: enabled again, by enabledAgain(). */
  readonly enabled?: boolean | undefined;
  /**
   * 'asked': the endpoint must be asked for its consent. null: it need not consent any more.
   * Otherwise its answer.
   */
  readonly handshake?: 'asked' | HandshakeAnswer | null | undefined;
};

/** What an endpoint answered when it was asked whether it agrees to receive webhooks. */
export type HandshakeAnswer = {
  /** The address that was asked. If the endpoint has moved since, the answer is ignored. */
  readonly url: string;
  /** null: it gave no answer. */
  readonly consents: boolean | null;
  readonly askedAt: number;
  /** Why it does not consent; null when it does. */
  readonly detail: string | null;
  /** The deliveries a minute that it allows; null: any number. */
  readonly perMinute: number | null;
};

/** An endpoint and the numbers of its deliveries that are not done. */
export type EndpointWithCounts = {
  readonly endpoint: Endpoint;
  /** Its pending, held and dead deliveries, each counted up to limits.deliveryCountMax. */
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

/** A secret of an endpoint or a tenant that signs deliveries. */
export type WebhookSecret = {
  /** `whsec_…` or `whsk_…`; never shown, never logged. */
  readonly value: string;
  readonly createdAt: number;
  /** null: until it is rotated. */
  readonly expiresAt: number | null;
};
