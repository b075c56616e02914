import path from 'node:path';
import { Worker } from 'node:worker_threads';
import { watchImports } from './imported-files.ts';
import { runServer } from './main.ts';
import type { ServerParams, Taking } from './server-plan.ts';

/**
 * What runs a server of `raincheck dev` that is reloaded (dev-reload.ts has the conversation). It loads the config,
 * which may fail without any harm, tells what that is made of, and serves when its turn comes.
 */
export type ToDevProcess =
  | { readonly type: 'load'; readonly params: ServerParams; readonly parent: number }
  | { readonly type: 'serve'; readonly taking: Taking }
  /** Another takes over: at once, what runs is handed back. */
  | { readonly type: 'stop' };

export type FromDevProcess =
  /** A file of the person's is about to be loaded. */
  | { readonly type: 'imports'; readonly file: string; readonly at: number }
  | { readonly type: 'loaded' }
  /** The process is about to end, and has said why; else it was ended by user code. */
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

/** Whoever started this is gone, killed: nobody would know of this process. */
const end = (): never => process.exit(1);
process.once('disconnect', end);
const { params, parent } = await load.promise;
// User code that is busy, from its import on, hears of nothing.
const watching = `./end-with-parent${path.extname(import.meta.url)}`;
new Worker(new URL(watching, import.meta.url), { workerData: parent }).unref();

watchImports((file) => tell({ type: 'imports', file, at: Date.now() }));
// It is printed.
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
// Whatever user code still holds open must not keep the next one waiting.
tell({ type: 'ending' }, () => {
  if (!isLoaded || isReplaced || code === 1 || code === 2) process.exit(code);
  if (process.connected) process.disconnect();
});
process.exitCode = code;
