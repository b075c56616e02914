import { connect, type Socket } from 'node:net';
import { ipAddressText, type IpAddress } from './ip-address.ts';
import { errorText, SendFailure } from './send-failure.ts';

/** How long an address has before the next one is tried beside it (RFC 8305 section 5). */
const staggerMs = 250;

export type Dialled = { readonly socket: Socket; readonly address: IpAddress };

type Dial = {
  readonly port: number;
  /** For all addresses together. */
  readonly timeoutMs: number;
  /** Ends the dialling; the promise rejects with its reason. */
  readonly signal: AbortSignal;
};

/**
 * A TCP connection to the first of `addresses` that answers. The next one is tried when one fails,
 * or beside it when it is slow. Rejects with a SendFailure. Only the address guard calls this: it
 * is the source of all sockets.
 */
export function dial(addresses: readonly IpAddress[], p: Dial): Promise<Dialled> {
  const { promise, resolve, reject } = Promise.withResolvers<Dialled>();
  const waiting = [...addresses];
  const sockets = new Set<Socket>();
  let stagger: NodeJS.Timeout | undefined;

  const settle = (kept: Socket | null): void => {
    clearTimeout(deadline);
    clearTimeout(stagger);
    p.signal.removeEventListener('abort', abandon);
    for (const socket of sockets) if (socket !== kept) socket.destroy();
    sockets.clear();
  };
  const fail = (error: unknown): void => {
    settle(null);
    reject(error);
  };
  const abandon = (): void => fail(p.signal.reason);
  const deadline = setTimeout(
    () => fail(new SendFailure('connect_timeout', `No connection within ${p.timeoutMs} ms.`)),
    p.timeoutMs,
  );
  const tryNext = (): void => {
    clearTimeout(stagger);
    const address = waiting.shift();
    if (address === undefined) return;
    const socket = connect({ host: ipAddressText(address), port: p.port, noDelay: true });
    sockets.add(socket);
    // Stays for good: between two owners of a socket an error must find a listener.
    socket.on('error', (error) => {
      if (!sockets.delete(socket)) return;
      if (waiting.length > 0) tryNext();
      else if (sockets.size === 0) fail(connectFailure(error));
    });
    socket.once('connect', () => {
      if (!sockets.has(socket)) return;
      settle(socket);
      resolve({ socket, address });
    });
    if (waiting.length > 0) stagger = setTimeout(tryNext, staggerMs);
  };

  p.signal.addEventListener('abort', abandon, { once: true });
  if (p.signal.aborted) abandon();
  else tryNext();
  return promise;
}

/** Errors for what this machine lacks or forbids, whatever is at the other end. */
const localCodes = new Set([
  'EMFILE',
  'ENFILE',
  'ENOBUFS',
  'ENOMEM',
  'EADDRNOTAVAIL',
  'EPERM',
  'EACCES',
]);

/** A host or network that cannot be reached has no class of its own; it counts as refused. */
function connectFailure(error: NodeJS.ErrnoException): SendFailure {
  const code = error.code ?? '';
  const failure =
    code === 'ETIMEDOUT' ? 'connect_timeout' : code === 'ECONNRESET' ? 'reset' : 'connect_refused';
  return new SendFailure(failure, errorText(error), {
    cause: error,
    isLocal: localCodes.has(code),
  });
}
