import createDocumentClient, {
  getLongRunningPoller,
  isUnexpected,
} from '@azure-rest/ai-document-intelligence';
import { createHttpPoller as poller3 } from '@azure/core-lro';
import { createHttpPoller as poller2 } from '@azure/core-lro-2';
import {
  createDefaultHttpClient,
  createHttpHeaders,
  createPipelineFromOptions,
  createPipelineRequest,
} from '@azure/core-rest-pipeline';
import { base, idIn, play, signal } from './scenarios.js';

/**
 * node azure.js <base>: submits as generated Azure clients do, over Azure's own HTTP pipeline with
 * its retries, and polls with @azure/core-lro.
 */
const http = createDefaultHttpClient();
const pipelineWith = (maxRetries) =>
  createPipelineFromOptions({
    retryOptions: { maxRetries, retryDelayInMs: 100, maxRetryDelayInMs: 500 },
  });
const usual = pipelineWith(3);
/**
 * For the server that is killed and started again: in Location mode its end may be a 504, which is
 * retried too.
 */
const patient = pipelineWith(100);

async function send(target, init, pipeline = usual) {
  const headers = createHttpHeaders({
    'content-type': 'application/json',
    accept: 'application/json',
  });
  const request = createPipelineRequest({
    url: new URL(target, base).href,
    headers,
    allowInsecureConnection: true,
    ...init,
  });
  const response = await pipeline.sendRequest(http, request);
  const parsed = response.bodyAsText ? JSON.parse(response.bodyAsText) : undefined;
  const raw = {
    statusCode: response.status,
    headers: response.headers.toJSON(),
    body: parsed,
    request: { method: request.method, url: request.url },
  };
  return { flatResponse: parsed, rawResponse: raw };
}

/**
 * A client that Microsoft's generator wrote, as it is published: its own types of requests,
 * pipeline and poller. A policy changes only where its first request goes; after that it follows
 * the answers.
 */
function documentClient(maxRetries) {
  const options = { maxRetries, retryDelayInMs: 100, maxRetryDelayInMs: 500 };
  const client = createDocumentClient(
    base,
    { key: 'none' },
    {
      allowInsecureConnection: true,
      retryOptions: options,
    },
  );
  client.pipeline.addPolicy({
    name: 'ours',
    async sendRequest(request, next) {
      const { url } = request;
      const submit = /\/documentintelligence\/documentModels\/(\w+):analyze/;
      request.url = url.replace(submit, '/azure/$1');
      const response = await next(request);
      request.url = url; // by which the client tells what is an answer and what an error
      return response;
    },
  });
  return client;
}

async function analyzed(task, input, scenario) {
  const client = documentClient(scenario === 'restarted' ? 100 : 3);
  const submit = client.path('/documentModels/{modelId}:analyze', task);
  const initial = await submit.post({ contentType: 'application/json', body: input });
  if (isUnexpected(initial)) throw new Error(JSON.stringify(initial.body));
  const monitor = initial.headers['operation-location'];
  const polled = signal();
  const poller = getLongRunningPoller(client, initial, {
    intervalInMs: 100,
    updateState: (state) => state.status === 'running' && polled.fire(),
  });
  const ended = poller.pollUntilDone().then(
    ({ body }) => `result ${JSON.stringify(body.result)}`,
    (error) => error.message.replace(/^The long-running operation has (failed(?:\. \w+)?).*/, '$1'),
  );
  const cancel = () => client.pathUnchecked(`${monitor}:cancel`).post();
  return { id: idIn(monitor), polled: polled.promise, ended, cancel };
}

const packages = { 2: '@azure/core-lro-2', 3: '@azure/core-lro' };
/** A poller of version 3 is a promise of its result, so an async function must not return it. */
const pollUntilDone = {
  2: async (lro, options) => (await poller2(lro, options)).pollUntilDone(),
  3: (lro, options) => poller3(lro, options).pollUntilDone(),
};

function followed(version, { url, input, options, scenario }) {
  const polled = signal();
  const submitted = Promise.withResolvers();
  const lro = {
    requestMethod: 'POST',
    requestPath: url,
    sendInitialRequest: async () => {
      const answer = await send(url, { method: 'POST', body: JSON.stringify(input) });
      submitted.resolve(answer);
      return answer;
    },
    sendPollRequest: (path) =>
      send(path, { method: 'GET' }, scenario === 'restarted' ? patient : usual),
  };
  const ended = pollUntilDone[version](lro, {
    intervalInMs: 100,
    updateState: (state) => state.status === 'running' && polled.fire(),
    ...options,
  }).then(
    (result) => `result ${JSON.stringify(result.result ?? result)}`,
    (error) => error.message.replace(/^The long-running operation has (failed(?:\. \w+)?).*/, '$1'),
  );
  return { polled: polled.promise, submitted: submitted.promise, ended };
}

/** The monitor's own address, from whichever header holds it. */
const monitorOf = ({ rawResponse: { headers } }) =>
  headers['operation-location'] ?? new URL(headers.location, base).href;

const modes = {
  'Operation-Location': {
    prefix: '/azure',
    cancel: (url) => send(`${url}:cancel`, { method: 'POST' }),
  },
  "Operation-Location, the task's own address": {
    prefix: '',
    options: { resourceLocationConfig: 'azure-async-operation' },
    cancel: (url) => send(`${url}:cancel`, { method: 'POST' }),
  },
  Location: { prefix: '/async', cancel: (url) => send(url, { method: 'DELETE' }) },
};

await Promise.all([
  play('@azure-rest/ai-document-intelligence', 'generated', analyzed),
  ...Object.keys(pollUntilDone).flatMap((version) => [
    ...Object.entries(modes).map(([mode, { prefix, options, cancel }]) =>
      play(packages[version], mode, async (task, input, scenario) => {
        const url = `${base}${prefix}/${task}`;
        const one = followed(version, { url, input, options, scenario });
        const monitor = monitorOf(await one.submitted);
        return { ...one, id: idIn(monitor), cancel: () => cancel(monitor) };
      }),
    ),
    // A poller restored from a stored state knows only the monitor: no header, and no PUT of ours
    // to begin with.
    play(packages[version], 'Body, from a state that was kept', async (task, input, scenario) => {
      const answer = await send(`${base}/azure/${task}`, {
        method: 'POST',
        body: JSON.stringify(input),
      });
      const monitor = monitorOf(answer);
      const config = { operationLocation: monitor, metadata: { mode: 'Body' } };
      const restoreFrom = JSON.stringify({ state: { status: 'running', config } });
      const one = followed(version, { url: monitor, options: { restoreFrom }, scenario });
      return {
        ...one,
        id: idIn(monitor),
        cancel: () => send(`${monitor}:cancel`, { method: 'POST' }),
      };
    }),
  ]),
]);
