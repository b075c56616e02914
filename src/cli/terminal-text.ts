import { stripVTControlCharacters } from 'node:util';

/**
 * Characters that no text from a server brings to a terminal. Escape sequences could move the cursor, set the
 * title or fake lines, and bidirectional controls reorder what is read, so all of them go.
 */
// oxlint-disable-next-line no-control-regex -- control characters are what it looks for
const unsafe = /[\0-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/** Makes a text safe to print; keeps line breaks and tabs. */
export function safeText(text: string): string {
  return stripVTControlCharacters(text).replaceAll(unsafe, '');
}

/** Makes a text safe to print, on one line. */
export function safeLine(text: string): string {
  return safeText(text.replaceAll(/[\r\n\t]+/g, ' '));
}

/** The text as it is typed into a shell, quoted where it must be. */
export function shellWord(text: string): string {
  const plain = safeLine(text);
  return /^[\p{L}\p{N}_@%+=:,./-]+$/u.test(plain) ? plain : `'${plain.replaceAll("'", "'\\''")}'`;
}

// CJK, Hangul, full-width forms and emoji take two columns; combining marks and joiners none.
const wide =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]/u;
const emoji = /\p{Emoji_Presentation}/u;
const narrowless = /^(?:\p{Mn}|\p{Me}|\p{Cf})$/u;

/** Terminal columns of plain text (no escape sequences). */
export function displayWidth(text: string): number {
  let columns = 0;
  for (const character of text) {
    if (narrowless.test(character)) continue;
    columns += wide.test(character) || emoji.test(character) ? 2 : 1;
  }
  return columns;
}

/** Cuts a text to `columns` at most, with '…' where something was cut. */
export function cutTo(text: string, columns: number): string {
  if (displayWidth(text) <= columns) return text;
  let kept = '';
  let width = 1;
  for (const character of text) {
    width += displayWidth(character);
    if (width > columns) break;
    kept += character;
  }
  return columns <= 0 ? '' : `${kept}…`;
}

export type Column = {
  readonly title: string;
  readonly align?: 'right';
  /** Left out where the terminal has fewer columns than this. */
  readonly from?: number;
};

/** Aligned columns under their titles; the last one is cut at `width`. */
export function table(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  width: number,
): string[] {
  const lines = [columns.map((column) => column.title), ...rows];
  const widths = columns.map((_, i) => Math.max(...lines.map((row) => displayWidth(row[i] ?? ''))));
  return lines.map((row) => {
    const cells = columns.map((column, i) => {
      const text = row[i] ?? '';
      const padding = ' '.repeat((widths[i] ?? 0) - displayWidth(text));
      return column.align === 'right' ? padding + text : text + padding;
    });
    return cutTo(cells.join('  ').trimEnd(), width);
  });
}
