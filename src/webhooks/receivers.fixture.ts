import { connect, createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, TLSSocket } from 'node:tls';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { systemClock } from '../engine/system-clock.ts';
import { createAddressGuard, type AddressGuard } from './address-guard.ts';
import { addressPolicy, loopbackCidrs, type AddressPolicyOptions } from './address-policy.ts';
import type { Lookup } from './lookup.ts';
import type { SendRequest } from './webhooks.ts';

/** A request as it came over the wire. */
export type Received = {
  /** "POST /path HTTP/1.1" */
  readonly line: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly headerLines: readonly string[];
  readonly body: string;
};

export type Receiver = {
  readonly port: number;
  readonly url: string;
  readonly received: readonly Received[];
  readonly connections: number;
  close(): Promise<void>;
};

/**
 * Answers one request over the bare socket, not necessarily with HTTP. `number` counts requests,
 * from 1.
 */
export type Answer = (socket: Socket, request: Received, number: number) => void;

export const ok = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok';

/** A server that sends whatever `answer` writes; default: 200. https with `tls`. */
export async function receiver(
  p: {
    readonly answer?: Answer;
    readonly host?: string;
    readonly port?: number;
    readonly tls?: { readonly key: string; readonly cert: string };
  } = {},
): Promise<Receiver> {
  const answer = p.answer ?? ((socket) => socket.write(ok));
  const received: Received[] = [];
  const sockets = new Set<Socket>();
  let connections = 0;
  const serve = (socket: Socket): void => {
    socket.on('error', () => undefined);
    readRequests(socket, (request) => {
      received.push(request);
      answer(socket, request, received.length);
    });
  };
  const server = p.tls === undefined ? createServer(serve) : createTlsServer(p.tls, serve);
  server.on('tlsClientError', () => undefined);
  server.on('connection', (socket: Socket) => {
    connections += 1;
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.once('close', () => sockets.delete(socket));
  });
  const host = p.host ?? '127.0.0.1';
  const port = await listening(server, host, p.port);
  const scheme = p.tls === undefined ? 'http' : 'https';
  return {
    port,
    url: `${scheme}://${host.includes(':') ? `[${host}]` : host}:${port}/hook`,
    received,
    get connections() {
      return connections;
    },
    close: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      if (server.listening) await once(server, 'close');
    },
  };
}

/** As if the process had died; over TLS without a close_notify. */
export function reset(socket: Socket): void {
  if (socket instanceof TLSSocket) socket.destroy();
  else socket.resetAndDestroy();
}

export async function listening(server: Server, host: string, port = 0): Promise<number> {
  server.listen(port, host);
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

function readRequests(socket: Socket, onRequest: (request: Received) => void): void {
  let text = '';
  socket.setEncoding('latin1');
  socket.on('data', (chunk: string) => {
    text += chunk;
    for (;;) {
      const [head, rest] = splitOnce(text, '\r\n\r\n');
      if (rest === null) return;
      const [line = '', ...headerLines] = head.split('\r\n');
      const headers = Object.fromEntries(
        headerLines.map((one) => {
          const [name, value] = splitOnce(one, ': ');
          return [name.toLowerCase(), value ?? ''];
        }),
      );
      const length = Number(headers['content-length'] ?? 0);
      if (rest.length < length) return;
      const body = Buffer.from(rest.slice(0, length), 'latin1').toString();
      text = rest.slice(length);
      onRequest({ line, headers, headerLines, body });
    }
  });
}

function splitOnce(text: string, separator: string): [string, string | null] {
  const at = text.indexOf(separator);
  return at === -1 ? [text, null] : [text.slice(0, at), text.slice(at + separator.length)];
}

/**
 * A port that neither accepts nor refuses connections: a listener whose thread sleeps and whose
 * queue is full, so that Linux drops what arrives.
 */
export async function silentPort(): Promise<{ port: number; close(): Promise<void> }> {
  const script = `
    const server = require('node:net').createServer();
    server.listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
      require('node:worker_threads').parentPort.postMessage(server.address().port);
      setImmediate(() => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0));
    });`;
  const worker = new Worker(script, { eval: true });
  const [port] = (await once(worker, 'message')) as [number];
  const fillers = [connect(port, '127.0.0.1'), connect(port, '127.0.0.1')];
  for (const filler of fillers) filler.on('error', () => undefined);
  await Promise.all(fillers.map((filler) => once(filler, 'connect')));
  return {
    port,
    close: async () => {
      for (const filler of fillers) filler.destroy();
      await worker.terminate();
    },
  };
}

/** `answers` by name: the first look-up gets the first list, and so on; the last list repeats. */
export function scriptedLookup(
  answers: Readonly<Record<string, readonly (readonly string[])[]>>,
): Lookup & { readonly asked: string[] } {
  const asked: string[] = [];
  const lookup = async (hostname: string): Promise<readonly string[]> => {
    const lists = answers[hostname];
    if (lists === undefined) throw Object.assign(new Error(hostname), { code: 'ENOTFOUND' });
    const times = asked.filter((one) => one === hostname).length;
    asked.push(hostname);
    return lists[Math.min(times, lists.length - 1)] ?? [];
  };
  return Object.assign(lookup, { asked });
}

/** A guard that allows receivers on loopback, over http too. */
export function openGuard(options: AddressPolicyOptions = {}, lookup?: Lookup): AddressGuard {
  const policy = addressPolicy({ httpAllowed: true, allowedCidrs: loopbackCidrs, ...options });
  return createAddressGuard({ policy, clock: systemClock, lookup });
}

export const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';

export function sendRequest(url: string, change: Partial<SendRequest> = {}): SendRequest {
  return {
    id: 'msg_01JABCDEFGHJKMNPQRSTVWXYZ0',
    event: 'operation.completed',
    url,
    headers: {},
    body: '{"type":"operation.completed","status":"completed"}',
    secrets: [secret],
    traceparent: null,
    signal: new AbortController().signal,
    ...change,
  };
}
