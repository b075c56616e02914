import { sampleInput } from '../core/sample-input.ts';
import type { Task } from '../engine/task.ts';
import type { HttpContext } from './context.ts';
import { resultOperationId, submitOperationId } from './openapi-paths.ts';
import { embedded, type Json } from './openapi-schemas.ts';

/** Looks at the status before a workflow is given up; each waits as Retry-After says. */
const looksMax = 10_000;
/** Where there is no Retry-After. */
const retryAfterSeconds = 1;

/**
 * The Arazzo 1.0.1 document of this server: for each task how to submit, poll until the end and fetch the result, for
 * programs that run workflows. Its operations are those of /openapi.json beside it.
 */
export function arazzoDocument(context: HttpContext): Json {
  const ids = new Set<string>();
  return {
    arazzo: '1.0.1',
    info: {
      title: 'Raincheck',
      version: context.version,
      summary: 'Submit, poll, fetch: one workflow for each task.',
    },
    sourceDescriptions: [{ name: 'raincheck', url: './openapi.json', type: 'openapi' }],
    workflows: [...context.engine.tasks.values()].map((task, index) =>
      workflow(task, { id: workflowId(task.name, ids), index, secured: context.secured }),
    ),
  };
}

/** Of the characters that Arazzo wants; two tasks never share one. */
function workflowId(task: string, taken: Set<string>): string {
  const plain = `run_${task.replaceAll('.', '_')}`;
  let id = plain;
  for (let n = 2; taken.has(id); n += 1) id = `${plain}_${n}`;
  taken.add(id);
  return id;
}

function workflow(
  task: Task,
  p: { readonly id: string; readonly index: number; readonly secured: boolean },
): Json {
  const { name, description } = task;
  const schema = task.inputJsonSchema ?? {};
  const pointer = `#/workflows/${p.index}/inputs/properties/input`;
  return {
    workflowId: p.id,
    summary: `Submit ${name}, wait for its end, fetch the result`,
    ...(description === null ? null : { description }),
    inputs: {
      type: 'object',
      properties: {
        input: { ...embedded(schema, pointer), default: sampleInput(schema) },
        ...(p.secured ? { token: { type: 'string', description: 'The bearer token.' } } : null),
      },
      required: p.secured ? ['input', 'token'] : ['input'],
    },
    ...(p.secured
      ? { parameters: [{ name: 'Authorization', in: 'header', value: 'Bearer {$inputs.token}' }] }
      : null),
    steps: [submitStep(name), pollStep, resultStep(name)],
    outputs: { operation_id: '$steps.submit.outputs.id', result: '$steps.result.outputs.result' },
  };
}

function operation(operationId: string): string {
  return `$sourceDescriptions.raincheck.${operationId}`;
}

function submitStep(task: string): Json {
  return {
    stepId: 'submit',
    description: 'It is taken and stored: 202 with the id of the operation.',
    operationId: operation(submitOperationId(task)),
    requestBody: { contentType: 'application/json', payload: '$inputs.input' },
    successCriteria: [{ condition: '$statusCode == 202' }],
    outputs: { id: '$response.body#/id' },
  };
}

const idOfSubmitted: Json = { name: 'id', in: 'path', value: '$steps.submit.outputs.id' };

const pollStep: Json = {
  stepId: 'poll',
  description: 'Look until it is final, as often as Retry-After says.',
  operationId: operation('readOperation'),
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

function resultStep(task: string): Json {
  return {
    stepId: 'result',
    description: 'The result itself.',
    operationId: operation(resultOperationId(task)),
    parameters: [idOfSubmitted],
    successCriteria: [{ condition: '$statusCode == 200' }],
    outputs: { result: '$response.body' },
  };
}
