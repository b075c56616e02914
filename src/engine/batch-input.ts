import { outcomeCodes } from '../core/errors.ts';
import { isInputPath } from '../core/input-path.ts';
import { limits } from '../core/limits.ts';
import { operationStatuses, statesOf, type OperationStatus } from '../core/operation.ts';
import type { OperationFilter } from '../store/store.ts';
import { BodyReading, storedDryRun, type Members } from './body-reading.ts';
import { ownTaskNames } from './own-tasks.ts';
import type { StandardJsonSchema, StandardSchema } from './standard-schema.ts';

/**
 * A batch does to all operations that a filter finds what a client may do to one. It is an
 * operation itself, of a task of our own, and so has progress, cancel and retry. These are the only
 * addresses of the tasks; their results are read at `/operations/{id}/result`.
 */
export const batchTasks = {
  cancel: { name: ownTaskNames.cancel, address: '/operations:batch-cancel' },
  retry: { name: ownTaskNames.retry, address: '/operations:batch-retry' },
  remove: { name: ownTaskNames.remove, address: '/operations:batch-remove' },
} as const;

export type BatchAction = keyof typeof batchTasks;
export const batchActions = Object.keys(batchTasks) as BatchAction[];

/** The body of a submit, checked. */
export type BatchInput = {
  /** Selects among the operations that can be cancelled, retried or removed at all. */
  readonly filter: Omit<OperationFilter, 'tenant'>;
  /**
   * Restricts the batch to this kind of error (core/error-fingerprint.ts); the store cannot filter
   * by it.
   */
  readonly fingerprint?: string | undefined;
  /** Most operations that the batch changes, newest first. */
  readonly limit: number;
  /** Only count. The route itself answers this (http/batches.ts); it is never stored. */
  readonly dryRun: boolean;
};

const actionable: Readonly<Record<BatchAction, readonly OperationStatus[]>> = {
  cancel: ['pending', 'processing'],
  retry: ['failed'],
  remove: ['failed', 'completed'],
};

/**
 * The default without a `status`. Completed operations are often somebody's results, so removing
 * them must be asked for.
 */
const unasked: Readonly<Record<BatchAction, readonly OperationStatus[]>> = {
  ...actionable,
  remove: ['failed'],
};

const common = ['status', 'task', 'labels', 'since', 'until', 'q', 'input'] as const;
/** Only operations that have ended have an error to filter by. */
const ofFailed = [...common, 'code', 'error', 'fingerprint'];
const filterMembers: Readonly<Record<BatchAction, readonly string[]>> = {
  cancel: common,
  retry: ofFailed,
  remove: ofFailed,
};

/** Checks the body. Throws `validation_failed` with a pointer for everything that is wrong. */
export function batchInput(action: BatchAction, body: unknown): BatchInput {
  const reading = new BodyReading();
  const input = readInput(reading, action, body);
  reading.finish();
  if (input === null) throw new Error('What could not be read was not told.');
  return input;
}

/**
 * The same check as a Standard Schema for defineTask, with the JSON Schema that OpenAPI and the
 * command line show. It accepts only what may be stored, so no `dry_run`: a retry with an edited
 * input passes here too, and would change what was only to be counted. `check` reports anything
 * else that cannot run.
 */
export function batchSchema(
  action: BatchAction,
  check: (reading: BodyReading, input: BatchInput) => void = () => undefined,
): StandardSchema<unknown, BatchInput> & StandardJsonSchema {
  return {
    '~standard': {
      version: 1,
      vendor: 'raincheck',
      validate(value: unknown) {
        const reading = new BodyReading();
        const input = readInput(reading, action, value);
        if (input !== null) {
          if (input.dryRun) reading.fail(['dry_run'], storedDryRun(batchTasks[action].address));
          check(reading, input);
        }
        return input !== null && reading.misfits.length === 0
          ? { value: input }
          : { issues: reading.misfits };
      },
      jsonSchema: { input: () => batchJsonSchema(action), output: () => ({}) },
    },
  };
}

/** null: it could not be read, and `reading` has the errors. */
function readInput(reading: BodyReading, action: BatchAction, body: unknown): BatchInput | null {
  const given = reading.object([], body, ['filter', 'limit', 'dry_run']);
  if (given === null) return null;
  const filter = reading.object(['filter'], given['filter'], filterMembers[action]);
  const limit = reading.integer(['limit'], given['limit'], {
    max: limits.batchMax,
    fallback: limits.batchMax,
  });
  const dryRun = reading.boolean(['dry_run'], given['dry_run'] ?? false);
  if (filter === null) return null;
  const fingerprint = readFingerprint(reading, filter['fingerprint']);
  return { filter: readFilter(reading, action, filter), fingerprint, limit, dryRun };
}

