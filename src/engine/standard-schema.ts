/**
 * What a task needs of a validator: the interfaces Standard Schema 1 and Standard JSON Schema 1 (standardschema.dev), as
 * zod, valibot, arktype and others have them. Types alone, and short: a package for them would be one more to install.
 */
export type StandardSchema<Input = unknown, Output = Input> = {
  readonly '~standard': StandardProps<Input, Output> & {
    readonly validate: (value: unknown) => SchemaOutcome<Output> | Promise<SchemaOutcome<Output>>;
  };
};

/** A validator that tells its JSON Schema. */
export type StandardJsonSchema<Input = unknown, Output = Input> = {
  readonly '~standard': StandardProps<Input, Output> & {
    readonly jsonSchema: { readonly input: ToJsonSchema; readonly output: ToJsonSchema };
  };
};

type StandardProps<Input, Output> = {
  readonly version: 1;
  readonly vendor: string;
  /** Never there at run time. */
  readonly types?: { readonly input: Input; readonly output: Output } | undefined;
};

/** `issues` only where the value does not fit. */
export type SchemaOutcome<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] };

export type SchemaIssue = {
  readonly message: string;
  readonly path?: readonly (PropertyKey | SchemaPathSegment)[] | undefined;
};

export type SchemaPathSegment = { readonly key: PropertyKey };

/** Throws for what JSON Schema cannot say. */
type ToJsonSchema = (options: {
  readonly target: 'draft-2020-12' | 'draft-07' | 'openapi-3.0' | (string & {});
  /** For one validator alone. */
  readonly libraryOptions?: Readonly<Record<string, unknown>> | undefined;
}) => Record<string, unknown>;

/** What the validator takes. */
export type SchemaInput<Schema extends StandardSchema> = NonNullable<
  Schema['~standard']['types']
>['input'];

/** What it makes of it: what a handler gets. */
export type SchemaOutput<Schema extends StandardSchema> = NonNullable<
  Schema['~standard']['types']
>['output'];
