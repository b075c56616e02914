/** Which operations: all given members must match. Lists and batches share it. */
export type OperationFilter = {
  readonly task?: string | undefined;
  /** Every one must match. */
  readonly labels?: Readonly<Record<string, string>> | undefined;
  /** `error.code` of failed operations. */
  readonly code?: string | undefined;
  /** Part of the id, the error or the input. */
  readonly q?: string | undefined;
  /** Part of the error of failed operations. */
  readonly error?: string | undefined;
  /** Members of the input by dotted path: `{ 'user.id': '42' }`. */
  readonly input?: Readonly<Record<string, string>> | undefined;
  /** Created at or after, before. */
  readonly since?: Date | undefined;
  readonly until?: Date | undefined;
};
