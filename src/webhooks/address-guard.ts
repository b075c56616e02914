import type { Socket } from 'node:net';
import type { Clock } from '../core/clock.ts';
import { isAddressAllowed, isHostAllowed, type AddressPolicy } from './address-policy.ts';
import { dial } from './dial.ts';
import { isSameAddress, parseIpAddress, type IpAddress } from './ip-address.ts';
import { LookupCache } from './lookup-cache.ts';
import { isWithoutAddress, lookupInDns, lookupInSystem, type Lookup } from './lookup.ts';
import type { RefusedAddress } from './refused-address.ts';
import { errorText, SendFailure } from './send-failure.ts';
import { checkWebhookUrl, fixedAddresses, isNameAllowed, urlBlocked } from './webhook-url.ts';

/**
 * Keeps webhooks out of our own network. An address that a tenant gives is checked twice: at
 * registration, so that the tenant gets an error, and at every connect, because a name may resolve
 * to something else by then (DNS rebinding). Every socket of the sender comes from connect(), for
 * http and https alike. It dials only addresses that it has checked itself, as numbers, so that
 * nothing resolves them again.
 */
export type AddressGuard = {
  /**
   * Checks shape, name and literal address, without resolving. Throws `validation_failed` or
   * `webhook_url_blocked`, both naming `pointer`.
   */
  checkUrl(text: unknown, pointer: string): URL;
  /**
   * Does checkUrl(), then resolves the name and checks that every address is allowed. Accepts when
   * no name server answers within `registrationMs`, or when too many look-ups are under way:
   * connect() checks again.
   */
  resolveAndCheck(text: unknown, pointer: string): Promise<URL>;
  /**
   * Opens a TCP connection for `url`. Rejects with a SendFailure, or with the reason of `signal`.
   */
  connect(p: {
    readonly url: URL;
    /** For the connection; the time to resolve the name is not included. */
    readonly timeoutMs: number;
    readonly signal: AbortSignal;
  }): Promise<GuardedSocket>;
};

export type GuardedSocket = {
  readonly socket: Socket;
  /** null: there was no name to resolve. */
  readonly dnsMs: number | null;
  readonly connectMs: number;
};

/** How long a client that registers or submits waits for a name server, in ms. */
const registrationMsDefault = 2_000;
/** How many addresses of one name are tried. */
const dialsMax = 6;

export function createAddressGuard(p: {
  readonly policy: AddressPolicy;
  readonly clock: Clock;
  /** Default: name servers, or the system's resolver for names of allowedHosts. */
  readonly lookup?: Lookup | undefined;
  /** How long resolveAndCheck() waits for a name server. Default 2 s. */
  readonly registrationMs?: number | undefined;
  /**
   * Called with each address that resolveAndCheck() refuses, with more than the error may disclose.
   */
  readonly refused?: ((address: RefusedAddress) => void) | undefined;
}): AddressGuard {
  const { policy, registrationMs = registrationMsDefault } = p;
  const lookup =
    p.lookup ??
    ((hostname) => (isHostAllowed(policy, hostname) ? lookupInSystem : lookupInDns)(hostname));
  const cache = new LookupCache(lookup, p.clock);
  return {
    checkUrl: (text, pointer) => checkWebhookUrl(text, { policy, pointer }),
    resolveAndCheck: async (text, pointer) => {
      let found: readonly string[] | null = null;
      try {
        const url = checkWebhookUrl(text, { policy, pointer });
        const { hostname } = url;
        found = await findWithin(cache, hostname, registrationMs);
        if (!isRegistrable(policy, hostname, found)) throw urlBlocked(pointer);
        return url;
      } catch (error) {
        p.refused?.({ text, found });
        throw error;
      }
    },
    connect: (request) => connectGuarded(policy, cache, request),
  };
}

/**
 * Strict, because the tenant can still be told: one private address among public ones is refused.
 */
function isRegistrable(
  policy: AddressPolicy,
  hostname: string,
  found: readonly string[] | null,
): boolean {
  if (found === null) return true;
  return found.length > 0 && allowed(policy, hostname, found).length === found.length;
}

/** The addresses of a name; null: it needs no look-up, or no answer came in time. */
async function findWithin(
  cache: LookupCache,
  hostname: string,
  ms: number,
): Promise<readonly string[] | null> {
  if (fixedAddresses(hostname) !== null) return null;
  const asked = cache.tryFind(hostname);
  if (asked === null) return null;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), ms);
  });
  try {
    return await Promise.race([asked, late]);
  } catch (error) {
    return isWithoutAddress(error) ? [] : null;
  } finally {
    clearTimeout(timer);
  }
}

async function connectGuarded(
  policy: AddressPolicy,
  cache: LookupCache,
  p: { readonly url: URL; readonly timeoutMs: number; readonly signal: AbortSignal },
): Promise<GuardedSocket> {
  const { url, signal } = p;
  const { hostname } = url;
  // Settings may have become stricter since the endpoint was registered.
  const isAllowed = url.protocol === 'https:' || (url.protocol === 'http:' && policy.httpAllowed);
  if (!isAllowed) throw blocked();
  if (!isNameAllowed(policy, hostname)) throw blocked();
  const startedAt = performance.now();
  const fixed = fixedAddresses(hostname);
  const addresses =
    fixed?.filter((address) => isAddressAllowed(policy, { address, hostname })) ??
    allowed(policy, hostname, await resolved(cache, hostname, signal));
  if (addresses.length === 0) throw blocked();
  const resolvedAt = performance.now();
  const port = url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : Number(url.port);
  const { timeoutMs } = p;
  const { socket, address } = await dial(addresses.slice(0, dialsMax), { port, timeoutMs, signal });
  if (!isWhatWasDialled(socket, address)) {
    const isGone = socket.remoteAddress === undefined;
    socket.destroy();
    throw isGone ? new SendFailure('reset', 'Closed as soon as it was open.') : blocked();
  }
  return {
    socket,
    dnsMs: fixed === null ? resolvedAt - startedAt : null,
    connectMs: performance.now() - resolvedAt,
  };
}

/** Those of `found` that may be dialled, in their order, without texts that are no addresses. */
function allowed(
  policy: AddressPolicy,
  hostname: string,
  found: readonly string[],
): readonly IpAddress[] {
  return found
    .map(parseIpAddress)
    .filter(
      (address) => address !== null && isAddressAllowed(policy, { address, hostname }),
    ) as IpAddress[];
}

/**
 * Whether the socket is connected to the address that was dialled. Some addresses lead elsewhere:
 * 0.0.0.0 connects to loopback. Nothing has been sent yet.
 */
function isWhatWasDialled(socket: Socket, address: IpAddress): boolean {
  const remote = parseIpAddress(socket.remoteAddress ?? '');
  return remote !== null && isSameAddress(remote, address);
}

async function resolved(
  cache: LookupCache,
  hostname: string,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const found = await untilAborted(cache.find(hostname), signal).catch((error: unknown) => {
    if (error instanceof SendFailure) throw error;
    throw new SendFailure('dns', errorText(error), { cause: error });
  });
  if (found.length === 0) throw new SendFailure('dns', 'The name has no address.');
  return found;
}

/**
 * Rejects when `signal` aborts. The lookup itself goes on, because others may wait for it as well.
 */
function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abandon = (): void => reject(signal.reason as Error);
    if (signal.aborted) return abandon();
    signal.addEventListener('abort', abandon, { once: true });
    void promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abandon));
  });
}

/** The error is the same for every reason. */
function blocked(): SendFailure {
  return new SendFailure('blocked_address', null);
}
