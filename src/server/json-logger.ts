import sonicBoom from 'sonic-boom';
import { jsonLine } from './json-line.ts';
import { logLevels, type FlushableLogger, type LogLevel } from './logger.ts';

/** How long an ordinary line may wait for company, and how much of it. */
const gatherMs = 20;
const gatherChars = 65_536;

/**
 * JSON lines for machines, written asynchronously, so that a slow reader of the log does not hold up requests.
 * Ordinary lines are gathered for up to 20 ms: a write of its own for each turn of the event loop was 5 µs of the
 * 100 of a status read. Warnings and errors, with all that came before, go out at the end of the turn. flush()
 * before the process ends.
 */
export function jsonLogger(p: { readonly level: LogLevel }): FlushableLogger {
  const destination = new sonicBoom.SonicBoom({ fd: 1, sync: false });
  // The reader of the log is gone: there is nobody left to tell.
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

/** The time for people who read logs; the engine's instants come from its Clock. Many lines share a ms. */
function isoNow(): string {
  const ms = Date.now();
  if (ms !== latest.ms) latest = { ms, text: new Date(ms).toISOString() };
  return latest.text;
}
