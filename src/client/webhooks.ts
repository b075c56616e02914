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
 * Webhooks, for programs that run the server: endpoints, deliveries, dead letters and secrets, as they are on the
 * wire. All methods reject as those of Client do; with a 404 where the server sends no webhooks. What would be
 * done twice, such as a secret or a test, is not asked for again when its answer is lost.
 */
export type WebhooksClient = {
  endpoints(
    filter?: PageOptions & { readonly kind?: WireEndpoint['kind'] | undefined },
  ): Promise<WireEndpointPage>;
  endpoint(id: string, options?: CallOptions): Promise<WireEndpoint>;
  /** `secret` of the answer is told only this once. */
  createEndpoint(members: NewEndpoint, options?: CallOptions): Promise<WireCreatedEndpoint>;
  /** What is given is replaced. */
  updateEndpoint(
    id: string,
    members: EndpointMembers,
    options?: CallOptions,
  ): Promise<WireEndpoint>;
  /** Asks it for its consent, again if need be; resolves with the endpoint as it is then. */
  validateEndpoint(id: string, options?: CallOptions): Promise<WireEndpoint>;
  /** What waits for it is cancelled. */
  removeEndpoint(id: string, options?: CallOptions): Promise<void>;
  /** Sends a test event now; resolves with the attempt, whatever came of it. */
  testEndpoint(id: string, options?: CallOptions): Promise<WireTestedEndpoint>;
  /** `endpoint` null: the secret that signs for what has none of its own. */
  secrets(endpoint: string | null, options?: CallOptions): Promise<WireSecretList>;
  /** Makes a new one, or takes `secret`; those before it go on to sign for `graceSeconds`, default a day. */
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
  /** Dead letters by endpoint and error, the most frequent first: each is what a redrive takes by these two. */
  deadLetterGroups(filter?: Omit<DeliveryListFilter, 'cursor'>): Promise<WireDeadLetterGroups>;
  /** With what it sends. */
  delivery(id: string, options?: CallOptions): Promise<WireDelivery>;
  attempts(id: string, options?: CallOptions): Promise<readonly WireDeliveryAttempt[]>;
  /** Sends it again, with the same id. */
  redeliver(id: string, options?: CallOptions): Promise<WireDelivery>;
  /** Gives it up. */
  discard(id: string, options?: CallOptions): Promise<WireDelivery>;
  /** How many dead letters a redrive would take. */
  countDeadLetters(redrive: Redrive, options?: CallOptions): Promise<WireRedriveCount>;
  /** Sends dead letters again, or discards them, as an operation with progress. */
  redrive(redrive: Redrive, options?: SubmitOptions): Promise<OperationHandle>;
};

/** What can be said of an endpoint; what is left out stays, or has its default. */
export type EndpointMembers = {
  /** Of a public address, over https unless the server allows more. */
  readonly url?: string | undefined;
  /** What it is told of. Default: operation.completed and operation.failed. */
  readonly events?: readonly WebhookEvent[] | undefined;
  /** Of which tasks. null, the default: of all. */
  readonly tasks?: readonly string[] | null | undefined;
  /** Headers of its own, that go with every delivery; never shown again. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly description?: string | null | undefined;
  /** false: its deliveries are held until it is true again. */
  readonly enabled?: boolean | undefined;
  /** true: it is asked for its consent, and nothing is sent before. */
  readonly handshake?: boolean | undefined;
};

/** What createEndpoint() takes. */
export type NewEndpoint = EndpointMembers & {
  readonly url: string;
  /** Brought along; default: one is made. */
  readonly secret?: string | undefined;
  /** `v1`: a shared secret; `v1a`: a key pair, of which the answer tells the public key. Default v1. */
  readonly signature?: 'v1' | 'v1a' | undefined;
};

/** Which page of a list. */
export type PageOptions = CallOptions & {
  /** 1..200, default 50. */
  readonly limit?: number | undefined;
  /** `next_cursor` of the page before. Default: the newest. */
  readonly cursor?: string | undefined;
};

/** Which deliveries: all given members must match. */
export type DeliveryFilter = {
  readonly endpoint?: string | undefined;
  readonly operation?: string | undefined;
  readonly event?: DeliveryEvent | undefined;
  /** Error class of the latest attempt. */
  readonly error?: string | undefined;
  /** Created at or after, before. */
  readonly since?: Date | undefined;
  readonly until?: Date | undefined;
};

/** What deliveries() and deadLetters() take: all given members must match; and which page. */
export type DeliveryListFilter = PageOptions & DeliveryFilter;

/** Which dead letters, and what becomes of them. */
export type Redrive = {
  /** {}: all of them. */
  readonly filter: DeliveryFilter & {
    /** Default `dead`. `expired` ones can only be sent again. */
    readonly state?: 'dead' | 'expired' | undefined;
  };
  /** Default `redrive`. */
  readonly action?: 'redrive' | 'discard' | undefined;
  /** How many at most, 1..1000. Default 50. */
  readonly perSecond?: number | undefined;
};

const redrivePath = '/webhooks/dead-letters/redrive';
/** A test waits for its attempt, which may take all of its time. */
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

/** Requests whose answer is an object, known by a member that only it has. */
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
