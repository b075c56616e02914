import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { ChangedFiles } from './changed-files.ts';
import type { FromDevProcess, ToDevProcess } from './dev-process.ts';
import type { ServerParams, Taking } from './server-plan.ts';

const forwarded = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** How long a server that is replaced may take to hand back what runs: a busy loop never does. */
const makeWayMs = 3_000;
/** Whoever waits so long for a server that loads is told that it still does. */
const slowMs = 3_000;
/** And one that was told a second time to stop: longer than it takes to leave by itself. */
const cutShortMs = 5_000;

/**
 * `raincheck dev` with a config of one's own: a server in a process of its own, and another in its place whenever a
 * file that it is made of is saved.
 *
 *   a file has changed ──> the next is started; it loads and checks the config
 *     it cannot ──> it says why and ends; the old one goes on as it was
 *     it can    ──> the old one hands back what runs, which is not counted, and ends; the next opens the store and
 *                   takes the port. What is in the store stays
 *
 * When no server is left, since one ended by an error or process.exit() after it was up, or could not open the port, the
 * next change starts one. One that cannot even start the first time ends the command, as a signal does and a server that was killed.
 */
export async function runReloading(params: ServerParams): Promise<number> {
  return new Reloading(params).run();
}

/** A process with a server that serves, or is about to. */
type Server = {
  readonly child: ChildProcess;
  /** Exit code, as a shell counts it. */
  readonly ended: Promise<number>;
  /** It was told to make way. */
  isLeaving: boolean;
  /** It ends by itself, and what made it do so is told. */
  saidWhy: boolean;
};

class Reloading {
  readonly #params: ServerParams;
  readonly #files = new ChangedFiles((changed) => this.#changed(changed));
  readonly #over = Promise.withResolvers<number>();
  #serving: Server | null = null;
  #next: Server | null = null;
  /** Files that have changed since the serving one was loaded. */
  #unserved = new Set<string>();
  #port: Taking['port'] = null;
  /** One that served was killed, and what it ran is not taken up yet. */
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
    // Out of reach of the terminal's Ctrl-C, which would come a second time by us, and a second one means more.
    const child = fork(program, { detached: true });
    // Of what it told last some may be read after its exit.
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
    // A still newer one may have been started meanwhile; it is the one to serve.
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
    // Past 128 it was a signal.
    const isExit = !server.saidWhy && !server.isLeaving && code < 128;
    if (isExit && !this.#isStopping)
      note(`The server ended with code ${code} by itself: does your code call process.exit()?`);
    if (this.#serving !== null) {
      if (!this.#serving.isLeaving)
        note('The server goes on as it was. The next save tries again.');
      return;
    }
    // A signal ended it, or none ever was up; else the person is at work on it.
    const isMended = code === 1 || code === 2 || isExit || server.isLeaving;
    const goesOn = !this.#isStopping && this.#port !== null && isMended;
    if (goesOn) note('No server is up. The next save of one of its files starts one.');
    else this.#over.resolve(isExit && !this.#isStopping ? code || 1 : code);
  }

  /** The server knows what a second one means; one that is busy does not hear it. */
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
  // It may be gone already: its end tells.
  if (child.connected) child.send(message, () => undefined);
}

const slowText = 'Still loading: an import takes long, or never ends. The next save starts anew.';

function note(text: string): void {
  process.stderr.write(`raincheck dev: ${text}\n`);
}
