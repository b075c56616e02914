import { webhookEvents, type DeliveryEvent } from '../core/delivery.ts';
import { json } from './openapi-components.ts';
import { reference, type Json } from './openapi-schemas.ts';
import { ownHeaders, webhookUrl } from './openapi-webhook-schemas.ts';

/** What is sent: the `webhooks` of the document, for registered endpoints, and the `callbacks` of a submit. */
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
  '2XX': { description: 'Delivered. Anything else is sent again; 410 disables the endpoint.' },
};

function sent(event: DeliveryEvent): Json {
  const schema = reference(event === 'webhook.test' ? 'TestEvent' : 'OperationEvent');
  return {
    post: {
      summary: summaries[event],
      parameters: sentHeaders,
      requestBody: { required: true, content: json(schema) },
      responses: received,
      security: [],
    },
  };
}

export const openapiWebhooks: Json = Object.fromEntries(
  ([...webhookEvents, 'webhook.test'] as const).map((event) => [event, sent(event)]),
);

/** Of a submit: to the address it names, the end unless it asks for more. */
export const submitCallbacks: Json = {
  ended: {
    '{$request.body#/webhook_url}': sent('operation.completed'),
    '{$request.body#/webhook/url}': sent('operation.completed'),
  },
};

/** The members of a submitted object that are no input of the task. */
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