function readFilter(reading: BodyReading, action: BatchAction, given: Members) {
  const code = given['code'];
  return {
    states: readStatuses(reading, action, given['status']).flatMap(statesOf),
    task: readPart(reading, 'task', given['task']),
    code:
      code === undefined
        ? undefined
        : (reading.oneOf(['filter', 'code'], code, outcomeCodes) ?? undefined),
    labels: readTexts(reading, 'labels', given['labels']),
    since: reading.instant(['filter', 'since'], given['since']),
    until: reading.instant(['filter', 'until'], given['until']),
    text: readPart(reading, 'q', given['q']),
    input: readMembers(reading, given['input']),
    error: readPart(reading, 'error', given['error']),
  };
}

function readFingerprint(reading: BodyReading, given: unknown): string | undefined {
  if (given === undefined) return undefined;
  if (typeof given === 'string' && fingerprintPattern.test(given)) return given;
  reading.fail(
    ['filter', 'fingerprint'],
    'Expected what GET /errors gives: 16 hexadecimal digits.',
  );
  return undefined;
}

const refusals: Readonly<Record<BatchAction, string>> = {
  cancel: 'has ended and cannot be cancelled',
  retry: 'cannot be retried',
  remove: 'is not over and cannot be removed',
};

/** Reads one status or a list of them. */
function readStatuses(
  reading: BodyReading,
  action: BatchAction,
  given: unknown,
): readonly OperationStatus[] {
  const known = actionable[action];
  if (given === undefined) return unasked[action];
  const path = ['filter', 'status'];
  if (Array.isArray(given) && given.length === 0) reading.fail(path, 'Expected at least one.');
  return (Array.isArray(given) ? (given as unknown[]) : [given]).flatMap((one) => {
    if (operationStatuses.some((status) => status === one) && !known.some((s) => s === one)) {
      reading.fail(
        path,
        `What is ${String(one)} ${refusals[action]}: expected ${known.join(' or ')}.`,
      );
      return [];
    }
    return reading.oneOf(path, one, known) ?? [];
  });
}

function readPart(reading: BodyReading, name: string, given: unknown): string | undefined {
  const path = ['filter', name];
  const text = reading.text(path, given);
  if (text === undefined) return undefined;
  refuseUnlike(reading, path, text);
  return text;
}

function readMembers(reading: BodyReading, given: unknown) {
  const members = readTexts(reading, 'input', given);
  for (const path of Object.keys(members ?? {})) {
    if (isInputPath(path) && path.length <= limits.filterTextChars) continue;
    reading.fail(
      ['filter', 'input', path],
      "Expected names with dots between them, like 'user.id', each of letters, digits, '_', '$' and '-', a digit or '-' not first.",
    );
  }
  return members;
}

/** Reads an object whose values are texts. */
function readTexts(
  reading: BodyReading,
  name: 'labels' | 'input',
  given: unknown,
): Readonly<Record<string, string>> | undefined {
  if (given === undefined) return undefined;
  const path = ['filter', name];
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    reading.fail(path, 'Expected an object of texts.');
    return undefined;
  }
  const max = name === 'labels' ? limits.labels : limits.filterInputs;
  const entries = Object.entries(given as Members);
  if (entries.length > max) reading.fail(path, `Expected at most ${max} members.`);
  for (const [key, value] of entries) {
    if (typeof value === 'string') refuseUnlike(reading, [...path, key], value);
    else reading.fail([...path, key], 'Expected a text.');
  }
  return given as Readonly<Record<string, string>>;
}

/** Refuses texts that are longer than any name or filter. */
function refuseUnlike(reading: BodyReading, path: readonly string[], text: string): void {
  const max = path[1] === 'labels' ? limits.labelValueChars : limits.filterTextChars;
  if (text.length > max) reading.fail(path, `Expected at most ${max} characters.`);
}

const fingerprintPattern = /^[0-9a-f]{16}$/;
const text = { type: 'string', minLength: 1, maxLength: limits.filterTextChars } as const;
const instant = { type: 'string', format: 'date-time' } as const;

function batchJsonSchema(action: BatchAction): Record<string, unknown> {
  const status = { enum: actionable[action] };
  const fingerprint = { type: 'string', pattern: fingerprintPattern.source };
  const failures = { code: { enum: outcomeCodes }, error: text, fingerprint };
  return {
    type: 'object',
    properties: {
      filter: {
        type: 'object',
        description: '{} is all of them.',
        properties: {
          status: {
            anyOf: [status, { type: 'array', items: status, minItems: 1 }],
            default: unasked[action],
          },
          task: text,
          labels: textsSchema(limits.labels, limits.labelValueChars),
          since: instant,
          until: instant,
          q: text,
          input: textsSchema(limits.filterInputs, limits.filterTextChars),
          ...(action === 'cancel' ? null : failures),
        },
        additionalProperties: false,
      },
      limit: {
        type: 'integer',
        minimum: 1,
        maximum: limits.batchMax,
        default: limits.batchMax,
        description: 'At most so many, newest first.',
      },
      dry_run: { type: 'boolean', default: false, description: 'Only count.' },
    },
    required: ['filter'],
    additionalProperties: false,
  };
}

function textsSchema(maxProperties: number, maxLength: number): object {
  return { type: 'object', maxProperties, additionalProperties: { type: 'string', maxLength } };
}
