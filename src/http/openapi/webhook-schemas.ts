import { deliveryStates, webhookEvents } from '../../core/delivery.ts';
import { limits } from '../../core/limits.ts';
import { operationStatuses } from '../../core/operation.ts';
import { redriveSchema } from '../../webhooks/redrive-input.ts';
import {
  count,
  groupsSchema,
  instant,
  instantOrNull,
  integerOrNull,
  object,
  orNull,
  reference,
  text,
  textOrNull,
  type Json,
} from './schemas.ts';

/** Schemas of webhooks, included only in the document of a server that sends them. */
const events: Json = { type: 'array', items: { enum: webhookEvents } };
const deliveryEvent: Json = { enum: [...webhookEvents, 'webhook.test'] };
const trigger: Json = { enum: ['schedule', 'manual', 'redrive'] };

export const webhookUrl: Json = {
  type: 'string',
  format: 'uri',
  maxLength: limits.webhookUrlChars,
};

/** Headers that the receiver chose. */
export const ownHeaders: Json = {
  type: 'object',
  additionalProperties: text,
  maxProperties: limits.webhookHeaders,
};

const secret: Json = {
  type: 'string',
  description: '`whsec_` and 24 to 64 bytes in base64. Default: one is made.',
};

const endpoint: Json = object(
  {
    id: { type: 'string', pattern: '^ep_[0-7][0-9A-HJKMNP-TV-Z]{25}$' },
    kind: { enum: ['registered', 'request'] },
    url: text,
    events,
    tasks: { type: ['array', 'null'], items: text },
    header_names: { type: 'array', items: text },
    description: textOrNull,
    enabled: { type: 'boolean' },
    disabled_reason: { enum: ['manual', 'gone', 'requested', 'failing', 'no_consent', null] },
    disabled_at: instantOrNull,
    created_at: instant,
    handshake: {
      anyOf: [
        object({
          state: { enum: ['awaited', 'given'] },
          asked_at: instantOrNull,
          detail: textOrNull,
          per_minute: integerOrNull,
        }),
        { type: 'null' },
      ],
    },
    health: object({
      circuit: { enum: ['closed', 'open'] },
      failures: count,
      in_flight_max: integerOrNull,
      failing_since: instantOrNull,
      last_success_at: instantOrNull,
      last_failure_at: instantOrNull,
    }),
    next_attempt_at: instantOrNull,
    next_attempt_reason: textOrNull,
    counts: object({ waiting: count, held: count, dead: count }),
    endpoint_url: text,
    deliveries_url: text,
  },
  ['counts'],
);

const createdEndpoint: Json = {
  ...endpoint,
  properties: {
    ...(endpoint['properties'] as Json),
    secret: { ...text, description: 'Told only now.' },
  },
};

const signature: Json = {
  enum: ['v1', 'v1a'],
  default: 'v1',
  description:
    '`v1`: a shared secret. `v1a`: a key pair (ed25519), of which the public key is told.',
};

const endpointMembers: Json = {
  url: webhookUrl,
  events: { ...events, minItems: 1, description: 'Default: both final ones.' },
  tasks: {
    type: ['array', 'null'],
    items: text,
    maxItems: limits.endpointTasks,
    description: 'Of which tasks. Default null: of all.',
  },
  headers: { ...ownHeaders, description: 'Sent with every delivery; never shown again.' },
  description: { ...textOrNull, maxLength: limits.endpointDescriptionChars },
  enabled: { type: 'boolean', description: 'false: deliveries are held until it is true again.' },
  handshake: {
    type: 'boolean',
    description: 'true: it is asked for its consent, and deliveries are held until it gives it.',
  },
};

const secretList: Json = object({
  secrets: {
    type: 'array',
    items: object({ created_at: instant, expires_at: instantOrNull }),
  },
});

const delivery: Json = object(
  {
    id: { type: 'string', pattern: '^msg_[0-7][0-9A-HJKMNP-TV-Z]{25}$' },
    event: deliveryEvent,
    state: { enum: deliveryStates },
    operation_id: textOrNull,
    endpoint_id: text,
    url: text,
    created_at: instant,
    attempts: count,
    failures: count,
    failures_max: count,
    last_status: integerOrNull,
    last_error: textOrNull,
    next_attempt_at: instantOrNull,
    next_attempt_reason: textOrNull,
    trigger,
    expires_at: instant,
    finished_at: instantOrNull,
    kept_until: instantOrNull,
    request: object({
      method: { const: 'POST' },
      headers: { type: 'object', additionalProperties: text },
      header_names: { type: 'array', items: text },
      body: { ...text, description: 'The very bytes, as text.' },
    }),
    delivery_url: text,
    attempts_url: text,
    operation_url: textOrNull,
  },
  ['request'],
);

