import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import process from 'node:process';

const root = path.join(import.meta.dirname, '..', '..');

type NodeParts = {
  readonly kind: 'api' | 'worker';
  /** An API node that also runs operations, and so claims them in the commit that accepts them. */
  readonly works?: boolean;
  /** The port of the API, or of a worker's health check. */
  readonly port: number;
  readonly store: string;
  readonly log: string;
  readonly env: NodeJS.ProcessEnv;
};

/**
 * One process of several on one database: `raincheck serve`, with `--role api` unless it works, or
 * `raincheck worker`, killed and started again.
 */
export class Node {
  readonly kind: 'api' | 'worker';
  readonly base: string;
  readonly #p: NodeParts;
  #child: ChildProcess | null = null;
  #stderr = '';

  constructor(p: NodeParts) {
    this.#p = p;
    this.kind = p.kind;
    this.base = `http://127.0.0.1:${p.port}`;
  }

  /** Starts the process; it answers some time later. */
  spawn(): void {
    const { kind, works = false, port, store, log, env } = this.#p;
    const command =
      kind === 'api'
        ? ['serve', ...(works ? [] : ['--role', 'api']), '--port', String(port)]
        : ['worker', '--health-port', String(port)];
    const child = spawn(
      process.execPath,
      [
        '--conditions=raincheck-source',
        path.join(root, 'src', 'cli', 'main.ts'),
        ...command,
        '--config',
        path.join(import.meta.dirname, 'nodes.config.ts'),
      ],
      {
        cwd: root,
        env: {
          ...process.env,
          // Half of each start is stripping types, so stripped files are cached.
          NODE_COMPILE_CACHE: path.join(os.tmpdir(), 'raincheck-test-compile-cache'),
          CHAOS_LOG: log,
          DATABASE_URL: store,
          RAINCHECK_LOG_LEVEL: 'error',
          ...env,
        },
        stdio: ['ignore', 'ignore', 'pipe'],
      },
    );
    child.stderr.on('data', (chunk: Buffer) => {
      this.#stderr = (this.#stderr + chunk.toString()).slice(-10_000);
    });
    this.#child = child;
  }

  /** Resolves when it takes requests; rejects when it ends first. */
  async ready(): Promise<void> {
    const child = this.#child;
    for (;;) {
      if (child === null || child.exitCode !== null) {
        throw new Error(`A node (${this.kind}) did not come up.\n${this.#stderr}`);
      }
      try {
        const response = await fetch(`${this.base}/readyz`);
        await response.arrayBuffer();
        if (response.ok) return;
      } catch {
        // Not listening yet.
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** kill -9; its handlers end with it, and the log says so. */
  async kill(): Promise<void> {
    const pid = this.#child?.pid;
    if (await this.#end('SIGKILL')) appendFileSync(this.#p.log, `${pid} killed\n`);
  }

  async stop(): Promise<void> {
    await this.#end('SIGTERM');
  }

  async #end(signal: 'SIGKILL' | 'SIGTERM'): Promise<boolean> {
    const child = this.#child;
    this.#child = null;
    if (child === null || child.exitCode !== null) return false;
    const exit = once(child, 'exit');
    child.kill(signal);
    await exit;
    return true;
  }
}
