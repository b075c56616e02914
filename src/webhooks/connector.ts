import type { Socket } from 'node:net';
import {
  connect as connectTls,
  createSecureContext,
  type SecureContext,
  type TLSSocket,
} from 'node:tls';
import type { AddressGuard } from './address-guard.ts';
import { bareHostname } from './address-policy.ts';
import { parseIpAddress } from './ip-address.ts';
import { errorText, SendFailure } from './send-failure.ts';

export type OpenedSocket = {
  readonly socket: Socket;
  readonly dnsMs: number | null;
  readonly connectMs: number;
  /** null: plain http. */
  readonly tlsMs: number | null;
};

export type Connector = (url: URL, signal: AbortSignal) => Promise<OpenedSocket>;

/**
 * Opens connections for http and https URLs: TCP by the guard, then TLS over that very socket.
 * `tls.connect` and undici would otherwise open sockets of their own, and neither heeds a
 * `blockList`, or a `lookup` for an address in place of a name. Rejects with a SendFailure, or with
 * the reason of the signal.
 */
export function createConnector(p: {
  readonly guard: AddressGuard;
  /** For the connection and TLS together. */
  readonly connectMs: number;
  /** Certificate authorities to trust instead of Node's own, as PEM. */
  readonly ca?: string | readonly string[] | undefined;
}): Connector {
  // Made once for all connections, because it takes 0.2 ms.
  const secureContext = createSecureContext(p.ca === undefined ? {} : { ca: [p.ca].flat() });
  return async (url, signal) => {
    const timeoutMs = p.connectMs;
    const { socket, dnsMs, connectMs } = await p.guard.connect({ url, timeoutMs, signal });
    if (url.protocol !== 'https:') return { socket, dnsMs, connectMs, tlsMs: null };
    const startedAt = performance.now();
    const secured = await secure(socket, {
      hostname: bareHostname(url.hostname),
      timeoutMs: Math.max(1, timeoutMs - connectMs),
      signal,
      secureContext,
    });
    return { socket: secured, dnsMs, connectMs, tlsMs: performance.now() - startedAt };
  };
}

type Secure = {
  readonly hostname: string;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  readonly secureContext: SecureContext;
};

function secure(tcp: Socket, p: Secure): Promise<TLSSocket> {
  const { promise, resolve, reject } = Promise.withResolvers<TLSSocket>();
  const isLiteral = parseIpAddress(p.hostname) !== null;
  const socket = connectTls({
    socket: tcp,
    // The name that the certificate must be for. An address is not sent as SNI (RFC 6066 section
    // 3).
    host: p.hostname,
    ...(isLiteral ? {} : { servername: p.hostname }),
    ALPNProtocols: ['http/1.1'],
    // Explicit, so that NODE_TLS_REJECT_UNAUTHORIZED cannot turn it off.
    rejectUnauthorized: true,
    secureContext: p.secureContext,
  });
  const settle = (): void => {
    clearTimeout(deadline);
    p.signal.removeEventListener('abort', abandon);
  };
  const fail = (error: unknown): void => {
    settle();
    socket.destroy();
    tcp.destroy();
    reject(error);
  };
  const abandon = (): void => fail(p.signal.reason);
  const deadline = setTimeout(
    () => fail(new SendFailure('connect_timeout', 'The TLS handshake took too long.')),
    p.timeoutMs,
  );
  // Both listeners stay for good: between two owners of a socket an error must find a listener.
  socket.on('error', (error) => fail(tlsFailure(error)));
  socket.once('secureConnect', () => {
    settle();
    resolve(socket);
  });
  p.signal.addEventListener('abort', abandon, { once: true });
  if (p.signal.aborted) abandon();
  return promise;
}

/**
 * A peer that hangs up says nothing about TLS; every other error does (certificate, version,
 * garbage).
 */
function tlsFailure(error: NodeJS.ErrnoException): SendFailure {
  const isReset = error.code === 'ECONNRESET' || error.code === 'EPIPE';
  return new SendFailure(isReset ? 'reset' : 'tls', errorText(error), { cause: error });
}
