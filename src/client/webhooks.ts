import type { DeliveryEvent, DeliveryState, WebhookEvent } from '../core/delivery.ts';
import type {
  WireCreatedEndpoint,
  WireDeadLetterGroups,
  WireDelivery,
  WireDeliveryAttempt,
  WireDeliveryAttemptList,
  WireDeliveryPage,
  WireEndpoint,
  WireEndpointPage,
  WireRedriveCount,
  WireRotatedSecret,
  WireSecretList,
  WireTestedEndpoint,
} from '../core/wire-webhook.ts';
import { objectIn } from './answered-operation.ts';
import type { CallOptions, OperationHandle } from './operation.ts';
import { postSubmission, type SubmitOptions } from './submission.ts';
import type { Transport } from './transport.ts';

/**
 * Calls about webhooks, for programs that run the server: endpoints, deliveries, dead letters and
 * secrets, in the form they have on the wire. All methods reject as those of Client do, and with a
 * 404 when the server sends no webhooks. A call that must not happen twice, such as a new secret or
 * a test, is not repeated when its answer is lost.
 */
export type WebhooksClient = {
  endpoints(
    filter?: PageOptions & { readonly kind?: WireEndpoint['kind'] | undefined },
  ): Promise<WireEndpointPage>;
  endpoint(id: string, options?: CallOptions): Promise<WireEndpoint>;
  /** Creates an endpoint. Only this answer ever shows its `secret`. */
  createEndpoint(members: NewEndpoint, options?: CallOptions): Promise<WireCreatedEndpoint>;
  /** Replaces the given members; the others stay. */
  updateEndpoint(
    id: string,
    members: EndpointMembers,
    options?: CallOptions,
  ): Promise<WireEndpoint>;
  /**
   * Asks the endpoint for its consent, again if need be. Resolves to the endpoint as it is then.
   */
  validateEndpoint(id: string, options?: CallOptions): Promise<WireEndpoint>;
  /** Removes the endpoint and cancels its pending deliveries. */
  removeEndpoint(id: string, options?: CallOptions): Promise<void>;
  /** Sends a test event now. Resolves to the attempt, whether it succeeded or not. */
  testEndpoint(id: string, options?: CallOptions): Promise<WireTestedEndpoint>;
  /**
   * The secrets of an endpoint. null: the secrets that sign for endpoints without one of their own.
   */
  secrets(endpoint: string | null, options?: CallOptions): Promise<WireSecretList>;
  /**
   * Makes a new secret, or takes `secret`. Earlier ones still sign for `graceSeconds`, default a
   * day.
   */
  rotateSecret(
    endpoint: string | null,
    p?: CallOptions & {
      readonly secret?: string | undefined;
      readonly graceSeconds?: number | undefined;
    },
  ): Promise<WireRotatedSecret>;
  deliveries(
    filter?: DeliveryListFilter & { readonly state?: readonly DeliveryState[] | undefined },
  ): Promise<WireDeliveryPage>;
  deadLetters(filter?: DeliveryListFilter): Promise<WireDeliveryPage>;
  /**
   * Dead letters grouped by endpoint and error, the most frequent first. Each group can be redriven
   * by these two.
   */
  deadLetterGroups(filter?: Omit<DeliveryListFilter, 'cursor'>): Promise<WireDeadLetterGroups>;
  /** One delivery, with the request that it sends. */
  delivery(id: string, options?: CallOptions): Promise<WireDelivery>;
  attempts(id: string, options?: CallOptions): Promise<readonly WireDeliveryAttempt[]>;
  /** Sends the delivery again, with the same id. */
  redeliver(id: string, options?: CallOptions): Promise<WireDelivery>;
  /** Gives the delivery up. */
  discard(id: string, options?: CallOptions): Promise<WireDelivery>;
  /** How many dead letters a redrive would take. */
  countDeadLetters(redrive: Redrive, options?: CallOptions): Promise<WireRedriveCount>;
  /** Sends dead letters again, or discards them, as an operation with progress. */
  redrive(redrive: Redrive, options?: SubmitOptions): Promise<OperationHandle>;
};

