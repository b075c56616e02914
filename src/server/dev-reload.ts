import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { ChangedFiles } from './changed-files.ts';
import type { FromDevProcess, ToDevProcess } from './dev-process.ts';
import type { ServerParams, Taking } from './server-plan.ts';

const forwarded = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** How long a replaced server may take to hand back its attempts; one in a busy loop never does. */
const makeWayMs = 3_000;
/** How long a server may load before the person is told that it is still loading. */
const slowMs = 3_000;
/** How long a server may take after a second signal; longer than it needs to leave by itself. */
const cutShortMs = 5_000;

/**
 * Runs `raincheck dev` with a config file: the server has a process of its own, and another replaces
 * it whenever a file that it is made of is saved.
 *
 *   a file has changed ──> the next server is started; it loads and checks the config
 *     it fails    ──> it says why and ends; the old server goes on as it was
 *     it succeeds ──> the old server hands back its attempts, uncounted, and ends; the next opens
 *                     the store and takes the port. The data in the store stays
 *
 * A server may end by an error or process.exit() after it was up, or fail to open the port. Then no
 * server is left, and the next change starts one. The command ends when the very first server fails
 * to start, at a signal, or when a server was killed.
 */
export async function runReloading(params: ServerParams): Promise<number> {
  return new Reloading(params).run();
}

/** A process whose server serves, or is about to. */
type Server = {
  readonly child: ChildProcess;
  /** Resolves to the exit code, as a shell counts it. */
  readonly ended: Promise<number>;
  /** It was told to make way for the next one. */
  isLeaving: boolean;
  /** It announced its end itself and has printed the reason. */
  saidWhy: boolean;
};

class Reloading {
  readonly #params: ServerParams;
  readonly #files = new ChangedFiles((changed) => this.#changed(changed));
  readonly #over = Promise.withResolvers<number>();
  #serving: Server | null = null;
  #next: Server | null = null;
  /** Files changed since the serving process was loaded. */
  #unserved = new Set<string>();
  #port: Taking['port'] = null;
  /** A serving process was killed, and the attempts that it ran are not recovered yet. */
  #wasKilled = false;
  #isStopping = false;

  constructor(params: ServerParams) {
    this.#params = params;
  }

  async run(): Promise<number> {
    const forward = (signal: NodeJS.Signals): void => this.#stop(signal);
    for (const signal of forwarded) process.on(signal, forward);
    const since = Date.now() - performance.now();
    this.#start(() => ({ port: null, changed: null, wasKilled: false, since }));
    try {
      return await this.#over.promise;
    } finally {
      this.#files.close();
      for (const signal of forwarded) process.off(signal, forward);
    }
  }

  #changed(changed: readonly string[]): void {
    if (this.#isStopping) return;
    for (const file of changed) this.#unserved.add(file);
    const since = Date.now();
    this.#next?.child.kill('SIGKILL');
    this.#start(() => {
      const names = [...this.#unserved].map((file) => path.relative(process.cwd(), file));
      this.#unserved.clear();
      return { port: this.#port, changed: names.toSorted(), wasKilled: this.#wasKilled, since };
    });
  }

  #start(taking: () => Taking): void {
    const extension = path.extname(import.meta.url);
    const program = fileURLToPath(new URL(`./dev-process${extension}`, import.meta.url));
    // Detached, so that the terminal's Ctrl-C does not reach it directly. With our forwarded signal
    // it would arrive twice, and a second signal means "stop now".
    const child = fork(program, { detached: true });
    // Its last messages may be read only after its exit.
    const told = once(child, 'disconnect');
    const exit = once(child, 'exit') as Promise<[number | null, NodeJS.Signals]>;
    const ended = Promise.all([exit, told]).then(
      ([[code, signal]]) => code ?? 128 + constants.signals[signal],
    );
    const server: Server = { child, ended, isLeaving: false, saidWhy: false };
    this.#next = server;
    const slow = setTimeout(() => note(slowText), slowMs);
    void ended.then(() => clearTimeout(slow));
    child.on('message', (message: FromDevProcess) => {
      if (message.type === 'listening') {
        this.#wasKilled = false;
        this.#port = { asked: message.asked, got: message.port };
      } else if (message.type === 'imports') this.#files.add([message.file], message.at);
      else if (message.type === 'ending') server.saidWhy = true;
      else {
        clearTimeout(slow);
        void this.#replace(server, taking);
      }
    });
    void ended.then((code) => this.#ended(server, code));
    tell(child, { type: 'load', params: this.#params, parent: process.pid });
  }

  async #replace(next: Server, taking: () => Taking): Promise<void> {
    const old = this.#serving;
    if (old !== null) {
      old.isLeaving = true;
      tell(old.child, { type: 'stop' });
      const late = setTimeout(() => {
        this.#wasKilled = true;
        old.child.kill('SIGKILL');
      }, makeWayMs);
      await old.ended;
      clearTimeout(late);
    }
    // A newer one may have been started meanwhile; then that one is to serve.
    if (this.#next !== next || this.#isStopping) return;
    this.#serving = next;
    this.#next = null;
    tell(next.child, { type: 'serve', taking: taking() });
  }

  #ended(server: Server, code: number): void {
    if (server === this.#next) this.#next = null;
    else if (server === this.#serving) this.#serving = null;
    else return; // a newer one was started in its place
    if (this.#next !== null) return;
    // Codes above 128 mean a signal.
    const isExit = !server.saidWhy && !server.isLeaving && code < 128;
    if (isExit && !this.#isStopping)
      note(`The server ended with code ${code} by itself: does your code call process.exit()?`);
    if (this.#serving !== null) {
      if (!this.#serving.isLeaving)
        note('The server goes on as it was. The next save tries again.');
      return;
    }
    // The command ends if a signal ended the server or none was ever up. Otherwise the person is
    // probably fixing the code.
    const isMended = code === 1 || code === 2 || isExit || server.isLeaving;
    const goesOn = !this.#isStopping && this.#port !== null && isMended;
    if (goesOn) note('No server is up. The next save of one of its files starts one.');
    else this.#over.resolve(isExit && !this.#isStopping ? code || 1 : code);
  }

  /**
   * Forwards a signal, since the server knows what a second one means. A busy one does not hear it
   * and is killed in the end.
   */
  #stop(signal: NodeJS.Signals): void {
    const serving = this.#serving?.child;
    if (this.#isStopping) setTimeout(() => serving?.kill('SIGKILL'), cutShortMs).unref();
    this.#isStopping = true;
    this.#next?.child.kill('SIGKILL');
    this.#next = null;
    if (this.#serving === null) this.#over.resolve(128 + constants.signals[signal]);
    else this.#serving.child.kill(signal);
  }
}

function tell(child: ChildProcess, message: ToDevProcess): void {
  // The process may be gone already; its 'exit' event reports that.
  if (child.connected) child.send(message, () => undefined);
}

const slowText = 'Still loading: an import takes long, or never ends. The next save starts anew.';

function note(text: string): void {
  process.stderr.write(`raincheck dev: ${text}\n`);
}