const milliseconds: Json = { type: ['number', 'null'], minimum: 0 };

const deliveryAttempt: Json = object({
  number: count,
  trigger,
  started_at: instant,
  ended_at: instantOrNull,
  outcome: { enum: ['sending', 'delivered', 'failed', 'unknown'] },
  status: integerOrNull,
  error: textOrNull,
  detail: textOrNull,
  timings: orNull(
    object({
      dns_ms: milliseconds,
      connect_ms: milliseconds,
      tls_ms: milliseconds,
      first_byte_ms: milliseconds,
      total_ms: { type: 'number', minimum: 0 },
    }),
  ),
  answer: orNull(
    object({
      headers: { type: 'object', additionalProperties: text },
      excerpt: {
        anyOf: [object({ text }), object({ base64: text }), { type: 'null' }],
      },
    }),
  ),
  next_attempt_at: instantOrNull,
  next_attempt_reason: textOrNull,
});

/** The bodies of webhooks, for the `webhooks` of the document and the callbacks of a submit. */
const operationEvent: Json = object({
  type: { enum: webhookEvents },
  timestamp: instant,
  operation_id: text,
  status: { enum: operationStatuses },
  result_url: textOrNull,
  error: orNull({ type: 'object', description: '`error` of the operation.' }),
  data: object({ operation: reference('Operation') }),
});

const testEvent: Json = object({
  type: { const: 'webhook.test' },
  timestamp: instant,
  data: object({ endpoint_id: text }),
});

export const webhookSchemas: Json = {
  Endpoint: endpoint,
  CreatedEndpoint: {
    ...createdEndpoint,
    required: [...(endpoint['required'] as readonly string[]), 'secret'],
  },
  EndpointPage: object({
    endpoints: { type: 'array', items: reference('Endpoint') },
    next_cursor: textOrNull,
  }),
  NewEndpoint: {
    type: 'object',
    properties: { ...endpointMembers, secret, signature },
    required: ['url'],
    additionalProperties: false,
  },
  EndpointChange: {
    type: 'object',
    properties: endpointMembers,
    additionalProperties: false,
    description: 'What is given is replaced.',
  },
  TestedEndpoint: object({
    delivery: reference('Delivery'),
    attempt: orNull(reference('DeliveryAttempt')),
    reason: { ...textOrNull, description: 'Why no attempt could be made.' },
  }),
  SecretList: secretList,
  RotatedSecret: {
    ...secretList,
    properties: { ...(secretList['properties'] as Json), secret: text },
    required: ['secrets', 'secret'],
    description: '`secret` is told only now.',
  },
  SecretRotation: {
    type: 'object',
    properties: {
      secret,
      grace_seconds: {
        type: 'integer',
        minimum: 0,
        maximum: limits.secretGraceMsMax / 1000,
        default: limits.secretGraceMsDefault / 1000,
        description: 'How long those before it go on to sign.',
      },
    },
    additionalProperties: false,
  },
  Delivery: delivery,
  DeliveryPage: object({
    deliveries: { type: 'array', items: reference('Delivery') },
    next_cursor: textOrNull,
  }),
  DeliveryAttempt: deliveryAttempt,
  DeliveryAttemptList: object({
    attempts: { type: 'array', items: reference('DeliveryAttempt') },
  }),
  Redrive: redriveSchema['~standard'].jsonSchema.input(),
  RedriveCount: object({
    dry_run: { const: true },
    action: { enum: ['redrive', 'discard'] },
    count: { ...count, maximum: limits.deliveryCountMax },
    more: { type: 'boolean', description: 'There may be more than that.' },
  }),
  RedriveResult: object({
    action: { enum: ['redrive', 'discard'] },
    changed: count,
    skipped: { ...count, description: 'Those that were no dead letters any more.' },
  }),
  DeadLetterGroups: groupsSchema({
    endpoint_id: textOrNull,
    error: text,
    count,
    first_at: instant,
    last_at: instant,
    sample_delivery_id: text,
  }),
  OperationEvent: operationEvent,
  TestEvent: testEvent,
};
