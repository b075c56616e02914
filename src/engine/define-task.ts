import { limits } from '../core/limits.ts';
import { durationOption, expected, integerOption, refuseUnknownKeys } from '../core/options.ts';
import { retryPolicyDefault, type RetryPolicy } from '../core/retry.ts';
import { callerModule } from './caller-module.ts';
import { redactOption } from './redact-option.ts';
import { isolateTasks } from './isolate-thread-mark.ts';
import type { Task, TaskOptions } from './task.ts';
import type { SchemaInput, StandardJsonSchema, StandardSchema } from './standard-schema.ts';

const optionNames = [
  'path',
  'description',
  'input',
  'timeout',
  'queueTimeout',
  'deadline',
  'attempts',
  'retry',
  'concurrency',
  'priority',
  'pendingMax',
  'retention',
  'estimate',
  'resultBytesMax',
  'isolate',
  'redact',
  'run',
];

const namePattern = /^[a-z0-9][a-z0-9._-]*$/i;
/**
 * Segments of unreserved characters, except '.' and '..', which clients remove: nothing that a
 * router or a URL parser could read differently.
 */
const pathPattern = /^(?:\/(?!\.{1,2}(?:\/|$))[A-Za-z0-9._~-]+)+$/;

/**
 * Defines a task: `defineTask('reports', { input, run })`. The input and output types come from the
 * schema and from what `run` returns. Throws `invalid_option` for the first option that is wrong.
 * It only makes the task: pass that to raincheck({ tasks: [...] }).
 */
export function defineTask<
  const Name extends string,
  Schema extends StandardSchema = StandardSchema,
  Output = unknown,
>(
  name: Name,
  options: TaskOptions<Schema, Output>,
): Task<Name, SchemaInput<Schema>, Awaited<Output>> {
  if (typeof name !== 'string' || !namePattern.test(name) || name.length > limits.taskNameChars) {
    const what = `a name of letters, digits, '.', '_' and '-', at most ${limits.taskNameChars} long`;
    throw expected('name', what, name);
  }
  if (!isObject(options)) throw expected(`options of task ${name}`, 'an object', options);
  refuseUnknownKeys(`task ${name}`, options, optionNames);
  const task = checkedTask(name, options as unknown as TaskOptions, () =>
    isolateModule(name, options.isolate, defineTask),
  );
  isolateTasks()?.set(name, task);
  return task as Task<Name, SchemaInput<Schema>, Awaited<Output>>;
}

