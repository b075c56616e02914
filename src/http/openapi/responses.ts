import { json, withHeaders } from './components.ts';
import { operationExamples, type ExampleOf } from './examples.ts';
import { problemResponses } from './problems.ts';
import { reference, type Json } from './schemas.ts';

/** Links that lead on from an answer that is an operation. */
export const links: Json = {
  status: link('readOperation', 'Read the status; as often as Retry-After says.'),
  events: link('watchOperation', 'Follow it live instead.'),
  cancel: link('cancelOperation', 'Cancel it.'),
  result: link('readResult', 'Read the result, once `status` is `completed`.'),
  retry: link('retryOperation', 'Run it again, once `status` is `failed`.'),
};

/** A link to an operation whose path takes the id in the answer. */
export function link(operationId: string, description: string): Json {
  return { operationId, parameters: { id: '$response.body#/id' }, description };
}

function linked(...names: readonly string[]): Json {
  return Object.fromEntries(names.map((name) => [name, { $ref: `#/components/links/${name}` }]));
}

/** The responses shared by many paths, with examples of an operation of `of`. */
export function responses(of: ExampleOf): Json {
  const { pending, processing, completed, failed } = operationExamples(of);
  return {
    Accepted: accepted(of, linked('result')),
    Operation: {
      description: 'The operation as it is now.',
      headers: withHeaders('ETag', 'Retry-After', 'retry-after-ms', 'Preference-Applied'),
      content: {
        'application/json': {
          schema: reference('Operation'),
          examples: {
            pending: { value: pending },
            processing: { value: processing },
            completed: { value: completed },
            failed: { value: failed },
          },
        },
      },
      links: linked('status', 'events', 'cancel', 'result', 'retry'),
    },
    Result: {
      description: 'The result: JSON, or the file the task made.',
      headers: withHeaders('ETag', 'Accept-Ranges', 'Content-Disposition'),
      content: anything,
    },
    ResultRange: {
      description: 'The bytes asked for by Range.',
      headers: withHeaders('Content-Range', 'ETag', 'Accept-Ranges', 'Content-Disposition'),
      content: { '*/*': {} },
    },
    ResultUnchanged: {
      description: 'As If-None-Match has it.',
      headers: withHeaders('ETag', 'Accept-Ranges', 'Content-Disposition'),
    },
    OperationUnchanged: {
      description: 'As If-None-Match has it.',
      headers: withHeaders('ETag', 'Retry-After', 'retry-after-ms', 'Preference-Applied'),
    },
    Task: { description: 'The task.', content: json(reference('Task')) },
    ...problemResponses(of.basePath),
  };
}

/** Content of a type that only the task knows. */
export const anything: Json = { 'application/json': { schema: {} }, '*/*': {} };

/** The 202 with an operation of `of`. `result` is the link to its result. */
export function accepted(of: ExampleOf, result: Json): Json {
  return {
    description: 'Taken and stored. The status is at Location.',
    headers: withHeaders(
      'Location',
      'Retry-After',
      'retry-after-ms',
      'Operation-Location',
      'Preference-Applied',
      'Idempotent-Replayed',
    ),
    content: {
      'application/json': {
        schema: reference('Operation'),
        example: operationExamples(of).pending,
      },
    },
    links: { ...linked('status', 'events', 'cancel'), ...result },
  };
}
