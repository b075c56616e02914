import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import net from 'node:net';
import path from 'node:path';
import process from 'node:process';

const root = path.join(import.meta.dirname, '..', '..');
const startMsMax = 20_000;

type ServerParts = {
  readonly port: number;
  readonly db: string;
  readonly log: string;
  readonly preload: string | null;
  /** In addition to what every run sets. */
  readonly env?: NodeJS.ProcessEnv;
};

/** Our server as a user runs it, on one port and one database file, killed and started again. */
export class Server {
  readonly base: string;
  readonly #p: ServerParts;
  #child: ChildProcess | null = null;
  #stderr = '';

  constructor(p: ServerParts) {
    this.#p = p;
    this.base = `http://127.0.0.1:${p.port}`;
  }

  /** The end of what the servers wrote to stderr. */
  get stderr(): string {
    return this.#stderr;
  }

  /** Starts the process; it answers some time later (see `ready`). */
  spawn(): void {
    const { port, db, log, preload, env } = this.#p;
    const args = [
      ...(preload === null ? [] : ['--import', preload]),
      '--conditions=raincheck-source',
      path.join(root, 'src', 'cli', 'main.ts'),
      'serve',
      '--config',
      path.join(import.meta.dirname, 'raincheck.config.ts'),
      '--port',
      String(port),
    ];
    const child = spawn(process.execPath, args, {
      cwd: root,
      env: {
        ...process.env,
        CHAOS_LOG: log,
        RAINCHECK_STORE: db,
        RAINCHECK_LOG_LEVEL: 'error',
        ...env,
      },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    child.stderr.on('data', (chunk: Buffer) => {
      this.#stderr = (this.#stderr + chunk.toString()).slice(-10_000);
    });
    this.#child = child;
  }

  /** Resolves when it takes requests; rejects when it does not come up. */
  async ready(): Promise<void> {
    const until = performance.now() + startMsMax;
    while (performance.now() < until) {
      if (this.#child?.exitCode !== null) break;
      try {
        const response = await fetch(`${this.base}/readyz`);
        await response.arrayBuffer();
        if (response.ok) return;
      } catch {
        // Not listening yet.
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    throw new Error(`The server did not come up again.\n${this.#stderr}`);
  }

  async signal(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const child = this.#child;
    this.#child = null;
    if (child === null || child.exitCode !== null) return;
    const exit = once(child, 'exit');
    child.kill(signal);
    await exit;
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
