import { existsSync, readFileSync } from 'node:fs';

/** What the handlers recorded themselves (raincheck.config.ts), read back. */
export type HandlerLog = {
  /** How often the handler of an operation was started. */
  readonly starts: ReadonlyMap<string, number>;
  /**
   * The operations started for one request that a client meant once: more than one is a duplicate.
   */
  readonly idsByMarker: ReadonlyMap<string, ReadonlySet<string>>;
  /** The most handlers of `keyed` that ran at once for one key, and that key. */
  readonly keyPeak: { readonly key: string; readonly count: number };
  readonly boots: number;
  /** Operations whose handler was running when the last process died. */
  readonly interrupted: ReadonlySet<string>;
  /** Operations whose handler was started since the last boot. */
  readonly startedSinceBoot: ReadonlySet<string>;
};

/**
 * Everything so far. A process is dead before the next one boots, so a boot ends every running
 * handler.
 */
export function readHandlerLog(file: string): HandlerLog {
  const starts = new Map<string, number>();
  const idsByMarker = new Map<string, Set<string>>();
  const runningByKey = new Map<string, number>();
  let running = new Set<string>();
  let interrupted = new Set<string>();
  let startedSinceBoot = new Set<string>();
  let keyPeak = { key: '', count: 0 };
  let boots = 0;
  const lines = existsSync(file) ? readFileSync(file, 'utf8').split('\n') : [];
  for (const line of lines) {
    const [word, id = '', task = '', marker = '', key = ''] = line.split(' ');
    if (word === 'boot') {
      boots += 1;
      interrupted = running;
      running = new Set();
      startedSinceBoot = new Set();
      runningByKey.clear();
    } else if (word === 'start') {
      starts.set(id, (starts.get(id) ?? 0) + 1);
      idsByMarker.set(marker, (idsByMarker.get(marker) ?? new Set()).add(id));
      running.add(id);
      startedSinceBoot.add(id);
      if (task !== 'keyed') continue;
      const count = (runningByKey.get(key) ?? 0) + 1;
      runningByKey.set(key, count);
      if (count > keyPeak.count) keyPeak = { key, count };
    } else if (word === 'end') {
      running.delete(id);
      if (task === 'keyed') runningByKey.set(key, (runningByKey.get(key) ?? 0) - 1);
    }
  }
  return { starts, idsByMarker, keyPeak, boots, interrupted, startedSinceBoot };
}