/**
 * The members of an endpoint that can be set. Those left out keep their value or get the default.
 */
export type EndpointMembers = {
  /** A public address over https, unless the server allows more. */
  readonly url?: string | undefined;
  /** The events it is sent. Default: operation.completed and operation.failed. */
  readonly events?: readonly WebhookEvent[] | undefined;
  /** The tasks whose events it is sent. null, the default: all. */
  readonly tasks?: readonly string[] | null | undefined;
  /** Headers sent with every delivery to it; never shown again. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly description?: string | null | undefined;
  /** false: its deliveries are held until it is true again. */
  readonly enabled?: boolean | undefined;
  /** true: the endpoint is asked for its consent, and nothing is sent before that. */
  readonly handshake?: boolean | undefined;
};

/** The members of createEndpoint(). */
export type NewEndpoint = EndpointMembers & {
  readonly url: string;
  /** A secret that you bring. Default: one is made. */
  readonly secret?: string | undefined;
  /** `v1`: a shared secret; `v1a`: a key pair whose public key the answer shows. Default v1. */
  readonly signature?: 'v1' | 'v1a' | undefined;
};

/** Which page of a list. */
export type PageOptions = CallOptions & {
  /** 1..200, default 50. */
  readonly limit?: number | undefined;
  /** `next_cursor` of the page before. Default: the newest. */
  readonly cursor?: string | undefined;
};

/** A filter of deliveries. All given members must match. */
export type DeliveryFilter = {
  readonly endpoint?: string | undefined;
  readonly operation?: string | undefined;
  readonly event?: DeliveryEvent | undefined;
  /** Error class of the latest attempt. */
  readonly error?: string | undefined;
  /** Created at or after `since`, and before `until`. */
  readonly since?: Date | undefined;
  readonly until?: Date | undefined;
};

/** The options of deliveries() and deadLetters(): which deliveries, and which page of them. */
export type DeliveryListFilter = PageOptions & DeliveryFilter;

/** Which dead letters to take, and what to do with them. */
export type Redrive = {
  /** {} takes all of them. */
  readonly filter: DeliveryFilter & {
    /** Default `dead`. `expired` ones can only be sent again, not discarded. */
    readonly state?: 'dead' | 'expired' | undefined;
  };
  /** Default `redrive`. */
  readonly action?: 'redrive' | 'discard' | undefined;
  /** Deliveries a second at most, 1..1000. Default 50. */
  readonly perSecond?: number | undefined;
};

const redrivePath = '/webhooks/dead-letters/redrive';
/** The answer to a test comes after its attempt, which may use all of its time. */
const testTimeoutMs = 60_000;

export function webhooksOver(transport: Transport): WebhooksClient {
  const calls = new Calls(transport);
  return { ...endpointCalls(calls), ...deliveryCalls(calls, transport) };
}

type EndpointCalls = Pick<
  WebhooksClient,
  | 'endpoints'
  | 'endpoint'
  | 'createEndpoint'
  | 'updateEndpoint'
  | 'validateEndpoint'
  | 'removeEndpoint'
  | 'testEndpoint'
  | 'secrets'
  | 'rotateSecret'
>;

function endpointCalls(calls: Calls): EndpointCalls {
  const of = (id: string): string => `/webhooks/endpoints/${encodeURIComponent(id)}`;
  const secretOf = (id: string | null): string => `${id === null ? '/webhooks' : of(id)}/secret`;
  return {
    endpoints: ({ signal, ...query } = {}) =>
      calls.get<WireEndpointPage>('/webhooks/endpoints', 'endpoints', { signal, query }),
    endpoint: (id, options) => calls.get<WireEndpoint>(of(id), 'endpoint_url', options),
    createEndpoint: (json, options) =>
      calls.post<WireCreatedEndpoint>('/webhooks/endpoints', 'endpoint_url', { ...options, json }),
    updateEndpoint: (id, json, options) =>
      calls.patch<WireEndpoint>(of(id), 'endpoint_url', { ...options, json }),
    validateEndpoint: (id, options) =>
      calls.post<WireEndpoint>(`${of(id)}/validate`, 'endpoint_url', {
        ...options,
        timeoutMs: testTimeoutMs,
      }),
    removeEndpoint: (id, options) => calls.remove(of(id), options),
    testEndpoint: (id, options) =>
      calls.post<WireTestedEndpoint>(`${of(id)}/test`, 'attempt', {
        ...options,
        timeoutMs: testTimeoutMs,
      }),
    secrets: (id, options) => calls.get<WireSecretList>(secretOf(id), 'secrets', options),
    rotateSecret: (id, { signal, secret, graceSeconds } = {}) =>
      calls.post<WireRotatedSecret>(`${secretOf(id)}/rotate`, 'secret', {
        signal,
        json: { secret, grace_seconds: graceSeconds },
      }),
  };
}