function checkedTask(name: string, options: TaskOptions, module: () => string | null): Task {
  const at = (option: string): string => `${name}.${option}`;
  const span = (option: 'timeout' | 'queueTimeout' | 'deadline', maxMs: number) =>
    nullableDuration(at(option), options[option], maxMs);
  if (typeof options.run !== 'function') throw expected(at('run'), 'a function', options.run);
  const timeoutMs = span('timeout', limits.timeoutMsMax);
  const inputJsonSchema = jsonSchemaOf(options.input);
  return {
    name,
    path: pathOption(at('path'), options.path ?? `/${name}`),
    description: textOption(at('description'), options.description),
    schema: schemaOption(at('input'), options.input),
    inputJsonSchema,
    timeoutMs: timeoutMs === undefined ? 600_000 : timeoutMs,
    queueTimeoutMs: span('queueTimeout', limits.delayMsMax) ?? null,
    deadlineMs: span('deadline', limits.delayMsMax) ?? null,
    attemptsMax: integerOption(at('attempts'), options.attempts, {
      min: 1,
      max: limits.attemptsMax,
      fallback: 3,
    }),
    retry: retryOption(at('retry'), options.retry),
    ...concurrencyOption(at('concurrency'), options.concurrency),
    priority: integerOption(at('priority'), options.priority, {
      min: limits.priorityMin,
      max: limits.priorityMax,
      fallback: 0,
    }),
    pendingMax: countOption(at('pendingMax'), options.pendingMax),
    retentionMs: durationOption(at('retention'), options.retention, {
      minMs: limits.retentionMsMin,
      maxMs: limits.retentionMsMax,
      fallback: limits.retentionMsDefault,
    }),
    estimateMs: durationOption(at('estimate'), options.estimate, {
      minMs: 0,
      maxMs: limits.timeoutMsMax,
      fallback: null,
    }),
    resultBytesMax: integerOption(at('resultBytesMax'), options.resultBytesMax, {
      min: 1,
      max: Number.MAX_SAFE_INTEGER,
      fallback: limits.resultBytesDefault,
    }),
    ...redactOption(at('redact'), options.redact, () => {
      return inputJsonSchema ?? jsonSchemaOf(options.input, { unrepresentable: 'any' });
    }),
    isolateModule: module(),
    run: options.run,
  };
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function pathOption(name: string, path: unknown): string {
  const charsMax = limits.taskPathChars;
  if (typeof path === 'string' && pathPattern.test(path) && path.length <= charsMax) return path;
  const what = `a path like '/reports': plain segments (none is '.' or '..'), no parameters, no trailing slash, at most ${charsMax} long`;
  throw expected(name, what, path);
}

function textOption(name: string, text: unknown): string | null {
  if (text === undefined) return null;
  if (typeof text === 'string') return text;
  throw expected(name, 'a text', text);
}

/** undefined: not given; null: given as "none". */
function nullableDuration(name: string, value: unknown, maxMs: number): number | null | undefined {
  if (value === null || value === undefined) return value;
  return durationOption(name, value, { minMs: 1, maxMs, fallback: null });
}

function schemaOption(name: string, schema: unknown): StandardSchema | null {
  if (schema === undefined) return null;
  const standard: unknown = isObjectOrFunction(schema) ? Reflect.get(schema, '~standard') : null;
  if (isObjectOrFunction(standard) && typeof Reflect.get(standard, 'validate') === 'function') {
    return schema as StandardSchema;
  }
  throw expected(name, 'a Standard Schema validator (zod, valibot, arktype, …)', schema);
}

/** Some validators are functions that carry the schema as a member. */
function isObjectOrFunction(value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function';
}

/**
 * The JSON Schema, by the Standard JSON Schema interface; null when the validator lacks it or
 * cannot express this schema. With the library option `unrepresentable: 'any'` zod converts as much
 * as it can.
 */
function jsonSchemaOf(
  schema: StandardSchema | undefined,
  libraryOptions?: Readonly<Record<string, unknown>>,
): Record<string, unknown> | null {
  const standard = schema?.['~standard'] as Partial<StandardJsonSchema['~standard']> | undefined;
  try {
    return standard?.jsonSchema?.input({ target: 'draft-2020-12', libraryOptions }) ?? null;
  } catch {
    return null; // e.g. a transform or z.date(), which JSON Schema cannot say
  }
}

function retryOption(name: string, retry: unknown): RetryPolicy {
  if (retry === undefined) return retryPolicyDefault;
  if (!isObject(retry)) throw expected(name, 'an object { base, factor, cap }', retry);
  refuseUnknownKeys(name, retry, ['base', 'factor', 'cap']);
  const { base, factor, cap } = retry as { base?: unknown; factor?: unknown; cap?: unknown };
  const bounds = { minMs: 0, maxMs: limits.delayMsMax };
  if (
    factor !== undefined &&
    !(typeof factor === 'number' && Number.isFinite(factor) && factor >= 1 && factor <= 100)
  ) {
    throw expected(`${name}.factor`, 'a number from 1 to 100', factor);
  }
  const baseMs = durationOption(`${name}.base`, base, {
    ...bounds,
    fallback: retryPolicyDefault.baseMs,
  });
  const capMs = durationOption(`${name}.cap`, cap, {
    ...bounds,
    fallback: Math.max(baseMs, retryPolicyDefault.capMs),
  });
  if (capMs < baseMs) throw expected(`${name}.cap`, `no shorter than \`${name}.base\``, cap);
  return { baseMs, factor: factor ?? retryPolicyDefault.factor, capMs };
}

type Concurrency = Pick<Task, 'concurrency' | 'keyConcurrency' | 'concurrencyKey'>;

function concurrencyOption(name: string, value: unknown): Concurrency {
  if (value === undefined || typeof value === 'number') {
    return { concurrency: countOption(name, value), keyConcurrency: null, concurrencyKey: null };
  }
  if (!isObject(value)) throw expected(name, 'a number or { limit, key, total }', value);
  refuseUnknownKeys(name, value, ['limit', 'key', 'total']);
  const { limit, key, total } = value as { limit?: unknown; key?: unknown; total?: unknown };
  if (limit === undefined) throw expected(`${name}.limit`, 'a whole number from 1 up', limit);
  if (typeof key !== 'function') throw expected(`${name}.key`, 'a function of the input', key);
  return {
    concurrency: countOption(`${name}.total`, total),
    keyConcurrency: countOption(`${name}.limit`, limit),
    concurrencyKey: key as (input: unknown) => string,
  };
}

function countOption(name: string, value: unknown): number | null {
  if (value === undefined) return null;
  return integerOption(name, value, { min: 1, max: Number.MAX_SAFE_INTEGER, fallback: 1 });
}

function isolateModule(name: string, isolate: unknown, define: Function): string | null {
  if (isolate === undefined || isolate === false) return null;
  if (isolate !== true) return namedModule(`${name}.isolate`, isolate);
  const module = callerModule(define);
  if (module !== null) return module;
  throw expected(
    `${name}.isolate`,
    'given as { module: import.meta.url } here, since the calling module cannot be told',
    isolate,
  );
}

function namedModule(name: string, isolate: unknown): string {
  if (!isObject(isolate))
    throw expected(name, 'true, false or { module: import.meta.url }', isolate);
  refuseUnknownKeys(name, isolate, ['module']);
  const { module } = isolate as { module?: unknown };
  if (typeof module === 'string' && URL.canParse(module)) return module;
  throw expected(`${name}.module`, 'the URL of a module, as import.meta.url', module);
}
