import { webhookEvents, type DeliveryEvent } from '../core/delivery.ts';
import { limits } from '../core/limits.ts';
import type { DeliveryFilter } from '../store/delivery-store.ts';
import { BodyReading, storedDryRun, type Members } from '../engine/body-reading.ts';
import { ownTaskNames } from '../engine/own-tasks.ts';
import type { StandardJsonSchema, StandardSchema } from '../engine/standard-schema.ts';

/**
 * A bulk redrive is an operation like any other, of a task of our own, so it has progress, pace,
 * cancel and retry. This is the only address of the task; its results are read at
 * `/operations/{id}/result`.
 */
export const redriveTask = {
  name: ownTaskNames.redrive,
  path: '/webhooks/dead-letters/redrive',
} as const;

/** What a bulk redrive is to do: the checked body of its submit. */
export type RedriveInput = {
  /** Whether to send again with the same ids, or to give up for good. */
  readonly action: 'redrive' | 'discard';
  readonly filter: RedriveFilter;
  readonly perSecond: number;
  /**
   * Whether only to count. The route itself answers that (http/dead-letters.ts), and it is never
   * stored.
   */
  readonly dryRun: boolean;
};

/**
 * `state` is a state in which a delivery ends undelivered; the other members are as in
 * DeliveryFilter.
 */
export type RedriveFilter = Omit<DeliveryFilter, 'tenant' | 'states'> & {
  readonly state: 'dead' | 'expired';
};

/** The filter as the store takes it. */
export function redriveFilter(p: {
  readonly filter: RedriveFilter;
  readonly tenant: string;
}): DeliveryFilter {
  const { state, ...rest } = p.filter;
  return { ...rest, states: [state], tenant: p.tenant };
}

const members = ['action', 'filter', 'per_second', 'dry_run'] as const;
const filterMembers = [
  'state',
  'endpoint',
  'operation',
  'event',
  'error',
  'since',
  'until',
] as const;

/** Checks the body. Throws `validation_failed` with a pointer for everything that is wrong. */
export function redriveInput(body: unknown): RedriveInput {
  const reading = new BodyReading();
  const input = readInput(reading, body);
  reading.finish();
  if (input === null) throw new Error('What could not be read was not told.');
  return input;
}

/**
 * For defineTask: the same check as a Standard Schema, and the JSON Schema that OpenAPI and the
 * command line show. It accepts only what may be stored, so no `dry_run`: a retry with an edited
 * input comes here too.
 */
export const redriveSchema = {
  '~standard': {
    version: 1,
    vendor: 'raincheck',
    validate(value) {
      const reading = new BodyReading();
      const input = readInput(reading, value);
      if (input?.dryRun === true) reading.fail(['dry_run'], storedDryRun(redriveTask.path));
      return input !== null && reading.misfits.length === 0
        ? { value: input }
        : { issues: reading.misfits };
    },
    jsonSchema: { input: () => ({ ...redriveJsonSchema }), output: () => ({}) },
  },
} as const satisfies StandardSchema<unknown, RedriveInput> & StandardJsonSchema;

const text = { type: 'string', minLength: 1 } as const;
const instant = { type: 'string', format: 'date-time' } as const;

const redriveJsonSchema = {
  type: 'object',
  properties: {
    filter: {
      type: 'object',
      description: '{} is all of them.',
      properties: {
        state: { enum: ['dead', 'expired'], default: 'dead' },
        endpoint: text,
        operation: text,
        event: { enum: webhookEvents },
        error: text,
        since: instant,
        until: instant,
      },
      additionalProperties: false,
    },
    action: { enum: ['redrive', 'discard'], default: 'redrive' },
    per_second: {
      type: 'integer',
      minimum: 1,
      maximum: limits.redrivePerSecondMax,
      default: limits.redrivePerSecondDefault,
    },
    dry_run: { type: 'boolean', default: false, description: 'Only count.' },
  },
  required: ['filter'],
  additionalProperties: false,
} as const;

/** null: it could not be read, and `reading` has the errors. */
function readInput(reading: BodyReading, body: unknown): RedriveInput | null {
  const given = reading.object([], body, members);
  if (given === null) return null;
  const filter = reading.object(['filter'], given['filter'], filterMembers);
  const action = reading.oneOf(['action'], given['action'] ?? 'redrive', ['redrive', 'discard']);
  const perSecond = reading.integer(['per_second'], given['per_second'], {
    max: limits.redrivePerSecondMax,
    fallback: limits.redrivePerSecondDefault,
  });
  const dryRun = reading.boolean(['dry_run'], given['dry_run'] ?? false);
  if (filter === null || action === null) return null;
  const read = readFilter(reading, filter);
  if (action === 'discard' && read.state === 'expired') {
    reading.fail(['filter', 'state'], 'Only dead letters can be discarded.');
  }
  return { action, filter: read, perSecond, dryRun };
}

function readFilter(reading: BodyReading, given: Members): RedriveFilter {
  const event = given['event'];
  const known: readonly DeliveryEvent[] = webhookEvents;
  return {
    state:
      reading.oneOf(['filter', 'state'], given['state'] ?? 'dead', ['dead', 'expired']) ?? 'dead',
    endpointId: reading.text(['filter', 'endpoint'], given['endpoint']),
    operationId: reading.text(['filter', 'operation'], given['operation']),
    event:
      event === undefined
        ? undefined
        : (reading.oneOf(['filter', 'event'], event, known) ?? undefined),
    error: reading.text(['filter', 'error'], given['error']),
    since: reading.instant(['filter', 'since'], given['since']),
    until: reading.instant(['filter', 'until'], given['until']),
  };
}
