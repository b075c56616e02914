import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { RaincheckError } from '../core/errors.ts';

/** Whether only this machine can reach the address. Names other than localhost count as public. */
export function isLoopback(host: string): boolean {
  const bare = host.replace(/^\[(.*)\]$/, '$1').toLowerCase();
  if (bare === 'localhost' || bare === '::1') return true;
  return /^(?:::ffff:)?127(?:\.\d{1,3}){3}$/.test(bare);
}

/** How many ports `dev` tries after the first. */
const portTries = 20;

export type Listening = {
  readonly port: number;
  /** The port that was asked for, if another process has it. */
  readonly busyPort: number | null;
};

type ListenOptions = { readonly host: string; readonly port: number; readonly orNext: boolean };

/** Listens on the port, or with `orNext` on the first free one after it. Rejects with `port_unavailable`. */
export async function listen(server: Server, p: ListenOptions): Promise<Listening> {
  try {
    return await listenWithin(server, p);
  } catch (error) {
    const { host, port } = p;
    const reason = isBusy(error)
      ? `taken by ${portHolder(port) ?? 'another process'}. Choose another with --port or RAINCHECK_PORT.`
      : `not to be had: ${error instanceof Error ? error.message : String(error)}`;
    const message = `Port ${port} on ${host} is ${reason}`;
    throw new RaincheckError('port_unavailable', message, { cause: error });
  }
}

async function listenWithin(server: Server, p: ListenOptions): Promise<Listening> {
  const last = p.orNext && p.port !== 0 ? Math.min(65_535, p.port + portTries) : p.port;
  for (let port = p.port; ; port += 1) {
    try {
      const bound = await listenOnce(server, { host: p.host, port });
      return { port: bound, busyPort: port === p.port ? null : p.port };
    } catch (error) {
      if (!isBusy(error) || port >= last) throw error;
    }
  }
}

export function isBusy(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'EADDRINUSE';
}

function listenOnce(server: Server, p: { host: string; port: number }): Promise<number> {
  return new Promise((resolve, reject) => {
    const onError = (error: Error): void => {
      server.off('listening', onListening);
      reject(error);
    };
    const onListening = (): void => {
      server.off('error', onError);
      resolve((server.address() as AddressInfo).port);
    };
    server.once('error', onError);
    server.once('listening', onListening);
    server.listen({ host: p.host, port: p.port, backlog: 2048 });
  });
}

/**
 * The process that listens on a TCP port of this machine, like `node (process 4711)`. null: it
 * cannot be determined (not Linux, or a process of another user).
 */
export function portHolder(port: number): string | null {
  try {
    const inode = listeningInode(port);
    if (inode === null) return null;
    for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
      if (holdsSocket(pid, inode)) {
        return `${programOf(pid)} (process ${pid})`;
      }
    }
  } catch {
    // No /proc here.
  }
  return null;
}

/**
 * The socket's inode, from /proc/net/tcp: `sl local_address rem_address st … inode`; state 0A is
 * LISTEN.
 */
function listeningInode(port: number): string | null {
  const hexPort = port.toString(16).toUpperCase().padStart(4, '0');
  for (const table of ['/proc/net/tcp', '/proc/net/tcp6']) {
    for (const line of readFileSync(table, 'utf8').split('\n').slice(1)) {
      const [, local, , state, , , , , , inode] = line.trim().split(/\s+/);
      if (state === '0A' && local?.endsWith(`:${hexPort}`) === true) return inode ?? null;
    }
  }
  return null;
}

function programOf(pid: string): string {
  const [program = ''] = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  return path.basename(program) || 'a program';
}

function holdsSocket(pid: string, inode: string): boolean {
  try {
    return readdirSync(`/proc/${pid}/fd`).some(
      (fd) => readlinkSync(`/proc/${pid}/fd/${fd}`) === `socket:[${inode}]`,
    );
  } catch {
    return false; // gone, or not ours to look at
  }
}
