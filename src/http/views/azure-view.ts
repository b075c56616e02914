import { RaincheckError } from '../../core/errors.ts';
import type { Operation } from '../../core/operation.ts';
import { tenant, type HttpContext } from '../context.ts';
import type { ExchangeReply, ExchangeRequest } from '../exchange.ts';
import { iso } from '../iso.ts';
import { originOf } from '../operation-location.ts';
import { problemOf, recordedProblem } from '../problem.ts';
import { readOperation } from '../results.ts';
import { submitForView } from '../submit.ts';
import { viewResult } from './view-result.ts';
import { withRetryAfter } from '../wire.ts';

/**
 * Operations in the form of the Azure REST API Guidelines (Long-Running Operations & Jobs): a
 * status monitor that ends in `Succeeded`, `Failed` or `Canceled`. The pollers of @azure/core-lro
 * and azure-core never end on our own `completed`. They find the monitor by `Operation-Location`,
 * which every 202 carries.
 *
 * `GET /azure/operations/{id}`
 */
export async function readAzure(
  context: HttpContext,
  request: ExchangeRequest,
  id: string,
): Promise<ExchangeReply> {
  return asAzure(context, async () =>
    monitorReply(context, request, await readOperation(context, id)),
  );
}

/** `POST /azure/operations/{id}:cancel`: 200 with the monitor, whatever the state. */
export async function cancelAzure(
  context: HttpContext,
  request: ExchangeRequest,
  idAndVerb: string,
): Promise<ExchangeReply> {
  return asAzure(context, async () => {
    const id = idAndVerb.endsWith(':cancel') ? idAndVerb.slice(0, -':cancel'.length) : '';
    const { operation } = await context.engine.cancel({
      id: (await readOperation(context, id)).id,
      tenant,
    });
    return monitorReply(context, request, operation);
  });
}

/**
 * `POST /azure{task.path}`: a submit whose answer has only `Operation-Location`. With a `Location`,
 * pollers would fetch the native status at the end and take that for the result.
 */
export async function submitAzure(
  context: HttpContext,
  request: ExchangeRequest,
  task: string,
): Promise<ExchangeReply> {
  return asAzure(context, async () => {
    const { operation, reply } = await submitForView(context, request, task);
    const { location: _, ...headers } = reply.headers;
    return { status: reply.status, headers, body: await monitor(context, request, operation) };
  });
}

async function monitorReply(
  context: HttpContext,
  request: ExchangeRequest,
  operation: Operation,
): Promise<ExchangeReply> {
  const headers: Record<string, string> = {
    'content-type': 'application/json',
    'cache-control': 'no-store',
  };
  withRetryAfter(context, operation, headers);
  return { status: 200, headers, body: await monitor(context, request, operation) };
}

async function monitor(
  context: HttpContext,
  request: ExchangeRequest,
  operation: Operation,
): Promise<string> {
  const { id, state, progress } = operation;
  const fraction = state === 'completed' ? 1 : (progress?.fraction ?? null);
  const status = azureStatus(operation);
  const members = {
    id,
    kind: operation.task,
    status,
    // The same status for pollers in Body mode, which take a 200 without it for the end.
    provisioningState: status,
    createdDateTime: iso(operation.createdAt),
    lastActionDateTime: iso(operation.finishedAt ?? operation.startedAt ?? operation.createdAt),
    ...(fraction !== null && { percentComplete: Math.floor(fraction * 100) }),
    ...(state === 'failed' && { error: azureError(context, operation) }),
  };
  const text = JSON.stringify(members);
  if (state !== 'completed') return text;
  const result = await viewResult(context, { operation, origin: originOf(context, request) });
  return `${text.slice(0, -1)},"result":${result}}`;
}

function azureStatus({ state, attempt, error }: Operation): string {
  switch (state) {
    case 'completed':
      return 'Succeeded';
    case 'failed':
      return error?.code === 'cancelled' ? 'Canceled' : 'Failed';
    case 'running':
      return 'Running';
    case 'scheduled':
    case 'ready':
    case 'parked':
      return attempt === 0 ? 'NotStarted' : 'Running';
  }
}

function azureError(context: HttpContext, operation: Operation) {
  const { code, title, detail } = recordedProblem(context.basePath, operation);
  return { code, message: detail === '' ? title : detail };
}

/** Errors in Azure's form: `{error: {code, message, details}}` and `x-ms-error-code`. */
async function asAzure(
  context: HttpContext,
  answer: () => Promise<ExchangeReply>,
): Promise<ExchangeReply> {
  try {
    return await answer();
  } catch (error) {
    if (!(error instanceof RaincheckError)) throw error;
    const { problem, headers } = problemOf(context, error);
    const { code, detail, errors } = problem;
    const details = errors?.map((one) => ({ code, target: one.pointer, message: one.detail }));
    return {
      status: problem.status,
      headers: { ...headers, 'content-type': 'application/json', 'x-ms-error-code': code },
      body: JSON.stringify({ error: { code, message: detail, ...(details && { details }) } }),
    };
  }
}
