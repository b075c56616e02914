import { statsWindows } from '../../engine/stats.ts';
import { json, problemReference, query } from './components.ts';
import { reference, type Json } from './schemas.ts';

/** Paths for operators. */
export const serverPaths: Json = {
  '/stats': {
    get: {
      operationId: 'readStats',
      summary: 'How it goes and how it went, over all processes',
      tags: ['server'],
      parameters: [
        query('window', { enum: Object.keys(statsWindows), default: '1h' }, 'How far back.'),
      ],
      responses: {
        '200': { description: 'In numbers and in a sentence.', content: json(reference('Stats')) },
        default: problemReference,
      },
    },
  },
  '/metrics': {
    get: {
      operationId: 'readMetrics',
      summary: 'What Prometheus scrapes',
      tags: ['server'],
      responses: {
        '200': {
          description: 'In the text format of Prometheus.',
          content: { 'text/plain': { schema: { type: 'string' } } },
        },
        default: problemReference,
      },
    },
  },
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
