import { json, problemReference } from './openapi-components.ts';
import { reference, type Json } from './openapi-schemas.ts';

/** What operators ask for. */
export const serverPaths: Json = {
  '/workers': {
    get: {
      operationId: 'listWorkers',
      summary: 'List the processes on the store',
      tags: ['server'],
      responses: {
        '200': { description: 'By their heartbeats.', content: json(reference('WorkerList')) },
        default: problemReference,
      },
    },
  },
};
