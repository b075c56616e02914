import { formatDuration } from '../core/duration.ts';
import type { WireOperation } from '../core/wire-operation.ts';
import { estimateText } from './estimate-text.ts';
import type { Output, Style } from './output.ts';
import { cutTo, displayWidth, safeLine } from './terminal-text.ts';

/**
 * The one rewritten line of a terminal:
 *
 *   op_01K7QK3M9… █████████████████▍░░░░░░░░░░░░  58%  about 8 s · 12 s · 12 of 20
 *
 * Beside it OSC 9;4 puts the same fraction into the taskbar or tab, on the terminals known to take it:
 * others would show it as a notification.
 */
const barCells = 30;
const barCellsMin = 10;
const eighths = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];
const repaintMs = 100;

export type LineParts = {
  readonly operation: WireOperation;
  /** By the server's clock, ms. */
  readonly now: number;
  /** Stands in for the rest while the server cannot be reached. */
  readonly trouble: string | null;
  readonly width: number;
};

/** The line has `width` - 1 columns at most: a full one would wrap, and then could not be rewritten. */
export function progressText(p: LineParts, style: (format: Style, text: string) => string): string {
  const { operation } = p;
  const room = p.width - 1;
  const id = shownId(operation.id, room);
  const fraction = operation.progress?.fraction ?? null;
  if (fraction === null || operation.status !== 'processing') {
    const left = room - displayWidth(id);
    return style('dim', id) + cutTo(fittingAbout(p, left), left);
  }
  const percent = ` ${String(Math.floor(fraction * 100)).padStart(3)}%`;
  const used = displayWidth(id) + percent.length + 2;
  const about = fittingAbout(p, room - used - barCells);
  const cells = Math.min(barCells, room - used - displayWidth(about));
  // The words give way before the bar does, and the bar before the percentage.
  const shown = Math.max(cells, Math.min(barCellsMin, room - used));
  if (shown < 1) return cutTo(percent.trim(), room);
  const bar = barText(fraction, shown);
  const rest = cutTo(about, room - used - shown);
  const drawn = style('cyan', bar.filled) + style('dim', bar.empty);
  return `${style('dim', id)}${drawn}${percent}${rest === '' ? '' : `  ${rest}`}`;
}

/** The words with the full estimate where there is room for it, else with the time left alone. */
function fittingAbout(p: LineParts, room: number): string {
  const estimate = estimateText(p.operation, p.now);
  const full = aboutText(p, estimate?.full ?? null);
  return displayWidth(full) <= room ? full : aboutText(p, estimate?.short ?? null);
}

/** The whole id where there is room, its beginning, or nothing; with a space behind. */
function shownId(id: string, room: number): string {
  if (room >= 109) return `${id} `;
  return room >= 64 ? `${cutTo(id, 14)} ` : '';
}

export function barText(fraction: number, cells: number): { filled: string; empty: string } {
  const steps = Math.floor(Math.min(1, Math.max(0, fraction)) * cells * 8);
  const filled = '█'.repeat(Math.floor(steps / 8)) + (eighths[steps % 8] ?? '');
  return { filled, empty: '░'.repeat(cells - filled.length) };
}

/** State and times in words; `estimate` null: without the time left. */
function aboutText(p: LineParts, estimate: string | null): string {
  const { operation, now } = p;
  const parts: string[] = [];
  if (p.trouble !== null) parts.push(p.trouble);
  else if (operation.cancel_requested_at !== null) parts.push('cancelling');
  else if (operation.status === 'pending') parts.push(waitingText(operation, now));
  if (estimate !== null) parts.push(estimate);
  parts.push(wholeSeconds(now - Date.parse(operation.created_at)));
  const progress = operation.status === 'processing' ? operation.progress : null;
  if (operation.attempt > 1)
    parts.push(`attempt ${operation.attempt} of ${operation.attempts_max}`);
  if (progress?.message) parts.push(safeLine(progress.message));
  else if (progress !== null && progress.current !== null && progress.total !== null) {
    parts.push(`${progress.current} of ${progress.total}`);
  }
  return parts.join(' · ');
}

function waitingText(operation: WireOperation, now: number): string {
  const startsIn = Date.parse(operation.ready_at ?? '') - now;
  if (!(startsIn > 0)) return 'waiting';
  return operation.attempt > 0
    ? `retrying in ${wholeSeconds(startsIn)}`
    : `starts in ${wholeSeconds(startsIn)}`;
}

/** As formatDuration, but without tenths below 10 s: they race by and tell nothing. */
export function wholeSeconds(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  return seconds < 60 ? `${seconds} s` : formatDuration(seconds * 1000);
}

/** Paints and repaints the line on stderr; `clear` before anything else is printed, `close` at the end. */
export class ProgressLine {
  readonly #output: Output;
  readonly #compose: () => string | null;
  readonly #osc: boolean;
  readonly #timer: NodeJS.Timeout;
  #painted = '';
  #reported = '';

  /** `compose` gives the line as it is now, or null for none. */
  constructor(output: Output, compose: () => string | null) {
    this.#output = output;
    this.#compose = compose;
    this.#osc = takesProgressSequence(process.env);
    this.#timer = setInterval(() => this.paint(), repaintMs);
    this.#timer.unref();
  }

  paint(): void {
    const line = this.#compose();
    if (line === null || line === this.#painted) return;
    this.#painted = line;
    // The line is overwritten, then the rest erased: erasing first flickers.
    this.#output.raw(`\r${line}\u001b[K`);
  }

  /** `fraction` is 0..1, or null while nothing is known. */
  report(fraction: number | null): void {
    const state = fraction === null ? '3;0' : `1;${Math.floor(fraction * 100)}`;
    if (!this.#osc || state === this.#reported) return;
    this.#reported = state;
    this.#output.raw(`\u001b]9;4;${state}\u0007`);
  }

  clear(): void {
    if (this.#painted !== '') this.#output.raw('\r\u001b[K');
    this.#painted = '';
  }

  close(): void {
    clearInterval(this.#timer);
    this.clear();
    if (this.#osc && this.#reported !== '') this.#output.raw('\u001b]9;4;0;0\u0007');
  }
}

/** The same list as cargo's: terminals that do not know the sequence may pop up a notification instead. */
export function takesProgressSequence(env: NodeJS.ProcessEnv): boolean {
  if (env['WT_SESSION'] !== undefined || env['ConEmuANSI'] === 'ON') return true;
  const program = env['TERM_PROGRAM'];
  if (program === 'WezTerm' || program === 'ghostty') return true;
  return program === 'iTerm.app' && (env['TERM_FEATURES'] ?? '').includes('P');
}
