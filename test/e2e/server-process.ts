import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import type { Readable } from 'node:stream';

const root = path.join(import.meta.dirname, '..', '..');

/** A raincheck server as a user starts it, from source, in a process of its own. */
export class ServerProcess implements AsyncDisposable {
  readonly #child: ChildProcess;
  /** Everything it printed so far. */
  output = '';
  /** Resolves with the exit code, or the signal that ended it. */
  readonly exited: Promise<number | NodeJS.Signals>;

  constructor(args: readonly string[], p: { env?: Record<string, string>; folder?: string } = {}) {
    const program = path.join(root, 'src/cli/main.ts');
    const flags = ['--conditions=raincheck-source', '--disable-warning=ExperimentalWarning'];
    const { PATH = '' } = process.env;
    this.#child = spawn(process.execPath, [...flags, program, ...args], {
      cwd: p.folder ?? root,
      env: { PATH, NO_COLOR: '1', ...p.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [this.#child.stdout, this.#child.stderr] as Readable[]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        this.output += text;
      });
    }
    this.exited = once(this.#child, 'close').then(
      ([code, signal]) => (code ?? signal) as number | NodeJS.Signals,
    );
  }

  /** Resolves with the first match in the output; rejects when the process ends without one. */
  async printed(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const match = pattern.exec(this.output);
      if (match !== null) return match;
      const news = Promise.race([
        once(this.#child.stdout!, 'data'),
        once(this.#child.stderr!, 'data'),
      ]);
      const ended = this.exited.then((code) => {
        if (pattern.test(this.output)) return;
        throw new Error(`The server ended (${code}) without printing ${pattern}:\n${this.output}`);
      });
      await Promise.race([news, ended]);
    }
  }

  /** The address it prints, pretty or as JSON. */
  async url(): Promise<string> {
    const [, url = ''] = await this.printed(/(?:API +|"url":")(http:[^\s"]+)/);
    return url;
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.exited;
  }
}

export function postJson(
  url: string,
  input: unknown,
  headers: Record<string, string> = {},
): Promise<Response> {
  return fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(input),
  });
}

export type Status = {
  id: string;
  status: string;
  attempt: number;
  result_url: string | null;
  result?: unknown;
  error: { code: string } | null;
};

/** Long-polls the status until `wanted` returns true. */
export async function statusWhen(
  url: string,
  wanted: (status: Status) => boolean,
  headers: Readonly<Record<string, string>> = {},
): Promise<Status> {
  for (;;) {
    const response = await fetch(url, { headers: { prefer: 'wait=10', ...headers } });
    if (response.status !== 200)
      throw new Error(`${url}: ${response.status} ${await response.text()}`);
    const status = (await response.json()) as Status;
    if (wanted(status)) return status;
    if (status.status === 'completed' || status.status === 'failed') {
      throw new Error(`Ended otherwise: ${JSON.stringify(status)}`);
    }
  }
}
