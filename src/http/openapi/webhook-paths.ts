import { deliveryStates, webhookEvents } from '../../core/delivery.ts';
import { redriveTask } from '../../webhooks/redrive-input.ts';
import {
  json,
  problemReference,
  problems,
  query,
  shared,
  string,
  waitedHeaders,
  withHeaders,
} from './components.ts';
import { reference, type Json } from './schemas.ts';

type About = {
  readonly operationId: string;
  readonly summary: string;
  readonly parameters?: readonly Json[];
  /** Name of the body's schema. */
  readonly body?: string;
  readonly bodyRequired?: boolean;
  readonly answers: Json;
};

function action({ parameters, body, bodyRequired = false, answers, ...about }: About): Json {
  return {
    ...about,
    tags: ['webhooks'],
    ...(parameters === undefined ? null : { parameters }),
    ...(body === undefined
      ? null
      : { requestBody: { required: bodyRequired, content: json(reference(body)) } }),
    responses: { ...answers, default: problemReference },
  };
}

/** An answer, with the address of the created or moved resource if its status has one. */
function answer(status: '200' | '201' | '202', description: string, schema: string): Json {
  const content = json(reference(schema));
  return {
    [status]: {
      description,
      content,
      ...(status === '200' ? null : { headers: withHeaders('Location') }),
    },
  };
}

function listed(schema: string): Json {
  const content = json(reference(schema));
  return { '200': { description: 'One page.', headers: withHeaders('Link'), content } };
}

const ofId: Json = { parameters: [shared('Id')] };

function secretPaths(path: string, of: 'Endpoint' | 'Server'): Json {
  const item = of === 'Endpoint' ? ofId : {};
  const whose = of === 'Endpoint' ? 'of the endpoint' : 'that signs for what has none of its own';
  return {
    [path]: {
      ...item,
      get: action({
        operationId: `list${of}Secrets`,
        summary: `Since when and until when the secrets ${whose} sign`,
        answers: answer('200', 'Never their values.', 'SecretList'),
      }),
    },
    [`${path}/rotate`]: {
      ...item,
      post: action({
        operationId: `rotate${of}Secret`,
        summary: `Replace the secret ${whose}`,
        body: 'SecretRotation',
        answers: answer('200', 'The new one, told only now.', 'RotatedSecret'),
      }),
    },
  };
}

const endpointPaths: Json = {
  '/webhooks/endpoints': {
    get: action({
      operationId: 'listEndpoints',
      summary: 'List endpoints, registered ones newest first',
      parameters: [
        query('kind', { enum: ['registered', 'request'] }, 'Only these.'),
        shared('Limit'),
        shared('Cursor'),
      ],
      answers: listed('EndpointPage'),
    }),
    post: action({
      operationId: 'createEndpoint',
      summary: 'Register an endpoint',
      body: 'NewEndpoint',
      bodyRequired: true,
      answers: { ...answer('201', 'Registered.', 'CreatedEndpoint'), ...problems(409) },
    }),
  },
  '/webhooks/endpoints/{id}': {
    ...ofId,
    get: action({
      operationId: 'readEndpoint',
      summary: 'Read an endpoint, its health and what waits for it',
      answers: answer('200', 'The endpoint.', 'Endpoint'),
    }),
    patch: action({
      operationId: 'updateEndpoint',
      summary: 'Change, disable or enable an endpoint',
      body: 'EndpointChange',
      bodyRequired: true,
      answers: answer('200', 'The endpoint as it is then.', 'Endpoint'),
    }),
    delete: action({
      operationId: 'removeEndpoint',
      summary: 'Remove an endpoint; what waits for it is cancelled',
      answers: { '204': { description: 'Removed.' } },
    }),
  },
  '/webhooks/endpoints/{id}/test': {
    ...ofId,
    post: action({
      operationId: 'testEndpoint',
      summary: 'Send a test event now',
      answers: answer('200', 'The attempt, whatever came of it.', 'TestedEndpoint'),
    }),
  },
  '/webhooks/endpoints/{id}/validate': {
    ...ofId,
    post: action({
      operationId: 'validateEndpoint',
      summary: 'Ask an endpoint for its consent now',
      answers: {
        ...answer('200', 'The endpoint as it is then, whatever it said.', 'Endpoint'),
        ...problems(422),
      },
    }),
  },
  ...secretPaths('/webhooks/endpoints/{id}/secret', 'Endpoint'),
  ...secretPaths('/webhooks/secret', 'Server'),
};

