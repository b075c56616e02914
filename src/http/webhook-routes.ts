import { redriveTask } from '../webhooks/redrive-input.ts';
import type { HttpContext, Params, WebhookContext } from './context.ts';
import { listDeadLetterGroups, listDeadLetters, redriveDeadLetters } from './dead-letters.ts';
import {
  discardDelivery,
  listDeliveries,
  listDeliveryAttempts,
  readDelivery,
  redeliver,
} from './deliveries.ts';
import {
  createEndpoint,
  listEndpoints,
  readEndpoint,
  removeEndpoint,
  testEndpoint,
  updateEndpoint,
  validateEndpoint,
} from './endpoints.ts';
import { route, type Route } from './route.ts';
import { listSecrets, rotateSecret } from './webhook-secrets.ts';

/** The routes of webhooks; none where no webhooks are sent. */
export function webhookRoutes(plain: HttpContext): Route[] {
  const { webhooks } = plain;
  if (webhooks === null) return [];
  const context: WebhookContext = { ...plain, webhooks };
  const id = (params: Params): string => params['id'] ?? '';
  return [
    route('/webhooks/endpoints', {
      scope: { post: 'admin' },
      get: (request) => listEndpoints(context, request),
      post: (request) => createEndpoint(context, request),
    }),
    route('/webhooks/endpoints/:id', {
      scope: { patch: 'admin', delete: 'admin' },
      get: (_, params) => readEndpoint(context, id(params)),
      patch: (request, params) => updateEndpoint(context, request, id(params)),
      delete: (_, params) => removeEndpoint(context, id(params)),
    }),
    route('/webhooks/endpoints/:id/test', {
      post: (_, params) => testEndpoint(context, id(params)),
    }),
    route('/webhooks/endpoints/:id/validate', {
      post: (_, params) => validateEndpoint(context, id(params)),
    }),
    route('/webhooks/endpoints/:id/secret', {
      scope: 'admin',
      get: (_, params) => listSecrets(context, id(params)),
    }),
    route('/webhooks/endpoints/:id/secret/rotate', {
      scope: 'admin',
      post: (request, params) => rotateSecret(context, request, id(params)),
    }),
    route('/webhooks/secret', { scope: 'admin', get: () => listSecrets(context, null) }),
    route('/webhooks/secret/rotate', {
      scope: 'admin',
      post: (request) => rotateSecret(context, request, null),
    }),
    route('/webhooks/deliveries', { get: (request) => listDeliveries(context, request) }),
    route('/webhooks/deliveries/:id', { get: (_, params) => readDelivery(context, id(params)) }),
    route('/webhooks/deliveries/:id/attempts', {
      get: (_, params) => listDeliveryAttempts(context, id(params)),
    }),
    route('/webhooks/deliveries/:id/redeliver', {
      post: (_, params) => redeliver(context, id(params)),
    }),
    route('/webhooks/deliveries/:id/discard', {
      post: (_, params) => discardDelivery(context, id(params)),
    }),
    route('/webhooks/dead-letters', { get: (request) => listDeadLetters(context, request) }),
    route('/webhooks/dead-letters::groups', {
      get: (request) => listDeadLetterGroups(context, request),
    }),
    route(redriveTask.path, { post: (request) => redriveDeadLetters(context, request) }),
  ];
}
