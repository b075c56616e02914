export const lineLevels = ['debug', 'info', 'warn', 'error'] as const;
export type LineLevel = (typeof lineLevels)[number];

/** What a handler wrote with its context's `log`. */
export type LogLine = {
  readonly at: number;
  readonly attempt: number;
  readonly level: LineLevel;
  readonly message: string;
  /** JSON text of an object, as JSON.stringify writes it; null: none. Cut, and without secrets. */
  readonly fields: string | null;
};

/** As it is kept: lines of an operation are numbered from 1, over all its attempts. */
export type KeptLine = LogLine & { readonly number: number };