const cursor = shared('Cursor');

/** Parameters shared by the lists of deliveries. */
const filters: readonly Json[] = [
  query('endpoint', string, 'Id of the endpoint.'),
  query('operation', string, 'Id of the operation.'),
  query('event', { enum: [...webhookEvents, 'webhook.test'] }, 'Only of this event.'),
  query('error', string, "Error class of the latest attempt: 'timeout', 'dns', 'http_500' …"),
  shared('Since'),
  shared('Until'),
  shared('Limit'),
  cursor,
];

const deliveryPaths: Json = {
  '/webhooks/deliveries': {
    get: action({
      operationId: 'listDeliveries',
      summary: 'List deliveries, newest first',
      parameters: [query('state', { enum: deliveryStates }, 'Several by commas.'), ...filters],
      answers: listed('DeliveryPage'),
    }),
  },
  '/webhooks/deliveries/{id}': {
    ...ofId,
    get: action({
      operationId: 'readDelivery',
      summary: 'Read a delivery and what it sends',
      answers: answer('200', 'The delivery.', 'Delivery'),
    }),
  },
  '/webhooks/deliveries/{id}/attempts': {
    ...ofId,
    get: action({
      operationId: 'listDeliveryAttempts',
      summary: 'What became of each attempt',
      answers: answer('200', 'The latest, oldest of them first.', 'DeliveryAttemptList'),
    }),
  },
  '/webhooks/deliveries/{id}/redeliver': {
    ...ofId,
    post: action({
      operationId: 'redeliver',
      summary: 'Send a delivery again, with the same id',
      answers: {
        ...answer('202', 'It is sent as soon as its endpoint takes it.', 'Delivery'),
        ...problems(409),
      },
    }),
  },
  '/webhooks/deliveries/{id}/discard': {
    ...ofId,
    post: action({
      operationId: 'discardDelivery',
      summary: 'Give a delivery up',
      answers: { ...answer('200', 'The delivery, cancelled.', 'Delivery'), ...problems(409) },
    }),
  },
  '/webhooks/dead-letters': {
    get: action({
      operationId: 'listDeadLetters',
      summary: 'List the deliveries that used up their attempts, newest first',
      parameters: filters,
      answers: listed('DeliveryPage'),
    }),
  },
  '/webhooks/dead-letters:groups': {
    get: action({
      operationId: 'listDeadLetterGroups',
      summary: 'Dead letters by endpoint and error, the most frequent first',
      parameters: filters.filter((one) => one !== cursor),
      answers: answer('200', 'Of the newest.', 'DeadLetterGroups'),
    }),
  },
  [redriveTask.path]: {
    post: action({
      operationId: 'redriveDeadLetters',
      summary: 'Send dead letters again, or discard them, as an operation; or only count them',
      parameters: [shared('IdempotencyKey'), shared('Prefer')],
      body: 'Redrive',
      bodyRequired: true,
      answers: {
        '200': {
          description: 'How many, to `dry_run`; else `Prefer: wait` was long enough: the result.',
          headers: { ...waitedHeaders, ...withHeaders('ETag', 'Accept-Ranges') },
          content: json({ anyOf: [reference('RedriveCount'), reference('RedriveResult')] }),
        },
        '202': { $ref: '#/components/responses/Accepted' },
        ...problems(503),
      },
    }),
  },
};

export const webhookPaths: Json = { ...endpointPaths, ...deliveryPaths };
