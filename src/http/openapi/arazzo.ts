import type { Task } from '../../engine/task.ts';
import type { HttpContext } from '../context.ts';
import { resultOperationId, submitOperationId } from './task-paths.ts';
import type { Json } from './schemas.ts';
import { taskSample } from './task-sample.ts';
import { taskWords } from './task-words.ts';

/** Status reads before a workflow is given up; each waits as Retry-After asks. */
const looksMax = 10_000;
/** The pause when an answer has no Retry-After. */
const retryAfterSeconds = 1;

/**
 * The Arazzo 1.0.1 document of this server, for programs that run workflows. For each task it says
 * how to submit, poll until the end and fetch the result. It refers to the operations of
 * /openapi.json beside it.
 */
export function arazzoDocument(context: HttpContext): Json {
  const tasks = [...context.engine.tasks.values()];
  const words = taskWords(tasks);
  return {
    arazzo: '1.0.1',
    info: {
      title: 'Raincheck',
      version: context.version,
      summary: 'Submit, poll, fetch: one workflow for each task.',
    },
    sourceDescriptions: [{ name: 'raincheck', url: './openapi.json', type: 'openapi' }],
    workflows: tasks.map((task) =>
      workflow(task, { word: words.get(task.name) ?? task.name, secured: context.access.secured }),
    ),
  };
}

function workflow(task: Task, p: { readonly word: string; readonly secured: boolean }): Json {
  const { name, description } = task;
  return {
    workflowId: `run_${p.word}`,
    summary: `Submit ${name}, wait for its end, fetch the result`,
    ...(description === null ? null : { description }),
    inputs: {
      type: 'object',
      properties: {
        input: inputOf(task),
        ...(p.secured ? { token: { type: 'string', description: 'The bearer token.' } } : null),
      },
      required: p.secured ? ['input', 'token'] : ['input'],
    },
    ...(p.secured
      ? { parameters: [{ name: 'Authorization', in: 'header', value: 'Bearer {$inputs.token}' }] }
      : null),
    steps: [submitStep(p.word), pollStep, resultStep(p.word)],
    outputs: { operation_id: '$steps.submit.outputs.id', result: '$steps.result.outputs.result' },
  };
}

/**
 * The input schema of a workflow. Runners do not follow references here, and a circular one stops
 * them, so schemas with references are only in /openapi.json.
 */
function inputOf(task: Task): Json {
  const { inputJsonSchema } = task;
  const refers = JSON.stringify(inputJsonSchema ?? {}).includes('"$ref"');
  const sample = taskSample(task);
  return {
    ...(refers ? { description: 'As the body of the submit.' } : inputJsonSchema),
    ...(sample === null ? null : { default: sample.value }),
  };
}

function submitStep(word: string): Json {
  return {
    stepId: 'submit',
    description: 'It is taken and stored: 202 with the id of the operation.',
    operationId: submitOperationId(word),
    requestBody: { contentType: 'application/json', payload: '$inputs.input' },
    successCriteria: [{ condition: '$statusCode == 202' }],
    outputs: { id: '$response.body#/id' },
  };
}

const idOfSubmitted: Json = { name: 'id', in: 'path', value: '$steps.submit.outputs.id' };

const pollStep: Json = {
  stepId: 'poll',
  description: 'Look until it is final, as often as Retry-After says.',
  operationId: 'readOperation',
  parameters: [idOfSubmitted],
  successCriteria: [
    { condition: '$statusCode == 200' },
    { condition: "$response.body#/status == 'completed'" },
  ],
  onFailure: [
    {
      name: 'failed',
      type: 'end',
      criteria: [{ condition: "$response.body#/status == 'failed'" }],
    },
    {
      name: 'notYet',
      type: 'retry',
      retryAfter: retryAfterSeconds,
      retryLimit: looksMax,
      criteria: [
        {
          condition:
            "$response.body#/status == 'pending' || $response.body#/status == 'processing'",
        },
      ],
    },
  ],
  outputs: { operation: '$response.body' },
};

function resultStep(word: string): Json {
  return {
    stepId: 'result',
    description: 'The result itself.',
    operationId: resultOperationId(word),
    parameters: [idOfSubmitted],
    successCriteria: [{ condition: '$statusCode == 200' }],
    outputs: { result: '$response.body' },
  };
}
