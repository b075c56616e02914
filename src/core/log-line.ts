/** The levels of a line, from least to most important. */
export const lineLevels = ['debug', 'info', 'warn', 'error'] as const;
/** How much a line matters. */
export type LineLevel = (typeof lineLevels)[number];

/** A line that a handler wrote with its context's `log`. */
export type LogLine = {
  /** Instant in ms. */
  readonly at: number;
  readonly attempt: number;
  readonly level: LineLevel;
  readonly message: string;
  /**
   * JSON text of an object, as JSON.stringify writes it; null: none. Shortened, and without
   * secrets.
   */
  readonly fields: string | null;
};

/** A stored line. The lines of an operation are numbered from 1, over all its attempts. */
export type KeptLine = LogLine & { readonly number: number };
