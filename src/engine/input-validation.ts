import type { FieldError } from '../core/errors.ts';
import { jsonPointer } from '../core/json-pointer.ts';
import { limits } from '../core/limits.ts';
import { cleanText, handlerFailure } from './handler-error.ts';
import type {
  SchemaIssue,
  SchemaOutcome,
  SchemaPathSegment,
  StandardSchema,
} from './standard-schema.ts';

export type Validated =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly errors: readonly FieldError[] };

const detailCharsMax = 500;

/**
 * Validates `value` by the task's schema. Sync unless the validator is async. Never throws or
 * rejects.
 */
export function validateInput(
  schema: StandardSchema | null,
  value: unknown,
): Validated | Promise<Validated> {
  if (schema === null) return { ok: true, value };
  try {
    const outcome = schema['~standard'].validate(value);
    return outcome instanceof Promise ? outcome.then(validated).catch(threw) : validated(outcome);
  } catch (error) {
    return threw(error);
  }
}

function validated(outcome: SchemaOutcome<unknown>): Validated {
  if (outcome.issues === undefined) return { ok: true, value: outcome.value };
  return { ok: false, errors: outcome.issues.slice(0, limits.inputErrors).map(fieldError) };
}

/** The author's own refinement threw: the input counts as not fitting. */
function threw(error: unknown): Validated {
  const detail = `The validator failed: ${handlerFailure(error).error.detail}`;
  return { ok: false, errors: [{ pointer: '', detail: cleanText(detail, detailCharsMax) }] };
}

function fieldError(issue: SchemaIssue): FieldError {
  return {
    pointer: jsonPointer((issue.path ?? []).map(keyOf)),
    detail: cleanText(issue.message, detailCharsMax),
  };
}

function keyOf(segment: PropertyKey | SchemaPathSegment): PropertyKey {
  return typeof segment === 'object' ? segment.key : segment;
}
