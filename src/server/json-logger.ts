import sonicBoom from 'sonic-boom';
import { jsonLine } from './json-line.ts';
import { logLevels, type FlushableLogger, type LogLevel } from './logger.ts';

/** Limits on gathering ordinary lines: by time, and by length. */
const gatherMs = 20;
const gatherChars = 65_536;

/**
 * A logger that writes JSON lines for machines. It writes asynchronously, so that a slow reader of
 * the log does not hold up requests. Ordinary lines are gathered for up to 20 ms, because a write
 * in each turn of the event loop took 5 µs of the 100 of a status read. Warnings and errors, with
 * all lines before them, go out at the end of the turn. Call flush() before the process ends.
 */
export function jsonLogger(p: { readonly level: LogLevel }): FlushableLogger {
  const destination = new sonicBoom.SonicBoom({ fd: 1, sync: false });
  // The reader of the log is gone, so there is nobody to report this to.
  destination.on('error', () => undefined);
  let gathered = '';
  let isUrgent = false;
  const write = (): void => {
    isUrgent = false;
    if (gathered === '') return;
    destination.write(gathered);
    gathered = '';
  };
  const writeSoon = (level: LogLevel): void => {
    const wasEmpty = gathered === '';
    if (level === 'warn' || level === 'error' || gathered.length > gatherChars) {
      if (!isUrgent) setImmediate(write);
      isUrgent = true;
    } else if (wasEmpty) setTimeout(write, gatherMs).unref();
  };
  const least = logLevels.indexOf(p.level);
  const at = (level: LogLevel) => {
    if (logLevels.indexOf(level) < least) return () => undefined;
    return (fields: object, message: string): void => {
      writeSoon(level);
      gathered += jsonLine({ level, time: isoNow(), fields, message });
    };
  };
  return {
    level: p.level,
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    flush: () => {
      write();
      try {
        destination.flushSync();
      } catch {
        // The reader of the log is gone here as well.
      }
    },
  };
}

let latest = { ms: Number.NaN, text: '' };

/**
 * The time for people who read logs, not from the engine's Clock. Kept, because many lines share a
 * millisecond.
 */
function isoNow(): string {
  const ms = Date.now();
  if (ms !== latest.ms) latest = { ms, text: new Date(ms).toISOString() };
  return latest.text;
}