function deliveryCalls(
  calls: Calls,
  transport: Transport,
): Omit<WebhooksClient, keyof EndpointCalls> {
  const of = (id: string): string => `/webhooks/deliveries/${encodeURIComponent(id)}`;
  const page = (path: string, { signal, ...query }: DeliveryListFilter) =>
    calls.get<WireDeliveryPage>(path, 'deliveries', { signal, query });
  return {
    deliveries: ({ state, ...filter } = {}) =>
      page('/webhooks/deliveries', { ...filter, ...(state && { state: state.join(',') }) }),
    deadLetters: (filter = {}) => page('/webhooks/dead-letters', filter),
    deadLetterGroups: ({ signal, ...query } = {}) =>
      calls.get<WireDeadLetterGroups>(`/webhooks/dead-letters:groups`, 'groups', { signal, query }),
    delivery: (id, options) => calls.get<WireDelivery>(of(id), 'delivery_url', options),
    async attempts(id, options) {
      const path = `${of(id)}/attempts`;
      return (await calls.get<WireDeliveryAttemptList>(path, 'attempts', options)).attempts;
    },
    redeliver: (id, options) =>
      calls.post<WireDelivery>(`${of(id)}/redeliver`, 'delivery_url', options),
    discard: (id, options) =>
      calls.post<WireDelivery>(`${of(id)}/discard`, 'delivery_url', options),
    countDeadLetters: (redrive, { signal } = {}) =>
      calls.post<WireRedriveCount>(redrivePath, 'count', {
        signal,
        idempotent: true,
        json: { ...redriveBody(redrive), dry_run: true },
      }),
    redrive: (redrive, options = {}) =>
      postSubmission(transport, { path: redrivePath, input: redriveBody(redrive), options }),
  };
}

function redriveBody({ filter, action, perSecond }: Redrive): object {
  return { filter, action, per_second: perSecond };
}

type Call = CallOptions & {
  readonly json?: unknown;
  readonly query?: Readonly<Record<string, string | number | Date | undefined>>;
  readonly timeoutMs?: number;
  readonly idempotent?: boolean;
};

/** Requests whose answer is an object, recognised by a member that only it has. */
class Calls {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  get<T>(path: string, member: keyof T & string, call: Call = {}): Promise<T> {
    return this.#object<T>('GET', { path, member, call });
  }

  post<T>(path: string, member: keyof T & string, call: Call = {}): Promise<T> {
    return this.#object<T>('POST', { path, member, call: { idempotent: false, ...call } });
  }

  patch<T>(path: string, member: keyof T & string, call: Call = {}): Promise<T> {
    return this.#object<T>('PATCH', { path, member, call });
  }

  async remove(path: string, { signal }: CallOptions = {}): Promise<void> {
    const url = this.#transport.address(path);
    await this.#transport.request({ method: 'DELETE', url, signal, idempotent: false });
  }

  async #object<T>(
    method: 'GET' | 'POST' | 'PATCH',
    p: { readonly path: string; readonly member: keyof T & string; readonly call: Call },
  ): Promise<T> {
    const { query = {}, ...rest } = p.call;
    const url = this.#transport.address(p.path);
    for (const [name, value] of Object.entries(query)) {
      if (value === undefined) continue;
      url.searchParams.set(name, value instanceof Date ? value.toISOString() : String(value));
    }
    return objectIn<T>(await this.#transport.request({ method, url, ...rest }), url, p.member);
  }
}
