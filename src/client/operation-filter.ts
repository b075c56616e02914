/** A filter of operations for lists and batches. All given members must match. */
export type OperationFilter = {
  readonly task?: string | undefined;
  /** Every label must match. */
  readonly labels?: Readonly<Record<string, string>> | undefined;
  /** `error.code` of failed operations. */
  readonly code?: string | undefined;
  /** Substring of the id, the error or the input. */
  readonly q?: string | undefined;
  /** Substring of the error of failed operations. */
  readonly error?: string | undefined;
  /** Members of the input by dotted path: `{ 'user.id': '42' }`. */
  readonly input?: Readonly<Record<string, string>> | undefined;
  /** Created at or after `since`, and before `until`. */
  readonly since?: Date | undefined;
  readonly until?: Date | undefined;
};
