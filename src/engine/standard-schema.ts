/**
 * The validator interfaces that a task uses: Standard Schema 1 and Standard JSON Schema 1
 * (standardschema.dev), which zod, valibot, arktype and others implement. Types only, and short: a
 * package for them would be one more to install.
 */
export type StandardSchema<Input = unknown, Output = Input> = {
  readonly '~standard': StandardProps<Input, Output> & {
    readonly validate: (value: unknown) => SchemaOutcome<Output> | Promise<SchemaOutcome<Output>>;
  };
};

/** A validator that can export its JSON Schema. */
export type StandardJsonSchema<Input = unknown, Output = Input> = {
  readonly '~standard': StandardProps<Input, Output> & {
    readonly jsonSchema: { readonly input: ToJsonSchema; readonly output: ToJsonSchema };
  };
};

type StandardProps<Input, Output> = {
  readonly version: 1;
  readonly vendor: string;
  /** Exists only as a type, never at run time. */
  readonly types?: { readonly input: Input; readonly output: Output } | undefined;
};

/** `issues` is present only when the value does not fit. */
export type SchemaOutcome<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] };

export type SchemaIssue = {
  readonly message: string;
  readonly path?: readonly (PropertyKey | SchemaPathSegment)[] | undefined;
};

export type SchemaPathSegment = { readonly key: PropertyKey };

/** Throws for what JSON Schema cannot express. */
type ToJsonSchema = (options: {
  readonly target: 'draft-2020-12' | 'draft-07' | 'openapi-3.0' | (string & {});
  /** Options that only one validator library understands. */
  readonly libraryOptions?: Readonly<Record<string, unknown>> | undefined;
}) => Record<string, unknown>;

/** The type that the validator accepts. */
export type SchemaInput<Schema extends StandardSchema> = NonNullable<
  Schema['~standard']['types']
>['input'];

/** The type that the validator returns, which a handler receives. */
export type SchemaOutput<Schema extends StandardSchema> = NonNullable<
  Schema['~standard']['types']
>['output'];
