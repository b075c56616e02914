import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import net from 'node:net';
import path from 'node:path';
import process from 'node:process';

const root = path.join(import.meta.dirname, '..');
const startMsMax = 15_000;
const started = new Set<ServerProcess>();

/** Stops all servers that still run, for example after a failure. */
export async function stopServers(): Promise<void> {
  await Promise.all([...started].map((server) => server.stop()));
}

export type Memory = { readonly rss: number; readonly live: number };

/** A server under test in a process of its own. */
export type ServerProcess = {
  readonly name: string;
  readonly port: number;
  /** CPU time the process has used so far, in ms over all its threads. */
  cpuMs(): Promise<number>;
  /** Resident memory, and the used part of heap and buffers, in bytes, after a collection. */
  memory(): Promise<Memory>;
  /** Asks it to stop and waits until it has ended. */
  stop(): Promise<void>;
};

/**
 * Starts `node …args` with the CPU probe, and resolves once it answers HTTP. Its port is in the
 * environment as PORT, and replaces `{port}` in its arguments.
 */
export async function startServer(p: {
  readonly name: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}): Promise<ServerProcess> {
  const port = await freePort();
  const probe = path.join(import.meta.dirname, 'cpu-probe.ts');
  const args = p.args.map((argument) => argument.replace('{port}', String(port)));
  const child = spawn(process.execPath, ['--import', probe, ...args], {
    cwd: root,
    env: { ...process.env, NODE_ENV: 'production', PORT: String(port), ...p.env },
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  const errors: string[] = [];
  child.stderr?.on('data', (chunk: Buffer) => {
    if (errors.length < 50) errors.push(chunk.toString());
  });
  const server = new Child(p.name, { child, port, errors });
  started.add(server);
  await server.answers();
  return server;
}

class Child implements ServerProcess {
  readonly name: string;
  readonly port: number;
  readonly #child: ChildProcess;
  readonly #errors: readonly string[];

  constructor(name: string, p: { child: ChildProcess; port: number; errors: readonly string[] }) {
    this.name = name;
    this.port = p.port;
    this.#child = p.child;
    this.#errors = p.errors;
  }

  async answers(): Promise<void> {
    const until = performance.now() + startMsMax;
    while (performance.now() < until) {
      if (this.#child.exitCode !== null) break;
      if (await answersHttp(this.port)) return;
    }
    this.#child.kill('SIGKILL');
    throw new Error(`${this.name} did not start.\n${this.#errors.join('')}`);
  }

  async cpuMs(): Promise<number> {
    const answer = once(this.#child, 'message') as Promise<[number]>;
    this.#child.send('cpu');
    const [ms] = await answer;
    return ms;
  }

  async memory(): Promise<Memory> {
    const answer = once(this.#child, 'message') as Promise<[Memory]>;
    this.#child.send('memory');
    const [memory] = await answer;
    return memory;
  }

  async stop(): Promise<void> {
    started.delete(this);
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exit = once(this.#child, 'exit');
    this.#child.kill('SIGTERM');
    const force = setTimeout(() => this.#child.kill('SIGKILL'), 10_000);
    await exit;
    clearTimeout(force);
  }
}

async function answersHttp(port: number): Promise<boolean> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}/readyz`);
    await response.arrayBuffer();
    return response.status < 500;
  } catch {
    await new Promise((resolve) => setTimeout(resolve, 20));
    return false;
  }
}

export async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as net.AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
