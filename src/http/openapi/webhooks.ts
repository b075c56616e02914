import { finalWebhookEvents, webhookEvents, type DeliveryEvent } from '../../core/delivery.ts';
import { eventExamples, type ExampleOf } from './examples.ts';
import { reference, type Json } from './schemas.ts';
import { ownHeaders, webhookUrl } from './webhook-schemas.ts';

/**
 * Requests that we send: the `webhooks` of the document, for registered endpoints, and the
 * `callbacks` of a submit.
 */
const sentHeaders: readonly Json[] = [
  header('webhook-id', 'The same on every attempt: what was seen before can be left alone.'),
  header('webhook-timestamp', 'Unix seconds of this attempt.'),
  header(
    'webhook-signature',
    'Standard Webhooks: `v1,` and the base64 HMAC-SHA256 of "id.timestamp.body"; several by spaces while a secret is rotated.',
  ),
];

function header(name: string, description: string): Json {
  return { name, in: 'header', required: true, schema: { type: 'string' }, description };
}

const summaries: Readonly<Record<DeliveryEvent, string>> = {
  'operation.started': 'An operation began to run',
  'operation.progress': 'A running operation reported progress',
  'operation.completed': 'An operation is completed',
  'operation.failed': 'An operation failed',
  'webhook.test': 'A person asked for a test',
};

const received: Json = {
  '2XX': { description: 'Delivered.' },
  '410': { description: 'The endpoint is gone: it is disabled.' },
  '4XX': { description: 'Sent again later, as with no answer in time.' },
  '5XX': { description: 'Sent again later; after Retry-After, where there is one.' },
};

function sent(operationId: string, events: readonly DeliveryEvent[], of: ExampleOf): Json {
  const [event = 'webhook.test'] = events;
  const examples = eventExamples(of);
  const schema = reference(event === 'webhook.test' ? 'TestEvent' : 'OperationEvent');
  return {
    post: {
      operationId,
      summary: events.length === 1 ? summaries[event] : 'An operation is final',
      tags: ['webhooks'],
      parameters: sentHeaders,
      requestBody: {
        required: true,
        content: {
          'application/json': {
            schema,
            examples: Object.fromEntries(events.map((one) => [one, { value: examples[one] }])),
          },
        },
      },
      responses: received,
      security: [],
    },
  };
}

export function openapiWebhooks(of: ExampleOf): Json {
  const events = [...webhookEvents, 'webhook.test'] as const;
  return Object.fromEntries(
    events.map((event) => [event, sent(`webhook_${event.replace('.', '_')}`, [event], of)]),
  );
}

/**
 * The callback of a submit to the address that it names; only for the end, unless it asks for more
 * events.
 */
export const submitCallbacks: Json = { ended: { $ref: '#/components/callbacks/ended' } };

export function openapiCallbacks(of: ExampleOf): Json {
  return {
    ended: {
      '{$request.body#/webhook_url}': sent('callback_webhook_url', finalWebhookEvents, of),
      '{$request.body#/webhook/url}': sent('callback_webhook', finalWebhookEvents, of),
    },
  };
}

/** Members of a submitted object that are not part of the task's input. */
export const submittedWebhook: Json = {
  webhook_url: { ...webhookUrl, description: 'Told when the operation is final.' },
  webhook: {
    type: 'object',
    properties: {
      url: webhookUrl,
      events: { type: 'array', items: { enum: webhookEvents }, minItems: 1 },
      headers: ownHeaders,
      secret: { type: 'string' },
    },
    required: ['url'],
    additionalProperties: false,
    description: 'As `webhook_url`, with more to say.',
  },
};
