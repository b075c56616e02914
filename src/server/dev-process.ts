import path from 'node:path';
import { Worker } from 'node:worker_threads';
import { watchImports } from './imported-files.ts';
import { runServer } from './main.ts';
import type { ServerParams, Taking } from './server-plan.ts';

/**
 * The process that runs one server of `raincheck dev` (dev-reload.ts describes the conversation).
 * It loads the config, which may fail without harm, reports the files it is made of, and serves
 * when its turn comes.
 */
export type ToDevProcess =
  | { readonly type: 'load'; readonly params: ServerParams; readonly parent: number }
  | { readonly type: 'serve'; readonly taking: Taking }
  /** Another server takes over. Running attempts are handed back at once. */
  | { readonly type: 'stop' };

export type FromDevProcess =
  /** One of the person's own files is about to be loaded. */
  | { readonly type: 'imports'; readonly file: string; readonly at: number }
  | { readonly type: 'loaded' }
  /** The process is about to end and has printed why. Without this message, user code ended it. */
  | { readonly type: 'ending' }
  | { readonly type: 'listening'; readonly asked: number; readonly port: number };

function tell(message: FromDevProcess, told: () => void = () => undefined): void {
  process.send?.(message, told);
}

const load = Promise.withResolvers<Extract<ToDevProcess, { type: 'load' }>>();
const turn = Promise.withResolvers<Taking>();
const replaced = Promise.withResolvers<void>();
process.on('message', (message: ToDevProcess) => {
  if (message.type === 'load') load.resolve(message);
  else if (message.type === 'serve') turn.resolve(message.taking);
  else replaced.resolve();
});

/** The parent was killed, so nobody would know of this process. */
const end = (): never => process.exit(1);
process.once('disconnect', end);
const { params, parent } = await load.promise;
// User code that keeps the thread busy, even at its import, blocks the 'disconnect' event above.
const watching = `./end-with-parent${path.extname(import.meta.url)}`;
new Worker(new URL(watching, import.meta.url), { workerData: parent }).unref();

watchImports((file) => tell({ type: 'imports', file, at: Date.now() }));
// Node prints the exception by itself.
process.on('uncaughtExceptionMonitor', () => tell({ type: 'ending' }));
let isLoaded = false;
let isReplaced = false;
void replaced.promise.then(() => (isReplaced = true));
const code = await runServer(params, {
  turn() {
    isLoaded = true;
    tell({ type: 'loaded' });
    return turn.promise;
  },
  listening: (asked, port) => tell({ type: 'listening', asked, port }),
  replaced: replaced.promise,
});
process.off('disconnect', end);
// Handles that user code still holds open must not keep the next server waiting.
tell({ type: 'ending' }, () => {
  if (!isLoaded || isReplaced || code === 1 || code === 2) process.exit(code);
  if (process.connected) process.disconnect();
});
process.exitCode = code;
